import { describe, expect, it } from 'vitest';
import { geluErfF32 } from '../../../src/ir/float-math.js';
import { add, symbol } from '../../../src/ir/scalar.js';
import type { Tensor, TensorType } from '../../../src/ir/types.js';
import { counting, inferOp, random, runOp, tensor, valuesOf } from './run-op.js';

const f = Math.fround;
const f32 = (...shape: TensorType['shape']): TensorType => ({ dtype: 'f32', shape });
const at = (x: Tensor, i: number): number => Number(x.data[i]);

describe('matmul', () => {
  it('sums in order, each operation rounded', () => {
    const [m, n, k] = [5, 7, 19];
    const [a, b] = [random('f32', [m, k], 1), random('f32', [k, n], 2)];
    const expected = Array.from({ length: m * n }, (_, at_) => {
      const [i, j] = [Math.floor(at_ / n), at_ % n];
      let sum = 0;
      for (let p = 0; p < k; p++) sum = f(sum + f(at(a, i * k + p) * at(b, p * n + j)));
      return sum;
    });
    expect(valuesOf('matmul', [a, b], {})).toEqual(expected);
  });

  it('broadcasts batches', () => {
    const [a, b] = [counting('i64', [2, 1, 1, 2]), counting('i64', [3, 2, 1])];
    expect(runOp('matmul', [a, b], {})[0]).toMatchObject({
      shape: [2, 3, 1, 1],
      data: BigInt64Array.of(1n, 3n, 5n, 3n, 13n, 23n),
    });
  });

  it('computes integers exactly, wrapping, and nothing', () => {
    expect(valuesOf('matmul', [tensor('i32', [1, 2], [2 ** 30, 3]), tensor('i32', [2, 1], [4, 5])], {})).toEqual([15]);
    expect(valuesOf('matmul', [tensor('f32', [2, 0], []), tensor('f32', [0, 1], [])], {})).toEqual([0, 0]);
    expect(runOp('matmul', [tensor('f32', [0, 3], []), counting('f32', [3, 2])], {})[0]?.shape).toEqual([0, 2]);
  });

  it('infers and refuses', () => {
    const n = symbol('n');
    expect(inferOp('matmul', [f32(n, 4, 2, 3), f32(3, 5)], {})[0]?.shape).toEqual([n, 4, 2, 5]);
    expect(() => inferOp('matmul', [f32(2, 3), f32(2, 3)], {})).toThrow(
      /rows of b, the columns of a: expected 3, found 2/,
    );
    expect(() => inferOp('matmul', [f32(3), f32(3, 2)], {})).toThrow(/a: expected rank 2 or more, found shape \[3\]/);
  });
});

describe('linear', () => {
  const [x, weight, bias, residual] = [
    random('f32', [2, 3, 5], 1),
    random('f32', [6, 5], 2),
    random('f32', [6], 3),
    random('f32', [2, 3, 6], 4),
  ];

  it.each(['none', 'relu', 'gelu'] as const)('is activation(x·weightᵀ + bias) + residual with %s', (activation) => {
    const columns = runOp('transpose', [weight], { perm: [1, 0] })[0];
    const biased = runOp('binary', [runOp('matmul', [x, columns], {})[0], bias], { fn: 'add' })[0]!;
    const act = { none: (y: number) => y, relu: (y: number) => Math.max(y, 0), gelu: geluErfF32 }[activation];
    const expected = Array.from(biased.data as Float32Array, (y, i) => f(act(y) + at(residual, i)));
    expect(valuesOf('linear', [x, weight, bias, residual], { activation })).toEqual(expected);
  });

  it('takes a vector, and no rows', () => {
    expect(runOp('linear', [random('f32', [5], 1), weight], { activation: 'none' })[0]?.shape).toEqual([6]);
    expect(runOp('linear', [tensor('f32', [0, 5], []), weight, bias], { activation: 'gelu' })[0]?.shape).toEqual([
      0, 6,
    ]);
  });

  it('refuses what does not fit', () => {
    expect(() => inferOp('linear', [f32(2, 4), f32(6, 5)], { activation: 'none' })).toThrow(
      /columns of weight, the last axis of x: expected 4, found 5/,
    );
    expect(() => inferOp('linear', [f32(2, 5), f32(6, 5), f32(5)], { activation: 'none' })).toThrow(
      /bias.*expected 6, found 5/,
    );
    expect(() => inferOp('linear', [{ dtype: 'f64', shape: [2, 5] }, f32(6, 5)], { activation: 'none' })).toThrow(
      /x: expected element type f32/,
    );
  });
});

interface Geometry {
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads_before: readonly number[];
  readonly pads_after: readonly number[];
  readonly groups: number;
}

/** Definition of a 2-D convolution, in double. */
function directConv(x: Tensor, weight: Tensor, g: Geometry, out: readonly number[]): number[] {
  const [, h, w, c] = x.shape as [number, number, number, number];
  const [o, kh, kw, cg] = weight.shape as [number, number, number, number];
  const [batch, oh, ow] = out as [number, number, number];
  const result: number[] = [];
  for (let b = 0; b < batch; b++)
    for (let y = 0; y < oh; y++)
      for (let z = 0; z < ow; z++)
        for (let j = 0; j < o; j++) {
          const group = Math.floor(j / (o / g.groups));
          let sum = 0;
          for (let ky = 0; ky < kh; ky++)
            for (let kx = 0; kx < kw; kx++) {
              const iy = y * g.strides[0]! - g.pads_before[0]! + ky * g.dilations[0]!;
              const ix = z * g.strides[1]! - g.pads_before[1]! + kx * g.dilations[1]!;
              if (iy < 0 || iy >= h || ix < 0 || ix >= w) continue;
              for (let ch = 0; ch < cg; ch++)
                sum +=
                  at(x, ((b * h + iy) * w + ix) * c + group * cg + ch) *
                  at(weight, ((j * kh + ky) * kw + kx) * cg + ch);
            }
          result.push(sum);
        }
  return result;
}

