import { roundHalfEven } from '../ir/scalar.js';
import { inverseFactor } from './cholesky.js';

/** Added to the diagonal of XᵀX, as a share of its mean: GPTQ's damping. */
const DAMPING = 0.01;
/** Passes over the codes of a row after its channels were rounded one by one. */
const SWEEPS = 2;

/** H [k, k] as rounding needs it, its channels in the order in which they are rounded: those that matter most first. */
export interface Rounding {
  readonly k: number;
  readonly order: Uint32Array;
  readonly h: Float64Array;
  /** U of H⁻¹ = UᵀU. */
  readonly upper: Float64Array;
}

/** Undefined where H, symmetric and row-major, is not positive definite. H is left as it is. */
export function prepareRounding(hessian: Float64Array, k: number): Rounding | undefined {
  const order = Uint32Array.from({ length: k }, (_, j) => j).sort((a, b) => hessian[b * k + b]! - hessian[a * k + a]!);
  const h = new Float64Array(k * k);
  for (let i = 0; i < k; i++) for (let j = 0; j < k; j++) h[i * k + j] = hessian[order[i]! * k + order[j]!]!;
  const upper = inverseFactor(h, k);
  return upper && { k, order, h, upper };
}

const extremes = (bits: number): readonly [least: number, most: number] => [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];

/**
 * Codes of one row of weights [k] with little (w − ŵ)ᵀH(w − ŵ), and that error: second-order rounding (GPTQ, section 3). What
 * rounding one channel loses is made up for by those still to come, as H says they can. Undefined where the error would
 * exceed `mostError`.
 */
export function roundRow(
  { k, order, upper }: Rounding,
  weights: Float32Array,
  scale: number,
  bits: number,
  mostError = Number.POSITIVE_INFINITY,
): { readonly codes: Int8Array; readonly error: number } | undefined {
  const [least, most] = extremes(bits);
  const codes = new Int8Array(k);
  const row = Float64Array.from(order, (j) => weights[j]!);
  let error = 0;
  for (let j = 0; j < k; j++) {
    const at = j * k;
    const code = Math.min(most, Math.max(least, roundHalfEven(row[j]! / scale)));
    codes[order[j]!] = code;
    const lost = (row[j]! - scale * code) / upper[at + j]!;
    error += lost * lost;
    if (error > mostError) return undefined;
    if (lost !== 0) for (let t = j; t < k; t++) row[t]! -= lost * upper[at + t]!;
  }
  return { codes, error };
}

/** Moves single codes of a row, in place, while that lowers its error: coordinate descent, a few sweeps. */
export function improveRow(
  { k, order, h }: Rounding,
  weights: Float32Array,
  scale: number,
  bits: number,
  codes: Int8Array,
): void {
  const [least, most] = extremes(bits);
  const lost = Float64Array.from(order, (j) => weights[j]! - scale * codes[j]!);
  /** H·(w − ŵ). */
  const slope = new Float64Array(k);
  for (let i = 0; i < k; i++) {
    let sum = 0;
    for (let j = 0; j < k; j++) sum += h[i * k + j]! * lost[j]!;
    slope[i] = sum;
  }
  for (let sweep = 0; sweep < SWEEPS; sweep++)
    for (let j = 0; j < k; j++) {
      const code = codes[order[j]!]!;
      const wanted = code + roundHalfEven(slope[j]! / (h[j * k + j]! * scale));
      const moved = Math.min(most, Math.max(least, wanted)) - code;
      if (moved === 0) continue;
      codes[order[j]!] = code + moved;
      for (let t = 0; t < k; t++) slope[t]! -= scale * moved * h[j * k + t]!;
    }
}

/**
 * What second-order rounding needs of XᵀX [k, k] over the calibration samples; undefined where that is singular even with
 * damping.
 */
export function dampedRounding(gram: Float64Array, k: number): Rounding | undefined {
  let trace = 0;
  for (let j = 0; j < k; j++) trace += gram[j * k + j]!;
  if (!(trace > 0)) return undefined;
  const damped = gram.slice();
  for (let j = 0; j < k; j++) damped[j * k + j]! += (DAMPING * trace) / k;
  return prepareRounding(damped, k);
}

/**
 * Second-order rounding of a whole matrix.
 *
 * @param weights [n, k], row-major
 * @param scales one for each of the n rows
 * @returns codes [n, k]
 */
export function secondOrderCodes(
  rounding: Rounding,
  weights: Float32Array,
  scales: Float32Array,
  bits: number,
): Int8Array {
  const { k } = rounding;
  const n = scales.length;
  const codes = new Int8Array(n * k);
  for (let i = 0; i < n; i++) {
    const row = weights.subarray(i * k, (i + 1) * k);
    const rounded = roundRow(rounding, row, scales[i]!, bits)!.codes;
    improveRow(rounding, row, scales[i]!, bits, rounded);
    codes.set(rounded, i * k);
  }
  return codes;
}
