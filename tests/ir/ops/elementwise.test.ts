import { describe, expect, it } from 'vitest';
import { symbol } from '../../../src/ir/scalar.js';
import type { DType, TensorType } from '../../../src/ir/types.js';
import { inferOp, runOp, tensor, valuesOf } from './run-op.js';

const type = (dtype: DType, ...shape: TensorType['shape']): TensorType => ({ dtype, shape });
const n = symbol('n');

describe('unary', () => {
  const x = tensor('f32', [5], [-1.5, -0, 0.5, Number.NaN, Number.POSITIVE_INFINITY]);

  it('keeps the sign of zero and NaN', () => {
    expect(valuesOf('unary', [x], { fn: 'round' })).toEqual([-2, -0, 0, Number.NaN, Number.POSITIVE_INFINITY]);
    expect(valuesOf('unary', [x], { fn: 'relu' })).toEqual([0, -0, 0.5, Number.NaN, Number.POSITIVE_INFINITY]);
    expect(valuesOf('unary', [x], { fn: 'sign' })).toEqual([-1, -0, 1, Number.NaN, 1]);
  });

  it('tells NaN and infinity', () => {
    expect(valuesOf('unary', [x], { fn: 'is_nan' })).toEqual([0, 0, 0, 1, 0]);
    expect(valuesOf('unary', [x], { fn: 'is_inf' })).toEqual([0, 0, 0, 0, 1]);
  });

  it.each(['exp', 'sin', 'cos', 'tanh', 'erf', 'sigmoid', 'atan', 'sinh'] as const)(
    'computes %s of float32 to 4 ulp of float64',
    (fn) => {
      const at = Array.from({ length: 41 }, (_, i) => Math.fround((i - 20) / 7));
      const [single, double] = [
        valuesOf('unary', [tensor('f32', [41], at)], { fn }),
        valuesOf('unary', [tensor('f64', [41], at)], { fn }),
      ];
      single.forEach((y, i) => {
        expect(Math.abs(y - double[i]!)).toBeLessThanOrEqual(2.5e-7 * Math.max(1, Math.abs(double[i]!)));
      });
    },
  );

  it('wraps integers', () => {
    expect(valuesOf('unary', [tensor('i8', [2], [-128, 5])], { fn: 'neg' })).toEqual([-128, -5]);
    expect(valuesOf('unary', [tensor('i64', [2], [-3, 3])], { fn: 'abs' })).toEqual([3, 3]);
  });

  it('rounds half types on the store', () => {
    expect(valuesOf('unary', [tensor('bf16', [1], [2])], { fn: 'exp' })).toEqual([7.375]);
    expect(valuesOf('unary', [tensor('f16', [1], [2])], { fn: 'exp' })).toEqual([7.390625]);
  });

  it('refuses what it is not defined for', () => {
    expect(() => inferOp('unary', [type('i32', 2)], { fn: 'exp' })).toThrow(
      /x of exp: expected element type f32.*found i32/,
    );
    expect(() => inferOp('unary', [type('f32', 2)], { fn: 'not' })).toThrow(/bool.*found f32/);
  });
});

