import { roundHalfEven } from '../scalar.js';
import type { Quantization } from '../types.js';

/** Symmetric codes of a weight matrix, one scale for each output channel. */
export interface QuantizedWeights {
  readonly codes: Int8Array;
  readonly scales: Float32Array;
}

/** Codes of rows of `k` weights with given scales, w ≈ scale_j · code: nearest, ties to even, within the signed range. */
export function quantizeRows(weights: Float32Array, k: number, scales: Float32Array, bits: number): Int8Array {
  const [least, most] = [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
  const codes = new Int8Array(weights.length);
  for (let row = 0; row * k < weights.length; row++) {
    const scale = scales[row]!;
    for (let i = row * k; i < (row + 1) * k; i++) {
      codes[i] = Math.min(most, Math.max(least, roundHalfEven(weights[i]! / scale)));
    }
  }
  return codes;
}

/**
 * Bias and multipliers of an integer product: bias' = round(bias / (s_x·s_w)) − z_x·Σ codes and m = s_x·s_w, divided by
 * the output's scale where the result is requantized directly (NUMERICS, "linear").
 */
export function foldedBias(
  { codes, scales }: QuantizedWeights,
  k: number,
  bias: Float32Array | undefined,
  x: Quantization,
): Int32Array {
  return Int32Array.from(scales, (scale, row) => {
    let sum = 0;
    for (let i = row * k; i < (row + 1) * k; i++) sum += codes[i]!;
    const rounded = bias === undefined ? 0 : Math.round(bias[row]! / (x.scale * scale));
    const limited = Math.max(-(2 ** 30), Math.min(2 ** 30, rounded));
    return limited - x.zeroPoint * sum;
  });
}

export const dequantizeMultipliers = (scales: Float32Array, x: Quantization): Float32Array =>
  scales.map((scale) => x.scale * scale);
