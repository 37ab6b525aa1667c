/**
 * The one rounding of the integer kernels, as sq_code.h has it: t float32 → clamp(round(t) + zeroPoint, 0, max), ties to
 * even; NaN gives the zero point.
 */
export function codeOf(t: number, zeroPoint: number, max: number): number {
  if (Number.isNaN(t)) return zeroPoint;
  return roundHalfEven(Math.min(Math.max(t, -zeroPoint), max - zeroPoint)) + zeroPoint;
}

/** Nearest whole number, ties to even, for |t| < 2^22: adding 1.5 · 2^23 in float32 leaves no fraction. */
export const roundHalfEven = (t: number): number => Math.fround(t + 12582912) - 12582912;

/** The largest code of a number of bits. */
export const maxCode = (bits: number): number => 2 ** bits - 1;

/** 1 / scale as the one float32 constant that kernels multiply by. */
export const inverseScale = (scale: number): number => Math.fround(1 / scale);