const GEOMETRIES: readonly (Geometry & { readonly kernel: readonly [number, number] })[] = [
  { kernel: [1, 1], strides: [1, 1], dilations: [1, 1], pads_before: [0, 0], pads_after: [0, 0], groups: 1 },
  { kernel: [3, 3], strides: [1, 1], dilations: [1, 1], pads_before: [1, 1], pads_after: [1, 1], groups: 1 },
  { kernel: [3, 2], strides: [2, 3], dilations: [1, 2], pads_before: [0, 1], pads_after: [2, 0], groups: 2 },
  { kernel: [2, 2], strides: [2, 2], dilations: [1, 1], pads_before: [0, 0], pads_after: [0, 0], groups: 4 },
];

describe('conv', () => {
  it.each(GEOMETRIES)('follows its definition, %o', ({ kernel, ...geometry }) => {
    const x = random('f32', [2, 9, 11, 4], 5);
    const weight = random('f32', [8, ...kernel, 4 / geometry.groups], 6);
    const [result] = runOp('conv', [x, weight], { ...geometry, activation: 'none' });
    const expected = directConv(x, weight, geometry, result!.shape);
    expected.forEach((y, i) => {
      expect(Math.abs(at(result!, i) - y)).toBeLessThan(1e-5);
    });
  });

  it.each(GEOMETRIES)('has conv_transpose as its adjoint, %o', ({ kernel, ...geometry }) => {
    // ⟨conv(x), y⟩ = ⟨x, conv_transpose(y)⟩ with the same weight, its groups laid out for the other direction.
    const x = random('i64', [1, 9, 11, 4], 7);
    const weight = random('i64', [8, ...kernel, 4 / geometry.groups], 8);
    const [forward] = runOp('conv', [x, weight], { ...geometry, activation: 'none' });
    const y = random('i64', forward!.shape, 9);
    const size = (axis: number): number =>
      (forward!.shape[axis + 1]! - 1) * geometry.strides[axis]! +
      geometry.dilations[axis]! * (kernel[axis]! - 1) +
      1 -
      geometry.pads_before[axis]! -
      geometry.pads_after[axis]!;
    const output_padding = [9 - size(0), 11 - size(1)];
    const [backward] = runOp('conv_transpose', [y, weight], { ...geometry, output_padding });
    const dot = (a: Tensor, b: Tensor): bigint =>
      Array.from(a.data, BigInt).reduce((sum, value, i) => sum + value * BigInt(b.data[i]!), 0n);
    expect(backward?.shape).toEqual(x.shape);
    expect(dot(backward!, x)).toBe(dot(forward!, y));
  });

  it('works along one axis and three, and on nothing', () => {
    const one = {
      strides: [1],
      dilations: [1],
      pads_before: [0],
      pads_after: [0],
      groups: 1,
      activation: 'none',
    } as const;
    expect(
      valuesOf('conv', [counting('f32', [1, 4, 1]), tensor('f32', [1, 2, 1], [1, 10]), tensor('f32', [1], [0.5])], one),
    ).toEqual([10.5, 21.5, 32.5]);
    expect(runOp('conv', [tensor('f32', [0, 4, 1], []), tensor('f32', [1, 2, 1], [1, 10])], one)[0]?.shape).toEqual([
      0, 3, 1,
    ]);
    const three = {
      strides: [1, 1, 1],
      dilations: [1, 1, 1],
      pads_before: [0, 0, 0],
      pads_after: [0, 0, 0],
      groups: 1,
    };
    expect(
      valuesOf('conv', [counting('f32', [1, 2, 2, 2, 1]), tensor('f32', [1, 2, 2, 2, 1], Array(8).fill(1))], {
        ...three,
        activation: 'relu',
      }),
    ).toEqual([28]);
  });

  it('infers symbolic sizes and refuses what does not fit', () => {
    const n = symbol('n');
    const same = {
      strides: [1, 1],
      dilations: [1, 1],
      pads_before: [1, 1],
      pads_after: [1, 1],
      groups: 1,
      activation: 'none',
    } as const;
    expect(inferOp('conv', [f32(1, n, 8, 4), f32(6, 3, 3, 4)], same)[0]?.shape).toEqual([1, n, 8, 6]);
    expect(inferOp('conv', [f32(1, n, 8, 4), f32(6, 2, 2, 4)], same)[0]?.shape).toEqual([1, add(n, 1), 9, 6]);
    expect(() => inferOp('conv', [f32(1, 8, 8, 4), f32(6, 3, 3, 3)], same)).toThrow(
      /channels of weight times groups: expected 4, found 3/,
    );
    expect(() => inferOp('conv', [f32(1, 1, 8, 4), f32(6, 4, 3, 4)], same)).toThrow(
      /a window of 4 does not fit axis 0/,
    );
    expect(() => inferOp('conv', [f32(1, 8, 8, 4), f32(6, 3, 3, 4)], { ...same, strides: [0, 1] })).toThrow(
      /strides: expected integers of 1 or more/,
    );
  });
});
