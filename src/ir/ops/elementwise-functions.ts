import { roundToBf16, roundToF16 } from '../half.js';
import { type DType, isFloat } from '../types.js';
import { BIG_RANGES, INTEGER_RANGES, isBig } from './elements.js';
import type { BinaryFunction, UnaryFunction } from './elementwise.js';
import { FLOAT32_FUNCTIONS, FLOAT64_FUNCTIONS } from './float-functions.js';

/** What the functions of `unary`, `binary` and `cast` compute for numbers and for 64-bit integers. The store wraps or rounds. */

type NumberUnary = (x: number) => number;
type BigUnary = (x: bigint) => bigint;
type NumberBinary = (a: number, b: number) => number;
type BigBinary = (a: bigint, b: bigint) => bigint | number;

const PREDICATES = {
  not: (x: number): number => Number(x === 0),
  is_nan: (x: number): number => Number(Number.isNaN(x)),
  is_inf: (x: number): number => Number(x === Number.POSITIVE_INFINITY || x === Number.NEGATIVE_INFINITY),
} as const;

/** For integers only the functions that infer lets through are reached. */
export const unaryOfNumbers = (fn: UnaryFunction, dtype: DType): NumberUnary =>
  ({ ...(dtype === 'f64' ? FLOAT64_FUNCTIONS : FLOAT32_FUNCTIONS), ...PREDICATES })[fn];

const identity: BigUnary = (x) => x;
export const BIG_UNARY: { readonly [K in UnaryFunction]?: BigUnary } = {
  abs: (x) => (x < 0n ? -x : x),
  neg: (x) => -x,
  sign: (x) => (x > 0n ? 1n : x < 0n ? -1n : 0n),
  relu: (x) => (x < 0n ? 0n : x),
  floor: identity,
  ceil: identity,
  round: identity,
};

/** Remainder with the sign of the divisor, from the one with the sign of the dividend. */
const floored = (remainder: number, divisor: number): number =>
  remainder !== 0 && remainder < 0 !== divisor < 0 ? remainder + divisor : remainder;

const SHARED = {
  add: (a: number, b: number): number => a + b,
  sub: (a: number, b: number): number => a - b,
  /** The C has `a < b || a != a ? a : b`; the order decides between the zeros. */
  min: (a: number, b: number): number => (a < b || Number.isNaN(a) ? a : b),
  max: (a: number, b: number): number => (a > b || Number.isNaN(a) ? a : b),
  and: (a: number, b: number): number => Number(a !== 0 && b !== 0),
  or: (a: number, b: number): number => Number(a !== 0 || b !== 0),
  xor: (a: number, b: number): number => Number((a !== 0) !== (b !== 0)),
  equal: (a: number, b: number): number => Number(a === b),
  less: (a: number, b: number): number => Number(a < b),
  less_equal: (a: number, b: number): number => Number(a <= b),
} as const;

type PlainBinary = Exclude<BinaryFunction, 'pow'>;

/** In double; of float32 operands a single + − × ÷ is rounded right by the store. */
const FLOAT_BINARY: Readonly<Record<PlainBinary, NumberBinary>> = {
  ...SHARED,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  fmod: (a, b) => a % b,
  mod: (a, b) => floored(a % b, b),
};

/** Of at most 32 bits: sums are exact in double, and the low 32 bits of a product are those of `imul`. */
const INTEGER_BINARY: Readonly<Record<PlainBinary, NumberBinary>> = {
  ...SHARED,
  mul: Math.imul,
  div: (a, b) => (b === 0 ? 0 : Math.trunc(a / b)),
  fmod: (a, b) => (b === 0 ? 0 : a % b),
  mod: (a, b) => (b === 0 ? 0 : floored(a % b, b)),
};

