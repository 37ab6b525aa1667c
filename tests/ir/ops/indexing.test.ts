import { describe, expect, it } from 'vitest';
import { element, multiply, symbol } from '../../../src/ir/scalar.js';
import { counting, inferOp, runOp, tensor, valuesOf } from './run-op.js';

const x = counting('f32', [2, 3]);

describe('gather', () => {
  it('takes slices, of any shape of indices', () => {
    expect(runOp('gather', [x, tensor('i64', [2, 1], [2, 0])], { axis: 1 })[0]).toMatchObject({
      shape: [2, 2, 1],
      data: Float32Array.of(2, 0, 5, 3),
    });
    expect(runOp('gather', [x, tensor('i32', [], [1])], { axis: 0 })[0]).toMatchObject({ shape: [3] });
    expect(runOp('gather', [x, tensor('i64', [0], [])], { axis: 0 })[0]?.shape).toEqual([0, 3]);
  });

  it('gathers elements and tuples', () => {
    expect(valuesOf('gather_elements', [x, tensor('i64', [1, 3], [1, 0, -1])], { axis: 0 })).toEqual([3, 1, 5]);
    expect(valuesOf('gather_nd', [x, tensor('i64', [2, 2], [0, 1, 1, -1])], { batch_dims: 0 })).toEqual([1, 5]);
    expect(valuesOf('gather_nd', [x, tensor('i64', [1, 1], [1])], { batch_dims: 0 })).toEqual([3, 4, 5]);
    expect(valuesOf('gather_nd', [x, tensor('i64', [2, 1], [2, 0])], { batch_dims: 1 })).toEqual([2, 3]);
  });

  it('refuses indices out of range', () => {
    expect(() => runOp('gather', [x, tensor('i64', [1], [3])], { axis: 1 })).toThrow(/−3 ≤ index < 3, found 3/);
    expect(() => runOp('gather_nd', [x, tensor('i64', [1, 1], [-3])], { batch_dims: 0 })).toThrow(
      /on axis 0, found -3/,
    );
    expect(() => inferOp('gather', [x, { dtype: 'f32', shape: [1] }], { axis: 0 })).toThrow(
      /indices: expected element type i32 or i64/,
    );
    expect(() => inferOp('gather_nd', [x, { dtype: 'i64', shape: [3] }], { batch_dims: 0 })).toThrow(/at most 2/);
  });
});

describe('scatter', () => {
  it('puts updates one after the other', () => {
    const indices = tensor('i64', [3, 1], [1, 0, 1]);
    const updates = tensor('f32', [3, 3], [9, 9, 9, 1, 1, 1, 2, 2, 2]);
    expect(valuesOf('scatter_nd', [x, indices, updates], { reduction: 'none' })).toEqual([1, 1, 1, 2, 2, 2]);
    expect(valuesOf('scatter_nd', [x, indices, updates], { reduction: 'add' })).toEqual([1, 2, 3, 14, 15, 16]);
    expect(valuesOf('scatter_nd', [x, indices, updates], { reduction: 'max' })).toEqual([1, 1, 2, 9, 9, 9]);
  });

  it('scatters elements along an axis, 64-bit integers too', () => {
    const to = counting('i64', [2, 3]);
    const indices = tensor('i64', [1, 3], [1, -2, 1]);
    const updates = tensor('i64', [1, 3], [10, 20, 30]);
    expect(valuesOf('scatter_elements', [to, indices, updates], { axis: 0, reduction: 'none' })).toEqual([
      0, 20, 2, 10, 4, 30,
    ]);
    expect(valuesOf('scatter_elements', [to, indices, updates], { axis: 0, reduction: 'mul' })).toEqual([
      0, 20, 2, 30, 4, 150,
    ]);
  });

  it('leaves x as it was', () => {
    runOp('scatter_nd', [x, tensor('i64', [1, 2], [0, 0]), tensor('f32', [1], [7])], { reduction: 'none' });
    expect(x.data[0]).toBe(0);
    expect(() =>
      inferOp('scatter_nd', [x, { dtype: 'i64', shape: [4, 1] }, { dtype: 'f32', shape: [4, 2] }], {
        reduction: 'none',
      }),
    ).toThrow(/updates, axis 1 of \[4, 2\]: expected 3, found 2/);
  });
});

describe('iota, scalars', () => {
  it('counts', () => {
    expect(valuesOf('iota', [], { size: 3, dtype: 'i64' })).toEqual([0, 1, 2]);
    expect(valuesOf('iota', [], { size: 0, dtype: 'f32' })).toEqual([]);
    const n = symbol('n');
    expect(inferOp('iota', [], { size: n, dtype: 'i32' })).toEqual([{ dtype: 'i32', shape: [n] }]);
  });

  it('makes a tensor of scalars', () => {
    expect(valuesOf('scalars', [], { values: [2, 3.5], shape: [2, 1], dtype: 'f32' })).toEqual([2, 3.5]);
    expect(runOp('scalars', [], { values: [7], shape: [], dtype: 'i64' })[0]).toMatchObject({
      shape: [],
      data: BigInt64Array.of(7n),
    });
    const values = [multiply(2, element('sizes', 0, 'int'))];
    expect(inferOp('scalars', [], { values, shape: [1], dtype: 'i64' })[0]?.shape).toEqual([1]);
    expect(() => inferOp('scalars', [], { values, shape: [2], dtype: 'i64' })).toThrow(
      /expected 2 for shape \[2\], found 1/,
    );
  });
});
