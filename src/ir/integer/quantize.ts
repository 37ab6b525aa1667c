import type { Quantization } from '../types.js';
import { codeOf, inverseScale, maxCode } from './code.js';

/** `sq_quantize_u8`: code(x · inverse scale). */
export function quantizeU8(x: Float32Array, { scale, zeroPoint, bits }: Quantization): Uint8Array {
  const inverse = inverseScale(scale);
  const max = maxCode(bits);
  return Uint8Array.from(x, (value) => codeOf(Math.fround(value * inverse), zeroPoint, max));
}

/** `sq_dequantize_u8`: float(code − zero point) · scale. */
export function dequantizeU8(x: Uint8Array, { scale, zeroPoint }: Quantization): Float32Array {
  const factor = Math.fround(scale);
  return Float32Array.from(x, (code) => (code - zeroPoint) * factor);
}
