import { roundHalfEven } from './scalar.js';

/** IEEE binary16 and bfloat16: rounding to nearest even, and their bits. Values are held as JavaScript numbers. */

const wide = new Float64Array(1);
const wideBits = new Uint32Array(wide.buffer);
const HIGH_WORD = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 1 : 0;

/** ⌊log2 |x|⌋ of a finite x ≠ 0; subnormal doubles count as −1023, below every format here. */
function exponentOf(x: number): number {
  wide[0] = x;
  return ((wideBits[HIGH_WORD]! >>> 20) & 0x7ff) - 1023;
}

/** x to `fractionBits` after the leading one, subnormals spaced as the numbers from 2^minExponent on. */
function round(x: number, fractionBits: number, minExponent: number, maxExponent: number): number {
  if (x === 0 || !Number.isFinite(x)) return x;
  const spacing = 2 ** (Math.max(exponentOf(x), minExponent) - fractionBits);
  const magnitude = roundHalfEven(Math.abs(x) / spacing) * spacing;
  const rounded = magnitude < 2 ** (maxExponent + 1) ? magnitude : Number.POSITIVE_INFINITY;
  return x < 0 ? -rounded : rounded;
}

export const roundToF16 = (x: number): number => round(x, 10, -14, 15);
export const roundToBf16 = (x: number): number => round(x, 7, -126, 127);

export function f16Bits(x: number): number {
  const sign = x < 0 || Object.is(x, -0) ? 0x8000 : 0;
  if (Number.isNaN(x)) return 0x7e00;
  const magnitude = Math.abs(roundToF16(x));
  if (magnitude === Number.POSITIVE_INFINITY) return sign | 0x7c00;
  if (magnitude < 2 ** -14) return sign | (magnitude * 2 ** 24);
  const exponent = exponentOf(magnitude);
  return sign | ((exponent + 15) << 10) | (magnitude * 2 ** (10 - exponent) - 1024);
}

export function f16FromBits(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

const single = new Float32Array(1);
const singleBits = new Uint32Array(single.buffer);

export function bf16Bits(x: number): number {
  if (Number.isNaN(x)) return 0x7fc0;
  single[0] = roundToBf16(x);
  return singleBits[0]! >>> 16;
}

export function bf16FromBits(bits: number): number {
  singleBits[0] = bits << 16;
  return single[0]!;
}
