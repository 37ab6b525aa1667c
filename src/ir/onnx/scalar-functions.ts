import type { BinaryFunction, UnaryFunction } from '../ops/elementwise.js';
import {
  add,
  type Bounds,
  boundsOf,
  call,
  decideEqual,
  divideExact,
  multiply,
  type Scalar,
  type ScalarFunction,
  type SymbolBounds,
  scalarsEqual,
  scalarType,
  subtract,
} from '../scalar.js';
import type { DType } from '../types.js';

/** Elementwise IR functions on scalars. `undefined` where a function has no scalar form: its result stays a tensor. */
export type ScalarKind = 'int' | 'f32' | 'bool';

/** The arithmetic of each element type that shape computations use. */
export function kindOf(dtype: DType): ScalarKind | undefined {
  if (dtype === 'i64' || dtype === 'i32') return 'int';
  return dtype === 'f32' || dtype === 'bool' ? dtype : undefined;
}

type Unary = (x: Scalar, bounds: SymbolBounds) => Scalar;
type Binary = (a: Scalar, b: Scalar, bounds: SymbolBounds) => Scalar | undefined;

const not = (x: Scalar): Scalar => subtract(1, x);

/**
 * Interval of a − b. Terms k·⌊p/c⌋ with a number c > 0 are relaxed to multiples of p, (p − c + 1)/c ≤ ⌊p/c⌋ ≤ p/c, so
 * that n − ⌊n/2⌋ is seen to be positive.
 */
function differenceBounds(a: Scalar, b: Scalar, bounds: SymbolBounds): Bounds {
  const difference = subtract(a, b);
  const direct = boundsOf(difference, bounds);
  if (typeof difference === 'number' || difference.kind !== 'polynomial') return direct;
  for (const { coefficient, atoms } of difference.terms) {
    const [atom, ...others] = atoms;
    if (atom?.kind !== 'call' || atom.fn !== 'floor_div' || others.length > 0) continue;
    const [p, c] = atom.args;
    if (p === undefined || typeof c !== 'number' || c <= 0) continue;
    const rest = multiply(subtract(difference, multiply(coefficient, atom)), c);
    const [low, high] = [multiply(coefficient, subtract(p, c - 1)), multiply(coefficient, p)];
    const lower = differenceBounds(add(rest, coefficient > 0 ? low : high), 0, bounds).min / c;
    const upper = differenceBounds(add(rest, coefficient > 0 ? high : low), 0, bounds).max / c;
    return { min: Math.max(direct.min, Math.ceil(lower)), max: Math.min(direct.max, Math.floor(upper)) };
  }
  return direct;
}

/** Comparisons of scalars: of floats by their intervals, of integers by the interval of their difference. */
const isInteger = (x: Scalar): boolean => (typeof x === 'number' ? Number.isInteger(x) : scalarType(x) === 'int');
function compare(a: Scalar, b: Scalar, bounds: SymbolBounds): Bounds {
  if (isInteger(a) && isInteger(b)) return differenceBounds(a, b, bounds);
  const [x, y] = [boundsOf(a, bounds), boundsOf(b, bounds)];
  return { min: x.min - y.max, max: x.max - y.min };
}

export function less(a: Scalar, b: Scalar, bounds: SymbolBounds): Scalar {
  const { min, max } = compare(a, b, bounds);
  if (max < 0) return 1;
  return min >= 0 ? 0 : call('less', a, b);
}

export function minimum(a: Scalar, b: Scalar, bounds: SymbolBounds, fn: ScalarFunction = 'min'): Scalar {
  const { min, max } = compare(a, b, bounds);
  if (max <= 0) return a;
  return min >= 0 ? b : call(fn, a, b);
}

export function maximum(a: Scalar, b: Scalar, bounds: SymbolBounds, fn: ScalarFunction = 'max'): Scalar {
  const { min, max } = compare(a, b, bounds);
  if (min >= 0) return a;
  return max <= 0 ? b : call(fn, a, b);
}

/** a / b where nothing is left, for every value of the symbols. */
function quotient(a: Scalar, b: Scalar): Scalar | undefined {
  const exact = divideExact(a, b);
  return scalarsEqual(multiply(exact, b), a) ? exact : undefined;
}

/** a / b of integers, toward zero. */
function divide(a: Scalar, b: Scalar, bounds: SymbolBounds): Scalar | undefined {
  const divisor = boundsOf(b, bounds);
  if (divisor.min <= 0 && divisor.max >= 0) return undefined;
  const sameSign = boundsOf(a, bounds).min >= 0 && divisor.min > 0;
  return quotient(a, b) ?? call(sameSign ? 'floor_div' : 'trunc_div', a, b);
}

/** a − b·⌊a/b⌋ */
function modulo(a: Scalar, b: Scalar, bounds: SymbolBounds): Scalar | undefined {
  const [x, y] = [boundsOf(a, bounds), boundsOf(b, bounds)];
  if (y.min <= 0 && y.max >= 0) return undefined;
  if (x.min >= 0 && x.max < y.min) return a;
  return quotient(a, b) === undefined ? call('mod', a, b) : 0;
}

const equal = (a: Scalar, b: Scalar, bounds: SymbolBounds): Scalar => {
  const decided = decideEqual(a, b, bounds);
  return decided === undefined ? call('equal', a, b) : Number(decided);
};
const equalF32 = (a: Scalar, b: Scalar, bounds: SymbolBounds): Scalar => {
  const [x, y] = [boundsOf(a, bounds), boundsOf(b, bounds)];
  return x.max < y.min || y.max < x.min ? 0 : call('equal', a, b);
};

