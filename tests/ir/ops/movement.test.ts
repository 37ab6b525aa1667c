import { describe, expect, it } from 'vitest';
import { add, multiply, symbol } from '../../../src/ir/scalar.js';
import { DTYPES, type DType, type TensorType } from '../../../src/ir/types.js';
import { counting, inferOp, runOp, tensor, valuesOf } from './run-op.js';

const f32 = (...shape: TensorType['shape']): TensorType => ({ dtype: 'f32', shape });
const n = symbol('n');

describe('movement', () => {
  it.each(DTYPES)('works on %s', (dtype: DType) => {
    const values = dtype === 'bool' ? [0, 1, 1, 0, 1, 0] : [0, 1, 2, 3, 4, 5];
    const x = tensor(dtype, [2, 3], values);
    const pick = (...at: number[]): number[] => at.map((i) => values[i]!);
    expect(valuesOf('transpose', [x], { perm: [1, 0] })).toEqual(pick(0, 3, 1, 4, 2, 5));
    expect(valuesOf('slice', [x], { starts: [1, 2], sizes: [1, 2], steps: [1, -2] })).toEqual(pick(5, 3));
    expect(valuesOf('concat', [x, x], { axis: 1 })).toEqual(pick(0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5));
    expect(valuesOf('gather', [x, tensor('i64', [1], [-1])], { axis: 1 })).toEqual(pick(2, 5));
    expect(valuesOf('reshape', [x], { shape: [3, 2] })).toEqual(values);
    expect(valuesOf('pad', [x], { mode: 'reflect', before: [0, 1], after: [0, -1] })).toEqual(pick(1, 0, 1, 4, 3, 4));
  });

  it('expands and pads', () => {
    expect(valuesOf('expand', [tensor('f32', [2, 1], [1, 2])], { shape: [2, 2, 3] })).toEqual([
      1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2,
    ]);
    const x = counting('f32', [3]);
    const pad = (mode: 'constant' | 'edge' | 'reflect' | 'wrap', before: number, after: number): number[] =>
      valuesOf('pad', [x, tensor('f32', [], [9])], { mode, before: [before], after: [after] });
    expect(pad('constant', 2, 1)).toEqual([9, 9, 0, 1, 2, 9]);
    expect(pad('constant', -1, -1)).toEqual([1]);
    expect(pad('edge', 2, 1)).toEqual([0, 0, 0, 1, 2, 2]);
    expect(pad('reflect', 5, 1)).toEqual([1, 0, 1, 2, 1, 0, 1, 2, 1]);
    expect(pad('wrap', 2, 2)).toEqual([1, 2, 0, 1, 2, 0, 1]);
  });

  it('takes nothing and single elements', () => {
    expect(runOp('transpose', [tensor('f32', [], [4])], { perm: [] })[0]?.data).toEqual(Float32Array.of(4));
    expect(runOp('slice', [counting('f32', [3])], { starts: [3], sizes: [0], steps: [1] })[0]?.shape).toEqual([0]);
    expect(runOp('concat', [tensor('f32', [0, 2], []), counting('f32', [1, 2])], { axis: 0 })[0]?.shape).toEqual([
      1, 2,
    ]);
    expect(valuesOf('pad', [tensor('f32', [0], [])], { mode: 'constant', before: [1], after: [1] })).toEqual([0, 0]);
    expect(runOp('expand', [tensor('f32', [1], [1])], { shape: [0, 3] })[0]?.shape).toEqual([0, 3]);
  });

  it('infers symbolic shapes', () => {
    const twice = multiply(2, n);
    expect(inferOp('reshape', [f32(n, 2)], { shape: [twice] })[0]?.shape).toEqual([twice]);
    expect(inferOp('concat', [f32(n, 2), f32(1, 2)], { axis: 0 })[0]?.shape).toEqual([add(n, 1), 2]);
    expect(inferOp('slice', [f32(add(n, 1))], { starts: [1], sizes: [n], steps: [1] })[0]?.shape).toEqual([n]);
    expect(inferOp('pad', [f32(n)], { mode: 'constant', before: [1], after: [-1] })[0]?.shape).toEqual([n]);
    expect(inferOp('expand', [f32(1, 3)], { shape: [n, 3] })[0]?.shape).toEqual([n, 3]);
  });

  it('keeps the quantization of what it moves', () => {
    const quant = { scale: 0.5, zeroPoint: 3, bits: 8 };
    const x: TensorType = { dtype: 'u8', shape: [2, 3], quant };
    expect(inferOp('transpose', [x], { perm: [1, 0] })).toEqual([{ dtype: 'u8', shape: [3, 2], quant }]);
    expect(() => inferOp('concat', [x, { dtype: 'u8', shape: [2, 3] }], { axis: 0 })).toThrow(
      /quantization of input 0/,
    );
  });

  it('refuses what does not fit', () => {
    expect(() => inferOp('reshape', [f32(2, 3)], { shape: [4] })).toThrow(
      /expected 6 elements as in \[2, 3\], found 4/,
    );
    expect(() => inferOp('reshape', [f32(n)], { shape: [4] })).toThrow(/expected n elements/);
    expect(() => inferOp('transpose', [f32(2, 3)], { perm: [0, 0] })).toThrow(/permutation/);
    expect(() => inferOp('slice', [f32(3)], { starts: [2], sizes: [2], steps: [1] })).toThrow(/leave axis 0 of \[3\]/);
    expect(() => inferOp('slice', [f32(3)], { starts: [0], sizes: [2], steps: [-1] })).toThrow(/leave axis 0/);
    expect(() =>
      inferOp('slice', [f32(n)], { starts: [9], sizes: [1], steps: [1] }, { n: { min: 1, max: 8 } }),
    ).toThrow(/leave axis 0/);
    expect(() => inferOp('concat', [f32(2, 3), f32(2, 4)], { axis: 0 })).toThrow(/axis 1: expected 3, found 4/);
    expect(() => inferOp('expand', [f32(2)], { shape: [3] })).toThrow(/\[2\] does not broadcast to \[3\]/);
    expect(() => inferOp('pad', [f32(0)], { mode: 'edge', before: [1], after: [0] })).toThrow(/axis 0 is empty/);
    expect(() => inferOp('concat', [f32(2)], { axis: 1 })).toThrow(/axis: expected 0 ≤ axis < 1, found 1/);
  });
});
