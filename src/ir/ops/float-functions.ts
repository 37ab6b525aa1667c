import { cosF32, erfF32, expF32, geluErfF32, geluTanhF32, logF32, sigmoidF32, sinF32, tanhF32 } from '../float-math.js';
import { roundHalfEven } from '../scalar.js';
import type { DType } from '../types.js';

/**
 * Functions of one float by arithmetic type. Those of float32 (also of `f16`, `bf16`, which round on the store) are the
 * sequences of single operations that the C has; those of float64 are JavaScript's.
 */

/** Round to nearest even with the sign of zero kept. */
const round = (x: number): number => (x < 0 || Object.is(x, -0) ? -roundHalfEven(-x) : roundHalfEven(x));

/** Series of erf for |x| < 6, all terms of one sign. */
function erf64(x: number): number {
  if (!(Math.abs(x) < 6)) return Number.isNaN(x) ? x : Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; n < 140; n++) {
    term = (term * 2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return 1.1283791670955126 * Math.exp(-x * x) * sum;
}

/** Exact in both arithmetic types, or rounded once by the store. */
const ROUNDED_ONCE = {
  abs: Math.abs,
  neg: (x: number): number => -x,
  sqrt: Math.sqrt,
  floor: Math.floor,
  ceil: Math.ceil,
  round,
  sign: (x: number): number => (x > 0 ? 1 : x < 0 ? -1 : x),
  /** The sign of zero and NaN are kept. */
  relu: (x: number): number => (x >= 0 || Number.isNaN(x) ? x : 0),
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
} as const;

export const FLOAT64_FUNCTIONS = {
  ...ROUNDED_ONCE,
  exp: Math.exp,
  log: Math.log,
  sin: Math.sin,
  cos: Math.cos,
  tanh: Math.tanh,
  erf: erf64,
  sigmoid: (x: number): number => 1 / (1 + Math.exp(-x)),
  gelu: (x: number): number => 0.5 * x * (1 + erf64(x * Math.SQRT1_2)),
  gelu_tanh: (x: number): number => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))),
} as const;

export type FloatFunction = keyof typeof FLOAT64_FUNCTIONS;

export const FLOAT32_FUNCTIONS: Readonly<Record<FloatFunction, (x: number) => number>> = {
  ...ROUNDED_ONCE,
  exp: expF32,
  log: logF32,
  sin: sinF32,
  cos: cosF32,
  tanh: tanhF32,
  erf: erfF32,
  sigmoid: sigmoidF32,
  gelu: geluErfF32,
  gelu_tanh: geluTanhF32,
};

export const floatFunctions = (dtype: DType): Readonly<Record<FloatFunction, (x: number) => number>> =>
  dtype === 'f64' ? FLOAT64_FUNCTIONS : FLOAT32_FUNCTIONS;
