import type { Quantization } from '../types.js';
import { codeOf, inverseScale, maxCode } from './code.js';

/** `sq_quantize_u8`: code(x · inverse scale). */
export function quantizeU8(x: Float32Array, { scale, zeroPoint, bits }: Quantization): Uint8Array {
  const inverse = inverseScale(scale);
  const max = maxCode(bits);
  return Uint8Array.from(x, (value) => codeOf(Math.fround(value * inverse), zeroPoint, max));
}

/** `sq_snap_u8`: each code becomes the nearest of the ascending levels, of two as near the lower. */
export function snapU8(x: Uint8Array, levels: readonly number[]): Uint8Array {
  const nearest = (code: number): number =>
    levels.reduce((best, level) => (Math.abs(level - code) < Math.abs(best - code) ? level : best));
  const table = Uint8Array.from({ length: 256 }, (_, code) => nearest(code));
  return x.map((code) => table[code]!);
}

/** `sq_dequantize_u8`: float(code − zero point) · scale. */
export function dequantizeU8(x: Uint8Array, { scale, zeroPoint }: Quantization): Float32Array {
  const factor = Math.fround(scale);
  return Float32Array.from(x, (code) => (code - zeroPoint) * factor);
}