const BIG_BINARY: Readonly<Record<PlainBinary, BigBinary>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => (b === 0n ? 0n : a / b),
  fmod: (a, b) => (b === 0n ? 0n : a % b),
  mod: (a, b) => {
    const remainder = b === 0n ? 0n : a % b;
    return remainder !== 0n && remainder < 0n !== b < 0n ? remainder + b : remainder;
  },
  // biome-ignore lint/complexity/useMathMinMax: Math.min and Math.max take no BigInts
  min: (a, b) => (a < b ? a : b),
  // biome-ignore lint/complexity/useMathMinMax: see min
  max: (a, b) => (a > b ? a : b),
  and: (a, b) => Number(a !== 0n && b !== 0n),
  or: (a, b) => Number(a !== 0n || b !== 0n),
  xor: (a, b) => Number((a !== 0n) !== (b !== 0n)),
  equal: (a, b) => Number(a === b),
  less: (a, b) => Number(a < b),
  less_equal: (a, b) => Number(a <= b),
};

/** a^b modulo 2^64; of a negative exponent the truncated quotient, 0 for base 0. */
function integerPower(a: bigint, b: bigint): bigint {
  if (b < 0n) return a === 1n ? 1n : a === -1n ? (b % 2n === 0n ? 1n : -1n) : 0n;
  let result = 1n;
  let square = a;
  for (let n = b; n > 0n; n >>= 1n) {
    if (n & 1n) result = BigInt.asUintN(64, result * square);
    square = BigInt.asUintN(64, square * square);
  }
  return result;
}

/** A float as an element of `to`: truncated and saturated, NaN gives 0. Floats are rounded by the store. */
export function fromFloat(x: number, to: DType): number | bigint {
  if (to === 'bool') return Number(x !== 0);
  if (to === 'f16') return roundToF16(x);
  if (to === 'bf16') return roundToBf16(x);
  const big = BIG_RANGES[to];
  if (big) {
    if (Number.isNaN(x)) return 0n;
    const [least, most] = big;
    const clamped = Math.min(Math.max(x, Number(least)), Number(most));
    const whole = BigInt(Math.trunc(clamped));
    return whole > most ? most : whole;
  }
  const range = INTEGER_RANGES[to];
  if (!range) return x;
  return Number.isNaN(x) ? 0 : Math.trunc(Math.min(Math.max(x, range[0]), range[1]));
}

/** An integer as an element of `to`; integers wrap in the store. */
export function fromBig(x: bigint, to: DType): number | bigint {
  if (BIG_RANGES[to]) return x;
  if (to === 'bool') return Number(x !== 0n);
  if (INTEGER_RANGES[to]) return Number(BigInt.asIntN(32, x));
  return to === 'f64' ? Number(x) : fromFloat(stickyNumber(x), to);
}

/** x to 40 or more bits with what is cut off as a last sticky bit, so that rounding to a shorter float rounds only once. */
function stickyNumber(x: bigint): number {
  if (x >= -(2n ** 53n) && x <= 2n ** 53n) return Number(x);
  const magnitude = x < 0n ? -x : x;
  const sticky = ((magnitude >> 12n) | (magnitude & 0xfffn ? 1n : 0n)) << 12n;
  return Number(x < 0n ? -sticky : sticky);
}

/** An integer of at most 32 bits, or a bool, as an element of `to`. */
export const fromInteger = (x: number, to: DType): number | bigint =>
  BIG_RANGES[to] ? BigInt(x) : INTEGER_RANGES[to] ? x : fromFloat(x, to);

/** A function of two elements of whatever kind their dtypes have. */
export type ElementBinary = (a: number | bigint, b: number | bigint) => number | bigint;

export function binaryOf(fn: BinaryFunction, a: DType, b: DType): ElementBinary {
  if (fn === 'pow') {
    if (isFloat(a) || isFloat(b)) return (x, y) => fromFloat(Number(x) ** Number(y), a);
    return (x, y) => fromBig(integerPower(BigInt(x), BigInt(y)), a);
  }
  const apply = isBig(a) ? BIG_BINARY[fn] : isFloat(a) ? FLOAT_BINARY[fn] : INTEGER_BINARY[fn];
  return apply as ElementBinary;
}
