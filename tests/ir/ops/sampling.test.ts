import { describe, expect, it } from 'vitest';
import type { AttrsFor } from '../../../src/ir/edit.js';
import { symbol } from '../../../src/ir/scalar.js';
import { counting, inferOp, runOp, tensor, valuesOf } from './run-op.js';

const RESIZE: Omit<AttrsFor<'resize'>, 'sizes'> = {
  mode: 'linear',
  coordinates: 'half_pixel',
  nearest: 'round_prefer_floor',
  cubic_a: -0.75,
  exclude_outside: false,
  extrapolation: 0,
  antialias: false,
};

describe('resize', () => {
  const x = tensor('f32', [4], [0, 1, 2, 3]);
  const resized = (attrs: Partial<AttrsFor<'resize'>>): number[] =>
    valuesOf('resize', [x], { ...RESIZE, sizes: [2], ...attrs });

  it('interpolates along each axis', () => {
    expect(resized({ sizes: [8] })).toEqual([0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3]);
    expect(resized({ sizes: [7], coordinates: 'align_corners' })).toEqual([0, 0.5, 1, 1.5, 2, 2.5, 3]);
    expect(resized({ sizes: [2], coordinates: 'asymmetric' })).toEqual([0, 2]);
    const square = tensor('f32', [2, 2], [0, 2, 4, 6]);
    expect(valuesOf('resize', [square], { ...RESIZE, sizes: [3, 2] })).toEqual([0, 2, 2, 4, 4, 6]);
  });

  it('rounds to the nearest in four ways', () => {
    const nearest = (how: AttrsFor<'resize'>['nearest']): number[] =>
      resized({ mode: 'nearest', nearest: how, coordinates: 'asymmetric', sizes: [8] });
    expect(nearest('floor')).toEqual([0, 0, 1, 1, 2, 2, 3, 3]);
    expect(nearest('ceil')).toEqual([0, 1, 1, 2, 2, 3, 3, 3]);
    expect(nearest('round_prefer_floor')).toEqual([0, 0, 1, 1, 2, 2, 3, 3]);
    expect(nearest('round_prefer_ceil')).toEqual([0, 1, 1, 2, 2, 3, 3, 3]);
  });

  it('smooths when it shrinks with antialias, keeping constants', () => {
    expect(resized({ antialias: true })).toEqual([0.625, 2.375]);
    const ones = tensor('f32', [7], Array(7).fill(1));
    for (const mode of ['linear', 'cubic'] as const)
      for (const exclude_outside of [false, true])
        for (const y of valuesOf('resize', [ones], { ...RESIZE, mode, antialias: true, exclude_outside, sizes: [3] }))
          expect(y).toBeCloseTo(1, 6);
  });

  it('extrapolates outside the region of interest', () => {
    const y = resized({ coordinates: 'tf_crop_and_resize', roi: [0, 2], extrapolation: 9, sizes: [4] });
    expect(y).toEqual([0, 2, 9, 9]);
    expect(() => inferOp('resize', [x], { ...RESIZE, coordinates: 'tf_crop_and_resize', sizes: [4] })).toThrow(
      /roi: expected/,
    );
  });

  it('uses the scales where they are given', () => {
    const [first, second] = resized({ scales: [0.6], sizes: [2] });
    expect(first).toBeCloseTo(1 / 3, 6);
    expect(second).toBe(2);
  });

  it('resizes integers, nothing, and to symbolic sizes', () => {
    expect(valuesOf('resize', [tensor('u8', [2], [0, 255])], { ...RESIZE, sizes: [4] })).toEqual([0, 63, 191, 255]);
    expect(runOp('resize', [x], { ...RESIZE, sizes: [0] })[0]?.shape).toEqual([0]);
    const n = symbol('n');
    expect(inferOp('resize', [x], { ...RESIZE, sizes: [n] })[0]?.shape).toEqual([n]);
    expect(() => inferOp('resize', [tensor('f32', [0], [])], { ...RESIZE, sizes: [2] })).toThrow(
      /elements along axis 0/,
    );
  });
});

