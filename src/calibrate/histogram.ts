/** Counts over bins that are in ascending order and do not overlap; of bins of any width, none of them empty. */
export interface Histogram {
  readonly lower: Float64Array;
  readonly upper: Float64Array;
  readonly counts: Float64Array;
}

/** What observers need of a tensor over all calibration samples. */
export interface TensorStatistics {
  /** The tensor's name, for errors. */
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly histogram: Histogram;
}

/** Upper bits of a float32 that `statisticsOf` tells apart: sign, exponent and 9 bits of mantissa. */
const FINE_BITS = 18;
const LARGEST = (2 - 2 ** -23) * 2 ** 127;

/**
 * Statistics of a tensor's values.
 *
 * @throws naming the tensor, where there are no values, or one is NaN or infinite
 */
export function statisticsOf(name: string, values: Float32Array): TensorStatistics {
  const extent = extremes(name, values);
  const counts = new Uint32Array(2 ** FINE_BITS);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) counts[bits[i]! >>> (32 - FINE_BITS)]! += 1;
  return statisticsOfFloatBins(name, counts, extent);
}

/**
 * Statistics as an instrumented program counts them: how many elements have each pattern of the upper bits of their float32. Counts
 * of several samples are simply added up. Bins are narrow near zero, where quantizers of long-tailed tensors need it.
 *
 * @param counts 2^k of them for the k upper bits, 9 ≤ k ≤ 24; 65536 for sign, exponent and 7 bits of mantissa
 * @param extent least and greatest value, where they are known better than to a bin
 * @throws naming the tensor, where there are no values, or one is NaN or infinite
 */
export function statisticsOfFloatBins(
  name: string,
  counts: ArrayLike<number>,
  extent?: { readonly min: number; readonly max: number },
): TensorStatistics {
  const bins = counts.length;
  const shift = 32 - Math.log2(bins);
  if (!Number.isInteger(shift) || shift < 8 || shift > 23) {
    throw new Error(`tensor ${name}: ${bins} bins, which are not those of the upper 9 to 24 bits of a float32`);
  }
  const half = bins / 2;
  const infinity = 0x7f800000 >>> shift;
  const bits = new Uint32Array(1);
  const float = new Float32Array(bits.buffer);
  // The float32 with these upper bits and no others. The last bins end at the largest float32.
  const edge = (upperBits: number): number => {
    bits[0] = upperBits << shift;
    return Math.min(LARGEST, Math.max(-LARGEST, float[0]!));
  };

  const filled: (readonly [lower: number, upper: number, count: number])[] = [];
  // Ascending: negative patterns backwards, then the positive ones.
  for (let i = 0; i < bins; i++) {
    const bin = i < half ? bins - 1 - i : i - half;
    const count = counts[bin]!;
    if (count === 0) continue;
    const magnitude = bin % half;
    if (magnitude >= infinity) throw new Error(`tensor ${name}: holds ${magnitude === infinity ? 'infinity' : 'NaN'}`);
    // What is next to zero is zero: exact zeros are many, numbers below 2^−126 few.
    if (magnitude === 0) filled.push([0, 0, count]);
    else filled.push(bin >= half ? [edge(bin + 1), edge(bin), count] : [edge(bin), edge(bin + 1), count]);
  }
  const [first, last] = [filled[0], filled.at(-1)];
  if (first === undefined || last === undefined) throw new Error(`tensor ${name}: no values were observed`);
  // No element lies outside the extent: the outermost bins end there.
  const { min, max } = extent ?? { min: first[0], max: last[1] };
  return { name, min, max, histogram: histogramOf(filled, (edge_) => Math.min(max, Math.max(min, edge_))) };
}

/** Joins neighbouring bins while they span no more than `width`, so that a histogram with very narrow bins is quick to work on. */
export function coalesce({ lower, upper, counts }: Histogram, width: number): Histogram {
  const joined: [lower: number, upper: number, count: number][] = [];
  for (let bin = 0; bin < counts.length; bin++) {
    const last = joined.at(-1);
    if (last !== undefined && upper[bin]! - last[0] <= width) {
      last[1] = upper[bin]!;
      last[2] += counts[bin]!;
    } else {
      joined.push([lower[bin]!, upper[bin]!, counts[bin]!]);
    }
  }
  return histogramOf(joined, (edge) => edge);
}

/** The value below which the given share of the elements lies, taken as evenly spread over their bin. */
export function quantile({ lower, upper, counts }: Histogram, share: number): number {
  let rest = share * counts.reduce((sum, count) => sum + count, 0);
  for (let bin = 0; bin < counts.length; bin++) {
    const count = counts[bin]!;
    if (rest <= count) return lower[bin]! + (upper[bin]! - lower[bin]!) * (rest / count);
    rest -= count;
  }
  return upper[counts.length - 1]!;
}

/** @throws naming the tensor, where there are no values, or one is NaN or infinite */
export function extremes(name: string, values: Float32Array): { readonly min: number; readonly max: number } {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value)) {
      throw new Error(`tensor ${name}: holds ${Number.isNaN(value) ? 'NaN' : 'infinity'}, at element ${i}`);
    }
    if (value < min) min = value;
    if (value > max) max = value;
  }
  if (values.length === 0) throw new Error(`tensor ${name}: no values were observed`);
  return { min, max };
}

function histogramOf(
  bins: readonly (readonly [lower: number, upper: number, count: number])[],
  place: (edge: number) => number,
): Histogram {
  const histogram = {
    lower: new Float64Array(bins.length),
    upper: new Float64Array(bins.length),
    counts: new Float64Array(bins.length),
  };
  for (let bin = 0; bin < bins.length; bin++) {
    const [lower, upper, count] = bins[bin]!;
    histogram.lower[bin] = place(lower);
    histogram.upper[bin] = place(upper);
    histogram.counts[bin] = count;
  }
  return histogram;
}
