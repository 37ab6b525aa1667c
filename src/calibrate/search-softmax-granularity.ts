import { minimizeBounded } from './minimize-bounded.js';

/** Sizes of one attention: probabilities are [heads, queries, keys], values [heads, keys, channels], both row-major. */
export interface AttentionShape {
  readonly heads: number;
  readonly queries: number;
  readonly keys: number;
  readonly channels: number;
}

export interface SoftmaxSample extends AttentionShape {
  readonly probabilities: Float32Array;
  readonly values: Float32Array;
}

export interface GranularitySearch {
  readonly bits: number;
  /** Candidate granularities, whole numbers ≥ 1. */
  readonly taus: readonly number[];
}

export interface SoftmaxGranularity {
  /** The candidate with the least error; the first of equals. */
  readonly tau: number;
  /** Its scale s: probabilities are s · 2^(−q/τ). */
  readonly scale: number;
  /** For each candidate in the order given: mean |ÂV − AV|^2.4 at its best scale, and that scale. */
  readonly errors: readonly number[];
  readonly scales: readonly number[];
}

/** Exponent of the error of the attention's output in PTQ4SAM's observers. */
const ERROR_POWER = 2.4;

/**
 * Adaptive Granularity Quantization of softmax as published (PTQ4SAM, arXiv 2405.03144, section 3.3, and its public code): for every τ the scale that
 * minimises the error of the attention's output, and of the τ the best. The codes have 2^b + 1 states, as there: 2^b levels and zero besides.
 *
 * @throws where sizes do not match, a probability is negative or not finite, or all of them are zero
 */
export function searchSoftmaxGranularity(
  probabilities: Float32Array,
  values: Float32Array,
  options: AttentionShape & GranularitySearch,
): SoftmaxGranularity {
  const { heads, queries, keys, channels } = options;
  return searchSoftmaxGranularityOverSamples([{ probabilities, values, heads, queries, keys, channels }], options);
}

/** The same over several calibration samples of one attention: errors are summed, scales averaged. */
export function searchSoftmaxGranularityOverSamples(
  samples: readonly SoftmaxSample[],
  { bits, taus }: GranularitySearch,
): SoftmaxGranularity {
  if (samples.length === 0) throw new Error('searchSoftmaxGranularity: no samples');
  if (!Number.isInteger(bits) || bits < 1 || bits > 16) throw new Error(`searchSoftmaxGranularity: ${bits} bits`);
  if (taus.length === 0) throw new Error('searchSoftmaxGranularity: no candidates for τ');
  for (const tau of taus) {
    if (!Number.isInteger(tau) || tau < 1)
      throw new Error(`searchSoftmaxGranularity: τ = ${tau} is not a whole number ≥ 1`);
  }
  const errors = taus.map(() => 0);
  const scales = taus.map(() => 0);
  for (const sample of samples) {
    const largest = checkSample(sample);
    const error = errorOfOutput(sample, 2 ** bits);
    taus.forEach((tau, t) => {
      const minimum = minimizeBounded((scale) => error(scale, tau), Math.min(0.1, 0.01 * largest), largest);
      errors[t]! += minimum.value;
      scales[t]! += minimum.at / samples.length;
    });
  }
  const best = errors.reduce((least, error, t) => (error < errors[least]! ? t : least), 0);
  return { tau: taus[best]!, scale: scales[best]!, errors, scales };
}

/** Returns the largest probability. */
function checkSample({ probabilities, values, heads, queries, keys, channels }: SoftmaxSample): number {
  if (probabilities.length !== heads * queries * keys) {
    throw new Error(
      `searchSoftmaxGranularity: ${probabilities.length} probabilities given for ${heads} heads × ${queries} queries × ${keys} keys`,
    );
  }
  if (values.length !== heads * keys * channels) {
    throw new Error(
      `searchSoftmaxGranularity: ${values.length} values given for ${heads} heads × ${keys} keys × ${channels} channels`,
    );
  }
  const wrongValue = values.findIndex((value) => !Number.isFinite(value));
  if (wrongValue >= 0) throw new Error(`searchSoftmaxGranularity: value ${values[wrongValue]} at ${wrongValue}`);
  let largest = 0;
  for (let i = 0; i < probabilities.length; i++) {
    const probability = probabilities[i]!;
    if (!(probability >= 0 && probability < Number.POSITIVE_INFINITY)) {
      throw new Error(`searchSoftmaxGranularity: probability ${probability} at ${i}`);
    }
    if (probability > largest) largest = probability;
  }
  if (largest === 0) throw new Error('searchSoftmaxGranularity: all probabilities are zero');
  return largest;
}

/** mean |(Â − A)V|^2.4 as a function of scale and τ, for Â = s · 2^(−q/τ), q = max(0, round(−τ·log2(a/s))), and 0 where q ≥ levels. */
function errorOfOutput(sample: SoftmaxSample, levels: number): (scale: number, tau: number) => number {
  const { probabilities, values, heads, queries, keys, channels } = sample;
  const logarithms = Float64Array.from(probabilities, Math.log2);
  const row = new Float64Array(channels);
  return (scale, tau) => {
    const table = Float64Array.from({ length: levels }, (_, q) => scale * 2 ** (-q / tau));
    const logScale = Math.log2(scale);
    let sum = 0;
    for (let head = 0, a = 0; head < heads; head++) {
      const headValues = head * keys * channels;
      for (let query = 0; query < queries; query++) {
        row.fill(0);
        for (let key = 0; key < keys; key++, a++) {
          const q = Math.max(0, Math.round(tau * (logScale - logarithms[a]!)));
          const difference = (q < levels ? table[q]! : 0) - probabilities[a]!;
          const v = headValues + key * channels;
          for (let channel = 0; channel < channels; channel++) row[channel]! += difference * values[v + channel]!;
        }
        for (let channel = 0; channel < channels; channel++) sum += Math.abs(row[channel]!) ** ERROR_POWER;
      }
    }
    return sum / (heads * queries * channels);
  };
}
