export const WEIGHT_OBSERVERS = ['minmax', 'mse'] as const;
export type WeightObserver = (typeof WEIGHT_OBSERVERS)[number];

export interface WeightOptions {
  /** Rows of the weight: [channels, weights of a channel]. */
  readonly channels: number;
  /** Codes are −2^(bits−1) to 2^(bits−1) − 1. */
  readonly bits: number;
  /**
   * Of `mse`: scales may be negative, the code without an opposite is then on the other side. That is the part of a zero point for each
   * channel that costs nothing when the program runs, and most of what one would gain.
   */
  readonly mirrored?: boolean;
}

/** The search tries clips from this fraction of the whole range up, on a grid and then around the best. */
const LEAST_CLIP = 0.3;
const COARSE_STEPS = 28;
const HALVINGS = 3;

/**
 * Symmetric scales of a weight, one per output channel: real = scale · code. Min-max is the least scale that clips nothing;
 * `mse` searches below it for the least squared error. A channel of zeros has the scale 1.
 *
 * @param weights [channels, …], row-major
 * @throws naming the tensor, where a weight is NaN or infinite or the size does not match
 */
export function observeWeights(
  name: string,
  weights: Float32Array,
  { channels, bits, observer, mirrored = false }: WeightOptions & { readonly observer: WeightObserver },
): Float32Array {
  const length = channelLength(name, weights, channels);
  const scales = new Float32Array(channels);
  for (let channel = 0; channel < channels; channel++) {
    const row = weights.subarray(channel * length, (channel + 1) * length);
    const whole = wholeScale(name, row, channel, bits);
    const wholes = mirrored ? [whole, -wholeScale(name, row.map(negated), channel, bits)] : [whole];
    scales[channel] = observer === 'minmax' || whole === 1 ? whole : leastErrorScale(row, wholes, bits);
  }
  return scales;
}

const negated = (x: number): number => -x;

function channelLength(name: string, weights: Float32Array, channels: number): number {
  const length = weights.length / channels;
  if (!Number.isInteger(length))
    throw new Error(`tensor ${name}: ${weights.length} weights are not ${channels} equal channels`);
  return length;
}

/** The least scale that clips nothing; 1 for zeros. */
function wholeScale(name: string, row: Float32Array, channel: number, bits: number): number {
  let min = 0;
  let max = 0;
  for (let i = 0; i < row.length; i++) {
    const weight = row[i]!;
    if (!Number.isFinite(weight))
      throw new Error(`tensor ${name}: weight ${i} of output channel ${channel} is ${weight}`);
    if (weight < min) min = weight;
    if (weight > max) max = weight;
  }
  const highest = 2 ** (bits - 1) - 1;
  const scale = Math.fround(Math.max(max / highest, -min / (highest + 1)));
  // Too small for float32 to hold a scale's reciprocal: as good as zero.
  return scale < 2 ** -100 ? 1 : scale;
}

/** Of the scales from each of `wholes` down. */
function leastErrorScale(row: Float32Array, wholes: readonly number[], bits: number): number {
  let best = { scale: wholes[0]!, error: Number.POSITIVE_INFINITY };
  for (const whole of wholes) {
    let bestClip = 1;
    const attempt = (clip: number): void => {
      const scale = Math.fround(whole * clip);
      const error = squaredError(row, scale, bits, best.error);
      if (error < best.error) {
        best = { scale, error };
        bestClip = clip;
      }
    };
    const step = (1 - LEAST_CLIP) / COARSE_STEPS;
    for (let i = 0; i <= COARSE_STEPS; i++) attempt(1 - i * step);
    for (let halving = 1; halving <= HALVINGS; halving++) {
      const centre = bestClip;
      attempt(centre - step / 2 ** halving);
      attempt(Math.min(1, centre + step / 2 ** halving));
    }
  }
  return best.scale;
}

/** Σ (w − quantized w)², or at least `enough` as soon as that is reached. */
function squaredError(row: Float32Array, scale: number, bits: number, enough: number): number {
  const highest = 2 ** (bits - 1) - 1;
  const lowest = -highest - 1;
  const inverse = 1 / scale;
  let sum = 0;
  const limit = enough * inverse * inverse;
  for (let i = 0; i < row.length; ) {
    const block = Math.min(row.length, i + 64);
    for (; i < block; i++) {
      const u = row[i]! * inverse;
      let code = Math.floor(u + 0.5);
      if (code > highest) code = highest;
      else if (code < lowest) code = lowest;
      sum += (u - code) * (u - code);
    }
    if (sum >= limit) return enough;
  }
  return sum * scale * scale;
}
