import { describe, expect, it } from 'vitest';
import { sum16F32 } from '../../../src/ir/float-math.js';
import type { Tensor } from '../../../src/ir/types.js';
import { inferOp, random, runOp, tensor, valuesOf } from './run-op.js';

const f = Math.fround;

describe('layer_norm', () => {
  it('follows NUMERICS: sums in 16 lanes, a rounding for each operation', () => {
    const n = 37;
    const [x, gamma, beta] = [random('f32', [3, n], 1), random('f32', [n], 2), random('f32', [n], 3)];
    const values = x.data as Float32Array;
    const expected = [0, 1, 2].flatMap((row) => {
      const own = values.subarray(row * n, (row + 1) * n);
      const mean = f(sum16F32(own) / n);
      const squares = own.map((v) => f(v - mean) * f(v - mean));
      const r = f(1 / f(Math.sqrt(f(f(sum16F32(squares) / n) + f(1e-6)))));
      return Array.from(own, (v, j) => f(f(f(f(v - mean) * r) * Number(gamma.data[j])) + Number(beta.data[j])));
    });
    expect(valuesOf('layer_norm', [x, gamma, beta], { epsilon: 1e-6 })).toEqual(expected);
  });

  it('needs neither gamma nor beta, nor rows', () => {
    expect(valuesOf('layer_norm', [tensor('f64', [1, 2], [1, 3])], { epsilon: 0 })).toEqual([-1, 1]);
    expect(runOp('layer_norm', [tensor('f32', [0, 4], [])], { epsilon: 1e-5 })[0]?.shape).toEqual([0, 4]);
    expect(runOp('layer_norm', [tensor('f32', [4, 0], [])], { epsilon: 1e-5 })[0]?.shape).toEqual([4, 0]);
    expect(() =>
      inferOp(
        'layer_norm',
        [
          { dtype: 'f32', shape: [2, 4] },
          { dtype: 'f32', shape: [3] },
        ],
        { epsilon: 0 },
      ),
    ).toThrow(/gamma, axis 0 of \[3\]: expected 4, found 3/);
  });
});

describe('softmax', () => {
  const sum = (x: Tensor): number => Array.from(x.data, Number).reduce((a, b) => a + b, 0);

  it('sums to one along the axis, last or not', () => {
    const x = random('f32', [3, 5], 4);
    const [rows] = runOp('softmax', [x], { axis: 1, log: false });
    const [columns] = runOp('softmax', [runOp('transpose', [x], { perm: [1, 0] })[0]], { axis: 0, log: false });
    const [back] = runOp('transpose', [columns], { perm: [1, 0] });
    expect(sum(rows!)).toBeCloseTo(3, 5);
    Array.from(rows!.data, Number).forEach((value, i) => {
      expect(Number(back!.data[i])).toBeCloseTo(value, 6);
    });
  });

  it('stays finite for large values, and gives its logarithm', () => {
    expect(valuesOf('softmax', [tensor('f32', [2], [1000, 0])], { axis: 0, log: false })).toEqual([1, 0]);
    expect(valuesOf('softmax', [tensor('f32', [2], [1000, 0])], { axis: 0, log: true })).toEqual([0, -1000]);
    const [single] = valuesOf('softmax', [tensor('f64', [1], [5])], { axis: 0, log: false });
    expect(single).toBe(1);
    expect(runOp('softmax', [tensor('f32', [2, 0], [])], { axis: 1, log: false })[0]?.shape).toEqual([2, 0]);
  });
});