describe('grid_sample', () => {
  const x = counting('f32', [1, 1, 2, 2]);
  const sample = (points: readonly number[], attrs: Partial<AttrsFor<'grid_sample'>>): number[] =>
    valuesOf('grid_sample', [x, tensor('f32', [1, 1, points.length / 2, 2], points)], {
      mode: 'linear',
      padding: 'zeros',
      align_corners: true,
      ...attrs,
    });

  it('reads corners and between', () => {
    expect(sample([-1, -1, 1, -1, -1, 1, 1, 1, 0, 0], {})).toEqual([0, 1, 2, 3, 1.5]);
    expect(sample([-0.5, -0.5], { align_corners: false })).toEqual([0]);
    expect(sample([0.9, -1], { mode: 'nearest' })).toEqual([1]);
  });

  it('pads with zeros, the border or the mirror image', () => {
    expect(sample([3, 1], {})).toEqual([0]);
    expect(sample([3, 1], { padding: 'border' })).toEqual([3]);
    expect(sample([3, 1], { padding: 'reflection' })).toEqual([2]);
    expect(sample([1, 1], { align_corners: false })).toEqual([0.75]);
  });

  it('fits a cubic through the samples', () => {
    expect(sample([-1, -1, 1, 1], { mode: 'cubic', padding: 'border' })).toEqual([0, 3]);
  });

  it('refuses a grid of other coordinates', () => {
    expect(() =>
      inferOp('grid_sample', [x, { dtype: 'f32', shape: [1, 2, 2, 3] }], {
        mode: 'linear',
        padding: 'zeros',
        align_corners: true,
      }),
    ).toThrow(/coordinates of grid.*expected 2, found 3/);
  });
});

describe('pools', () => {
  const x = counting('f32', [1, 1, 3, 4]);
  const window = {
    kernel: [2, 2],
    strides: [2, 2],
    dilations: [1, 1],
    pads_before: [0, 0],
    pads_after: [0, 0],
    ceil: false,
  };

  it('takes maxima and their places', () => {
    const attrs = { ...window, indices: true, column_major: false };
    const [values, indices] = runOp('max_pool', [x], attrs);
    expect([values?.shape, values?.data, indices?.data]).toEqual([
      [1, 1, 1, 2],
      Float32Array.of(5, 7),
      BigInt64Array.of(5n, 7n),
    ]);
    expect(runOp('max_pool', [x], { ...attrs, column_major: true })[1]?.data).toEqual(BigInt64Array.of(4n, 10n));
    expect(valuesOf('max_pool', [x], { ...attrs, indices: false, ceil: true })).toEqual([5, 7, 9, 11]);
    expect(
      valuesOf('max_pool', [tensor('u8', [1, 1, 2], [3, 200])], {
        kernel: [2],
        strides: [1],
        dilations: [1],
        pads_before: [1],
        pads_after: [0],
        ceil: false,
        indices: false,
        column_major: false,
      }),
    ).toEqual([3, 200]);
  });

  it('takes means, with or without the padding', () => {
    const attrs = { ...window, pads_before: [1, 1], pads_after: [0, 0], ceil: false };
    expect(valuesOf('average_pool', [x], { ...attrs, count_include_pad: false })).toEqual([0, 1.5, 6, 7.5]);
    expect(valuesOf('average_pool', [x], { ...attrs, count_include_pad: true })).toEqual([0, 0.75, 3, 7.5]);
  });

  it('infers symbolic sizes, rounding up only to windows that start inside', () => {
    const n = symbol('n');
    const pooled = (...spatial: (number | typeof n)[]): unknown =>
      inferOp('average_pool', [{ dtype: 'f32', shape: [1, 1, ...spatial] }], {
        ...window,
        kernel: [2, 1],
        strides: [1, 3],
        ceil: true,
        count_include_pad: false,
      })[0]?.shape;
    expect(pooled(3, 4)).toEqual([1, 1, 2, 2]);
    expect(pooled(3, 2)).toEqual([1, 1, 2, 1]);
    expect(
      inferOp('average_pool', [{ dtype: 'f32', shape: [1, 1, n] }], {
        kernel: [1],
        strides: [1],
        pads_before: [0],
        pads_after: [0],
        ceil: false,
        count_include_pad: false,
      })[0]?.shape,
    ).toEqual([1, 1, n]);
    expect(() =>
      inferOp('max_pool', [{ dtype: 'f32', shape: [1, 1, 1, 4] }], { ...window, indices: false, column_major: false }),
    ).toThrow(/a window of 2 does not fit axis 0/);
  });
});