/** x^n by multiplication, for the small exponents of shape arithmetic. */
function power(a: Scalar, b: Scalar): Scalar | undefined {
  if (typeof b !== 'number' || !Number.isInteger(b) || b < 0 || b > 4) return undefined;
  return Array.from({ length: b }, () => a).reduce(multiply, 1 as Scalar);
}

/** ⌊x⌋, ⌈x⌉ and round leave a float alone that was an integer. */
const integral =
  (fn: ScalarFunction): Unary =>
  (x) =>
    typeof x !== 'number' && x.kind === 'call' && (x.fn === 'to_f32' || ROUNDED.includes(x.fn)) ? x : call(fn, x);
const ROUNDED: readonly ScalarFunction[] = ['floor_f32', 'ceil_f32', 'round_f32'];

const magnitude =
  (negate: Unary, fn: ScalarFunction): Unary =>
  (x, bounds) =>
    boundsOf(x, bounds).min >= 0 ? x : call(fn, x, negate(x, bounds));
const negateF32: Unary = (x) => call('mul_f32', -1, x);
const negateInt: Unary = (x) => multiply(-1, x);

const UNARY: { readonly [K in ScalarKind]: Partial<Record<UnaryFunction, Unary>> } = {
  int: { neg: negateInt, abs: magnitude(negateInt, 'max'), relu: (x, bounds) => maximum(x, 0, bounds) },
  bool: { not },
  f32: {
    neg: negateF32,
    abs: magnitude(negateF32, 'max_f32'),
    relu: (x, bounds) => maximum(x, 0, bounds, 'max_f32'),
    floor: integral('floor_f32'),
    ceil: integral('ceil_f32'),
    round: integral('round_f32'),
    sqrt: (x) => call('sqrt_f32', x),
  },
};

const BINARY: { readonly [K in ScalarKind]: Partial<Record<BinaryFunction, Binary>> } = {
  int: {
    add,
    sub: subtract,
    mul: multiply,
    div: divide,
    mod: modulo,
    pow: power,
    min: minimum,
    max: maximum,
    equal,
    less,
    less_equal: (a, b, bounds) => not(less(b, a, bounds)),
  },
  bool: {
    and: multiply,
    or: (a, b, bounds) => maximum(a, b, bounds),
    xor: (a, b, bounds) => not(equal(a, b, bounds)),
    equal,
  },
  f32: {
    add: (a, b) => call('add_f32', a, b),
    sub: (a, b) => call('sub_f32', a, b),
    mul: (a, b) => (b === 1 ? a : a === 1 ? b : call('mul_f32', a, b)),
    div: (a, b) => (b === 1 ? a : call('div_f32', a, b)),
    min: (a, b, bounds) => minimum(a, b, bounds, 'min_f32'),
    max: (a, b, bounds) => maximum(a, b, bounds, 'max_f32'),
    equal: equalF32,
    less,
    less_equal: (a, b, bounds) => {
      const [x, y] = [boundsOf(a, bounds), boundsOf(b, bounds)];
      if (x.max <= y.min) return 1;
      return y.max < x.min ? 0 : maximum(call('less', a, b), call('equal', a, b), bounds);
    },
  },
};

export function unaryScalar(fn: UnaryFunction, kind: ScalarKind, x: Scalar, bounds: SymbolBounds): Scalar | undefined {
  return UNARY[kind][fn]?.(x, bounds);
}

export function binaryScalar(
  fn: BinaryFunction,
  kind: ScalarKind,
  a: Scalar,
  b: Scalar,
  bounds: SymbolBounds,
): Scalar | undefined {
  return BINARY[kind][fn]?.(a, b, bounds);
}

/** A number says nothing of its type, so a choice between two float constants has no scalar form. */
export function selectScalar(kind: ScalarKind, condition: Scalar, a: Scalar, b: Scalar): Scalar | undefined {
  if (typeof condition === 'number') return condition !== 0 ? a : b;
  if (kind === 'f32' && typeof a === 'number' && typeof b === 'number') return a === b ? a : undefined;
  return call('select', condition, a, b);
}

/** Integers up to here are exact in float32. */
const EXACT_F32 = 2 ** 24;

export function castScalar(from: ScalarKind, to: ScalarKind, x: Scalar, bounds: SymbolBounds): Scalar {
  const CAST: { readonly [K in ScalarKind]: () => Scalar } = {
    bool: () => (from === 'bool' ? x : not((from === 'f32' ? equalF32 : equal)(x, 0, bounds))),
    f32: () => (from === 'f32' ? x : call('to_f32', x)),
    int: () => (from === 'f32' ? truncate(x, bounds) : x),
  };
  return CAST[to]();
}

/** A dimension that went through float32 and back is itself. */
function truncate(x: Scalar, bounds: SymbolBounds): Scalar {
  if (typeof x !== 'number' && x.kind === 'call' && x.fn === 'to_f32') {
    const [inner] = x.args;
    if (inner !== undefined && (typeof inner === 'number' || scalarType(inner) === 'int')) {
      const { min, max } = boundsOf(inner, bounds);
      if (min >= -EXACT_F32 && max <= EXACT_F32) return inner;
    }
  }
  return call('to_int', x);
}
