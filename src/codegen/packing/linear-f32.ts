import { ownBytes } from '../../ir/tensor-bytes.js';

/**
 * Packing `linear_f32_nrN` of sq_linear_f32 and sq_conv_f32: blocks of N output channels, each bias[N] and then k rows of N
 * weights, so that a register tile reads one contiguous stream. Channels past n are zero.
 *
 * `weights` is [n, k] row-major (ONNX's Gemm with transB = 1; transpose a MatMul's [k, n] first with `transposeF32`).
 * Returns little-endian float32, `linearF32PackedBytes` of them.
 */
export function packLinearF32(
  weights: Float32Array,
  bias: Float32Array | undefined,
  n: number,
  k: number,
  nr: number,
): Uint8Array {
  if (weights.length !== n * k) throw new RangeError(`packLinearF32: ${weights.length} weights, expected ${n} x ${k}`);
  if (bias !== undefined && bias.length !== n)
    throw new RangeError(`packLinearF32: ${bias.length} biases for ${n} channels`);
  const packed = new Float32Array(linearF32PackedBytes(n, k, nr) / 4);
  for (let j0 = 0; j0 < n; j0 += nr) {
    const start = j0 * (k + 1);
    const lanes = Math.min(nr, n - j0);
    if (bias !== undefined) packed.set(bias.subarray(j0, j0 + lanes), start);
    for (let p = 0; p < k; p++)
      for (let lane = 0; lane < lanes; lane++) packed[start + (p + 1) * nr + lane] = weights[(j0 + lane) * k + p]!;
  }
  return ownBytes(packed);
}

/** Bytes of `packLinearF32`'s result. */
export function linearF32PackedBytes(n: number, k: number, nr: number): number {
  return Math.ceil(n / nr) * nr * (k + 1) * 4;
}

/** [rows, columns] to [columns, rows]. */
export function transposeF32(values: Float32Array, rows: number, columns: number): Float32Array {
  if (values.length !== rows * columns) {
    throw new RangeError(`transposeF32: ${values.length} values, expected ${rows} x ${columns}`);
  }
  const out = new Float32Array(values.length);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) out[c * rows + r] = values[r * columns + c] ?? 0;
  }
  return out;
}
