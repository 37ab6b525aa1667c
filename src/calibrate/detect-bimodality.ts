import { coalesce, type Histogram } from './histogram.js';

/** A local maximum of the estimated density: where it is, and its share of the sum over the grid. */
export interface DensityPeak {
  readonly value: number;
  readonly density: number;
}

export interface Bimodality {
  /** True when the density of all keys has exactly two peaks. */
  readonly bimodal: boolean;
  /** Peaks in ascending order of value. */
  readonly peaks: readonly DensityPeak[];
  /** γ, one per channel: +1 where the channel's mean is ≥ 0, else −1. Given for keys that are not bimodal too. */
  readonly signs: Int8Array;
}

/** Points of the grid on which the density is evaluated; a peak's least share of their sum; least distance of peaks. */
const GRID_POINTS = 128;
const PEAK_HEIGHT = 0.01;
const PEAK_DISTANCE = 32;

/** Kernels are cut here, in bandwidths: exp(−10²/2) = 2e-22 is below the last place of any peak. */
const KERNEL_REACH = 10;

/** Bins are split into parts no wider than this share of the range. */
const FINEST_PART = 1 / 1024;

/**
 * Tells whether the output of a key projection has two peaks, and the sign of each of its channels
 * (PTQ4SAM, arXiv 2405.03144, section 3.2: Bimodal Integration).
 *
 * @param keys one sample's keys [tokens, channels], row-major
 * @throws where the size is not tokens × channels, or a key is NaN or infinite
 */
export function detectBimodality(keys: Float32Array, tokens: number, channels: number): Bimodality {
  if (!(Number.isInteger(tokens) && Number.isInteger(channels) && tokens > 0 && channels > 0)) {
    throw new Error(`detectBimodality: ${tokens} tokens × ${channels} channels is not a shape`);
  }
  if (keys.length !== tokens * channels) {
    throw new Error(`detectBimodality: ${keys.length} keys given for ${tokens} tokens × ${channels} channels`);
  }
  const sums = new Float64Array(channels);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!;
    if (!Number.isFinite(key)) {
      throw new Error(`detectBimodality: key ${key} at token ${Math.floor(i / channels)}, channel ${i % channels}`);
    }
    sums[i % channels]! += key;
  }
  const ones = new Uint8Array(keys.length).fill(1);
  return classify(estimateDensity(keys, ones), signsOf(sums));
}

/**
 * The same from a histogram of one sample's keys, where the keys themselves are too many to keep. A bin's elements are taken as evenly spread
 * over it, so it should be no wider than a few bandwidths at the peaks; the answer then differs only where a peak is at the very limit.
 *
 * @param channelMeans mean of each channel over the tokens
 * @throws where the histogram is empty, or a mean is not finite
 */
export function detectBimodalityFromHistogram(histogram: Histogram, channelMeans: ArrayLike<number>): Bimodality {
  const means = Float64Array.from(channelMeans);
  const wrong = means.findIndex((mean) => !Number.isFinite(mean));
  if (wrong >= 0) throw new Error(`detectBimodalityFromHistogram: mean of channel ${wrong} is ${means[wrong]}`);
  if (histogram.counts.length === 0) throw new Error('detectBimodalityFromHistogram: the histogram is empty');
  const [low, high] = [histogram.lower[0]!, histogram.upper.at(-1)!];
  const widest = (high - low) * FINEST_PART;
  // Near zero bins are far narrower than what can be told apart.
  const { lower, upper, counts } = coalesce(histogram, widest);
  const bins = counts.length;
  const values: number[] = [];
  const weights: number[] = [];
  for (let bin = 0; bin < bins; bin++) {
    const width = upper[bin]! - lower[bin]!;
    const parts = width > widest ? Math.ceil(width / widest) : 1;
    for (let part = 0; part < parts; part++) {
      values.push(lower[bin]! + (width * (part + 0.5)) / parts);
      weights.push(counts[bin]! / parts);
    }
  }
  return classify(estimateDensity(values, weights, low, high), signsOf(means));
}

