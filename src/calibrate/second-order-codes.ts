import { roundHalfEven } from '../ir/scalar.js';

/** Added to the diagonal of XᵀX, as a share of its mean: GPTQ's damping. */
const DAMPING = 0.01;

/**
 * The upper Cholesky factor U of H⁻¹ = UᵀU, row-major [k, k]; undefined where H is not positive definite.
 * H is overwritten.
 */
function inverseFactor(h: Float64Array, k: number): Float64Array | undefined {
  // H = LLᵀ in place, lower triangle.
  for (let j = 0; j < k; j++) {
    for (let p = 0; p <= j; p++) {
      let sum = h[j * k + p]!;
      for (let t = 0; t < p; t++) sum -= h[j * k + t]! * h[p * k + t]!;
      if (p < j) h[j * k + p] = sum / h[p * k + p]!;
      else if (sum > 0) h[j * k + j] = Math.sqrt(sum);
      else return undefined;
    }
  }
  // L⁻¹, lower triangle, row by row.
  const inverse = new Float64Array(k * k);
  for (let i = 0; i < k; i++) {
    inverse[i * k + i] = 1 / h[i * k + i]!;
    for (let t = 0; t < i; t++) {
      const factor = h[i * k + t]! / h[i * k + i]!;
      if (factor !== 0) for (let j = 0; j <= t; j++) inverse[i * k + j]! -= factor * inverse[t * k + j]!;
    }
  }
  // H⁻¹ = L⁻ᵀL⁻¹.
  const product = new Float64Array(k * k);
  for (let t = 0; t < k; t++)
    for (let i = 0; i <= t; i++) {
      const factor = inverse[t * k + i]!;
      if (factor !== 0) for (let j = 0; j <= i; j++) product[i * k + j]! += factor * inverse[t * k + j]!;
    }
  // H⁻¹ = UᵀU: U is the transpose of the Cholesky factor of H⁻¹.
  const upper = new Float64Array(k * k);
  for (let j = 0; j < k; j++) {
    for (let p = 0; p <= j; p++) {
      let sum = product[j * k + p]!;
      for (let t = 0; t < p; t++) sum -= upper[t * k + j]! * upper[t * k + p]!;
      if (p < j) upper[p * k + j] = sum / upper[p * k + p]!;
      else if (sum > 0) upper[j * k + j] = Math.sqrt(sum);
      else return undefined;
    }
  }
  return upper;
}

/**
 * Second-order rounding (GPTQ, section 3): input channels are rounded one after another, those that matter most first, and
 * what rounding one loses is made up for by the channels still to come, as H = XᵀX says they can.
 *
 * @param weights [n, k], row-major
 * @param scales one for each of the n rows
 * @param gram XᵀX [k, k] over the calibration samples
 * @returns codes [n, k]; undefined where H is singular even with damping
 */
export function secondOrderCodes(
  weights: Float32Array,
  { n, k }: { readonly n: number; readonly k: number },
  scales: Float32Array,
  bits: number,
  gram: Float64Array,
): Int8Array | undefined {
  let trace = 0;
  for (let j = 0; j < k; j++) trace += gram[j * k + j]!;
  if (!(trace > 0)) return undefined;
  const order = Uint32Array.from({ length: k }, (_, j) => j).sort((a, b) => gram[b * k + b]! - gram[a * k + a]!);
  const h = new Float64Array(k * k);
  for (let i = 0; i < k; i++) {
    for (let j = 0; j < k; j++) h[i * k + j] = gram[order[i]! * k + order[j]!]!;
    h[i * k + i]! += (DAMPING * trace) / k;
  }
  const upper = inverseFactor(h, k);
  if (upper === undefined) return undefined;
  const [least, most] = [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
  const codes = new Int8Array(n * k);
  const row = new Float64Array(k);
  for (let i = 0; i < n; i++) {
    const scale = scales[i]!;
    for (let j = 0; j < k; j++) row[j] = weights[i * k + order[j]!]!;
    for (let j = 0; j < k; j++) {
      const code = Math.min(most, Math.max(least, roundHalfEven(row[j]! / scale)));
      codes[i * k + order[j]!] = code;
      const error = (row[j]! - scale * code) / upper[j * k + j]!;
      if (error !== 0) for (let t = j; t < k; t++) row[t]! -= error * upper[j * k + t]!;
    }
  }
  return codes;
}