describe('binary', () => {
  it('broadcasts, also scalars and nothing', () => {
    const a = tensor('f32', [2, 1], [1, 2]);
    expect(valuesOf('binary', [a, tensor('f32', [3], [10, 20, 30])], { fn: 'add' })).toEqual([11, 21, 31, 12, 22, 32]);
    expect(valuesOf('binary', [tensor('f32', [], [2]), tensor('f32', [], [3])], { fn: 'mul' })).toEqual([6]);
    expect(
      runOp('binary', [tensor('f32', [0, 3], []), tensor('f32', [3], [1, 2, 3])], { fn: 'add' })[0]?.shape,
    ).toEqual([0, 3]);
  });

  it('wraps integers and divides by zero to 0', () => {
    expect(valuesOf('binary', [tensor('u8', [2], [200, 3]), tensor('u8', [2], [100, 5])], { fn: 'add' })).toEqual([
      44, 8,
    ]);
    expect(
      valuesOf('binary', [tensor('i32', [1], [0x12345678]), tensor('i32', [1], [0x1234567])], { fn: 'mul' }),
    ).toEqual([Math.imul(0x12345678, 0x1234567)]);
    expect(valuesOf('binary', [tensor('i32', [3], [-7, 7, 1]), tensor('i32', [3], [2, -2, 0])], { fn: 'div' })).toEqual(
      [-3, -3, 0],
    );
    const big = { dtype: 'i64', shape: [1], data: BigInt64Array.of(2n ** 62n) } as const;
    expect(valuesOf('binary', [big, big], { fn: 'add' })).toEqual([-(2 ** 63)]);
  });

  it('tells mod from fmod', () => {
    const [a, b] = [tensor('i64', [4], [-7, 7, -7, 7]), tensor('i64', [4], [3, 3, -3, -3])];
    expect(valuesOf('binary', [a, b], { fn: 'mod' })).toEqual([2, 1, -1, -2]);
    expect(valuesOf('binary', [a, b], { fn: 'fmod' })).toEqual([-1, 1, -1, 1]);
    expect(valuesOf('binary', [tensor('f32', [1], [-5.5]), tensor('f32', [1], [2])], { fn: 'mod' })).toEqual([0.5]);
  });

  it('rounds to float32 once', () => {
    const [a, b] = [Math.fround(0.1), Math.fround(0.3)];
    const pair = [tensor('f32', [1], [a]), tensor('f32', [1], [b])];
    expect(valuesOf('binary', pair, { fn: 'mul' })).toEqual([Math.fround(a * b)]);
    expect(valuesOf('binary', pair, { fn: 'div' })).toEqual([Math.fround(a / b)]);
  });

  it('raises to powers in the type of the base', () => {
    expect(
      valuesOf('binary', [tensor('i32', [3], [2, -2, 3]), tensor('i64', [3], [10, 3, -1])], { fn: 'pow' }),
    ).toEqual([1024, -8, 0]);
    expect(valuesOf('binary', [tensor('f32', [2], [2, 9]), tensor('f64', [2], [0.5, 0.5])], { fn: 'pow' })).toEqual([
      Math.fround(Math.SQRT2),
      3,
    ]);
  });

  it('gives NaN for the minimum and maximum with NaN, and compares to bool', () => {
    const [a, b] = [tensor('f32', [3], [Number.NaN, 1, 2]), tensor('f32', [3], [0, Number.NaN, 1])];
    expect(valuesOf('binary', [a, b], { fn: 'max' })).toEqual([Number.NaN, Number.NaN, 2]);
    expect(runOp('binary', [a, b], { fn: 'less_equal' })[0]).toMatchObject({
      dtype: 'bool',
      data: Uint8Array.of(0, 0, 0),
    });
  });

  it('infers symbolic broadcasting', () => {
    expect(inferOp('binary', [type('f32', n, 1), type('f32', 4)], { fn: 'add' })[0]?.shape).toEqual([n, 4]);
    expect(inferOp('binary', [type('f32', 1, 4), type('f32', n, 4)], { fn: 'add' })[0]?.shape).toEqual([n, 4]);
    expect(() => inferOp('binary', [type('f32', n), type('f32', 4)], { fn: 'add' }, { n: { min: 1, max: 8 } })).toThrow(
      /broadcasting \[n\] with \[4\]: expected n, found 4, which the bounds .* do not prove equal/,
    );
    expect(
      inferOp('binary', [type('f32', n), type('f32', 4)], { fn: 'add' }, { n: { min: 4, max: 4 } })[0]?.shape,
    ).toEqual([4]);
    expect(() => inferOp('binary', [type('f32', 3), type('f32', 4)], { fn: 'add' })).toThrow(/expected 3, found 4/);
    expect(() => inferOp('binary', [type('f32', 3), type('i32', 3)], { fn: 'add' })).toThrow(
      /expected element type f32.*found i32/,
    );
  });
});

describe('select, cast, gelu', () => {
  it('selects with broadcasting', () => {
    const condition = tensor('bool', [2, 1], [1, 0]);
    expect(valuesOf('select', [condition, tensor('i64', [2], [1, 2]), tensor('i64', [], [9])], {})).toEqual([
      1, 2, 9, 9,
    ]);
  });

  it('casts floats by truncation and saturation, integers by wrapping', () => {
    const x = tensor('f32', [5], [-1.7, 300, Number.NaN, 1e20, 0.5]);
    expect(valuesOf('cast', [x], { to: 'u8' })).toEqual([0, 255, 0, 255, 0]);
    expect(valuesOf('cast', [x], { to: 'i32' })).toEqual([-1, 300, 0, 2 ** 31 - 1, 0]);
    expect(runOp('cast', [x], { to: 'i64' })[0]?.data).toEqual(BigInt64Array.of(-1n, 300n, 0n, 2n ** 63n - 1n, 0n));
    expect(valuesOf('cast', [x], { to: 'bool' })).toEqual([1, 1, 1, 1, 1]);
    expect(valuesOf('cast', [tensor('i32', [2], [-1, 300])], { to: 'u8' })).toEqual([255, 44]);
    expect(valuesOf('cast', [tensor('i64', [2], [-1, 300])], { to: 'u16' })).toEqual([65535, 300]);
  });

  it('rounds a 64-bit integer to float32 once', () => {
    // Halfway between two float32 but for its last bit, which a rounding to float64 would lose.
    const x = { dtype: 'i64', shape: [1], data: BigInt64Array.of((1n << 60n) + (1n << 36n) + 1n) } as const;
    expect(valuesOf('cast', [x], { to: 'f32' })).toEqual([2 ** 60 + 2 ** 37]);
    expect(valuesOf('cast', [x], { to: 'f64' })).toEqual([2 ** 60 + 2 ** 36]);
  });

  it('computes both forms of gelu', () => {
    const x = tensor('f32', [3], [-1, 0, 2]);
    expect(valuesOf('gelu', [x], { approximation: 'none' }).map((y) => y.toFixed(5))).toEqual([
      '-0.15866',
      '0.00000',
      '1.95450',
    ]);
    expect(valuesOf('gelu', [x], { approximation: 'tanh' }).map((y) => y.toFixed(5))).toEqual([
      '-0.15881',
      '0.00000',
      '1.95460',
    ]);
  });
});
