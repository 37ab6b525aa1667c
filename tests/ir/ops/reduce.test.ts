import { describe, expect, it } from 'vitest';
import { counting, inferOp, random, runOp, tensor, valuesOf } from './run-op.js';

const f = Math.fround;

describe('reduce', () => {
  const x = counting('f32', [2, 3, 2]);

  it('reduces any axes', () => {
    expect(valuesOf('reduce', [x], { fn: 'sum', axes: [0, 2], keepdims: false })).toEqual([14, 22, 30]);
    expect(runOp('reduce', [x], { fn: 'mean', axes: [1], keepdims: true })[0]).toMatchObject({
      shape: [2, 1, 2],
      data: Float32Array.of(2, 3, 8, 9),
    });
    expect(runOp('reduce', [x], { fn: 'max', axes: [0, 1, 2], keepdims: false })[0]).toMatchObject({
      shape: [],
      data: Float32Array.of(11),
    });
    expect(valuesOf('reduce', [x], { fn: 'min', axes: [], keepdims: false })).toEqual(Array.from(x.data, Number));
  });

  it('adds the last axis in 16 lanes, others one after the other', () => {
    const row = random('f32', [1, 40], 3);
    const lanes = new Float32Array(16);
    row.data.forEach((value, i) => {
      lanes[i % 16] = f(lanes[i % 16]! + Number(value));
    });
    for (let half = 8; half >= 1; half /= 2) for (let i = 0; i < half; i++) lanes[i] = f(lanes[i]! + lanes[i + half]!);
    expect(valuesOf('reduce', [row], { fn: 'sum', axes: [1], keepdims: false })).toEqual([lanes[0]]);

    const column = random('f32', [40, 2], 3);
    const sequential = Array.from(column.data, Number).reduce(
      (sum, value, i) => (i % 2 === 0 ? f(sum + value) : sum),
      0,
    );
    expect(valuesOf('reduce', [column], { fn: 'sum', axes: [0], keepdims: false })[0]).toBe(sequential);
  });

  it('wraps integers and truncates their mean', () => {
    expect(valuesOf('reduce', [tensor('u8', [2], [200, 100])], { fn: 'sum', axes: [0], keepdims: false })).toEqual([
      44,
    ]);
    expect(valuesOf('reduce', [tensor('i64', [2], [-4, 1])], { fn: 'mean', axes: [0], keepdims: false })).toEqual([-1]);
    expect(valuesOf('reduce', [tensor('i32', [3], [2, 3, 7])], { fn: 'prod', axes: [0], keepdims: false })).toEqual([
      42,
    ]);
  });

  it('reduces nothing', () => {
    const none = tensor('f32', [2, 0], []);
    const of = (fn: 'sum' | 'prod' | 'max' | 'min'): number[] =>
      valuesOf('reduce', [none], { fn, axes: [1], keepdims: false });
    expect([of('sum'), of('prod'), of('max'), of('min')].map(([first]) => first)).toEqual([
      0,
      1,
      Number.NEGATIVE_INFINITY,
      Number.POSITIVE_INFINITY,
    ]);
    expect(runOp('reduce', [none], { fn: 'sum', axes: [0], keepdims: false })[0]?.shape).toEqual([0]);
    expect(() => inferOp('reduce', [x], { fn: 'sum', axes: [1, 1], keepdims: false })).toThrow(/each axis once/);
  });

  it('gives NaN where there is one', () => {
    const y = tensor('f32', [3], [1, Number.NaN, 0]);
    expect(valuesOf('reduce', [y], { fn: 'max', axes: [0], keepdims: false })).toEqual([Number.NaN]);
    expect(valuesOf('reduce', [y], { fn: 'min', axes: [0], keepdims: false })).toEqual([Number.NaN]);
  });
});

describe('arg_reduce, cumsum, top_k', () => {
  it('finds the first or last of equal ones', () => {
    const x = tensor('f32', [2, 3], [1, 3, 3, 2, 2, 0]);
    const at = (fn: 'max' | 'min', select_last: boolean): number[] =>
      valuesOf('arg_reduce', [x], { fn, axis: 1, keepdims: false, select_last });
    expect(at('max', false)).toEqual([1, 0]);
    expect(at('max', true)).toEqual([2, 1]);
    expect(at('min', false)).toEqual([0, 2]);
    expect(
      valuesOf('arg_reduce', [tensor('f32', [3], [1, Number.NaN, -1])], {
        fn: 'min',
        axis: 0,
        keepdims: true,
        select_last: false,
      }),
    ).toEqual([1]);
    expect(() =>
      inferOp('arg_reduce', [tensor('f32', [2, 0], [])], { fn: 'max', axis: 1, keepdims: false, select_last: false }),
    ).toThrow(/elements along axis 1/);
  });

  it('sums up to each element', () => {
    const x = counting('i32', [2, 3]);
    const sums = (exclusive: boolean, reverse: boolean): number[] =>
      valuesOf('cumsum', [x], { axis: 1, exclusive, reverse });
    expect(sums(false, false)).toEqual([0, 1, 3, 3, 7, 12]);
    expect(sums(true, false)).toEqual([0, 0, 1, 0, 3, 7]);
    expect(sums(false, true)).toEqual([3, 3, 2, 12, 9, 5]);
    expect(sums(true, true)).toEqual([3, 2, 0, 9, 5, 0]);
  });

  it('sorts the best first, of equal ones the first', () => {
    const x = tensor('f32', [4], [1, 3, 3, 2]);
    const [values, indices] = runOp('top_k', [x], { axis: 0, k: 3, largest: true });
    expect([values?.data, indices?.data]).toEqual([Float32Array.of(3, 3, 2), BigInt64Array.of(1n, 2n, 3n)]);
    expect(valuesOf('top_k', [x], { axis: 0, k: 2, largest: false })).toEqual([1, 2]);
    expect(runOp('top_k', [x], { axis: 0, k: 0, largest: true })[0]?.shape).toEqual([0]);
    expect(() => inferOp('top_k', [x], { axis: 0, k: 5, largest: true })).toThrow(/0 ≤ k ≤ axis 0 of \[4\], found 5/);
  });
});