interface Density {
  readonly min: number;
  readonly step: number;
  /** Densities at min + i·step, scaled to a sum of 1; empty where all values are equal. */
  readonly shares: Float64Array;
}

/** The sign of a mean of exactly 0 is +1: with 0 the folding would erase the channel. */
function signsOf(means: Float64Array): Int8Array {
  return Int8Array.from(means, (mean) => (mean >= 0 ? 1 : -1));
}

function classify({ min, step, shares }: Density, signs: Int8Array): Bimodality {
  const peaks = findPeaks(shares, PEAK_HEIGHT, PEAK_DISTANCE).map((i) => ({
    value: min + i * step,
    density: shares[i]!,
  }));
  return { bimodal: peaks.length === 2, peaks, signs };
}

/**
 * Gaussian kernel density with Scott's bandwidth n^(−1/5) · s, s the sample standard deviation (divisor n − 1), at 128 points
 * from min to max. Constant factors are left out: the shares do not need them.
 */
function estimateDensity(values: ArrayLike<number>, weights: ArrayLike<number>, low?: number, high?: number): Density {
  let n = 0;
  let sum = 0;
  let min = low ?? Number.POSITIVE_INFINITY;
  let max = high ?? Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    n += weights[i]!;
    sum += weights[i]! * value;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const mean = sum / n;
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += weights[i]! * (values[i]! - mean) ** 2;
  const bandwidth = n ** -0.2 * Math.sqrt(squares / (n - 1));
  const step = (max - min) / (GRID_POINTS - 1);
  if (!(bandwidth > 0 && step > 0)) return { min, step: 0, shares: new Float64Array(0) };

  const shares = new Float64Array(GRID_POINTS);
  const reach = KERNEL_REACH * bandwidth;
  const exponent = -0.5 / (bandwidth * bandwidth);
  const growth = Math.exp(2 * exponent * step * step);
  for (let i = 0; i < values.length; i++) {
    const weight = weights[i]!;
    if (weight === 0) continue;
    const offset = values[i]! - min;
    const first = Math.max(0, Math.ceil((offset - reach) / step));
    const last = Math.min(GRID_POINTS - 1, Math.floor((offset + reach) / step));
    // exp of a quadratic by its ratios: the ratio of neighbours grows by a constant factor.
    const distance = first * step - offset;
    let density = weight * Math.exp(exponent * distance * distance);
    let ratio = Math.exp(exponent * step * (2 * distance + step));
    for (let g = first; g <= last; g++) {
      shares[g]! += density;
      density *= ratio;
      ratio *= growth;
    }
  }
  const total = shares.reduce((a, b) => a + b, 0);
  for (let g = 0; g < GRID_POINTS; g++) shares[g]! /= total;
  return { min, step, shares };
}

/**
 * Local maxima of at least `height`, at least `distance` apart, as scipy.signal.find_peaks has them: a plateau counts once, at its
 * middle (rounded down); the first and last point are never peaks; of two that are too near the higher stays, and of
 * equally high ones the later.
 */
export function findPeaks(samples: Float64Array, height: number, distance: number): number[] {
  const maxima: number[] = [];
  for (let i = 1; i < samples.length - 1; i++) {
    if (!(samples[i - 1]! < samples[i]!)) continue;
    let end = i + 1;
    while (end < samples.length - 1 && samples[end] === samples[i]) end++;
    if (samples[end]! < samples[i]!) {
      if (samples[i]! >= height) maxima.push(Math.floor((i + end - 1) / 2));
      i = end - 1;
    }
  }
  const byHeight = [...maxima].sort((a, b) => samples[b]! - samples[a]! || b - a);
  const kept: number[] = [];
  for (const peak of byHeight) {
    if (kept.every((other) => Math.abs(other - peak) >= distance)) kept.push(peak);
  }
  return kept.sort((a, b) => a - b);
}
