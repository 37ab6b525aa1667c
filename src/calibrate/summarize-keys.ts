import type { Graph } from '../ir/graph.js';
import { ATTENTION } from '../passes/scale-query-key.js';
import { attentionsOf } from './attentions.js';
import type { DensityPeak } from './detect-bimodality.js';
import { type Histogram, statisticsOfFloatBins } from './histogram.js';
import type { Profile, TensorProfile } from './profile.js';

/** What is kept of the keys of one attention for the report: small whatever the model. */
export interface KeySummary {
  readonly low: number;
  readonly high: number;
  /** Shares of the keys in even bins from `low` to `high`, all samples. */
  readonly shares: readonly number[];
  /** Peaks of the first sample's density (METHOD 1). */
  readonly peaks: readonly DensityPeak[];
  /** Samples whose keys have two peaks, of all samples. */
  readonly votes: { readonly bimodal: number; readonly samples: number };
  readonly channels: ChannelRanges;
}

/** Per channel, in the order of the means before any transform; where there are many channels, of groups of neighbours in that order. */
export interface ChannelRanges {
  readonly count: number;
  readonly min: readonly number[];
  readonly mean: readonly number[];
  readonly max: readonly number[];
}

/** Even bins of the histogram, and the most channels (or groups of them) that are kept. */
const BINS = 64;
const CHANNELS = 64;

/**
 * Summaries of the keys of every attention, in the order of `attentionsOf`; undefined where keys were not observed.
 *
 * @param order of the channels of each attention, as `channelOrder` gives it
 */
export function summarizeKeys(
  graph: Graph,
  profile: Profile,
  orders: readonly (readonly number[])[],
): readonly (KeySummary | undefined)[] {
  return attentionsOf(graph).map(({ operands, source }, i) => {
    const keys = profile.get(operands[ATTENTION.k]!);
    return keys && summarize(source, keys, orders[i] ?? []);
  });
}

/** Channels of each attention's keys by their mean. */
export const channelOrders = (graph: Graph, profile: Profile): readonly (readonly number[])[] =>
  attentionsOf(graph).map(({ operands }) => {
    const mean = profile.get(operands[ATTENTION.k]!)?.mean ?? new Float32Array(0);
    return Array.from(mean, (_, j) => j).sort((a, b) => mean[a]! - mean[b]! || a - b);
  });

function summarize(source: string, keys: TensorProfile, order: readonly number[]): KeySummary {
  const extent = { min: Math.min(...keys.min), max: Math.max(...keys.max) };
  const { histogram } = statisticsOfFloatBins(`keys of ${source}`, keys.histogram, extent);
  const { bimodal = 0, samples = 0, peaks = [] } = keys.bimodality ?? {};
  return {
    low: extent.min,
    high: extent.max,
    shares: evenShares(histogram, extent.min, extent.max),
    peaks,
    votes: { bimodal, samples },
    channels: channelRanges(keys, order),
  };
}

/** Shares of the elements in `BINS` even bins; an element's own bin is taken as evenly filled. */
export function evenShares({ lower, upper, counts }: Histogram, low: number, high: number): readonly number[] {
  const shares = new Float64Array(BINS);
  const width = (high - low) / BINS;
  const total = counts.reduce((sum, count) => sum + count, 0);
  const binOf = (value: number): number => Math.min(BINS - 1, Math.max(0, Math.floor((value - low) / width)));
  for (let i = 0; i < counts.length; i++) {
    const share = counts[i]! / total;
    const extent = upper[i]! - lower[i]!;
    if (!(width > 0 && extent > 0)) {
      shares[width > 0 ? binOf(lower[i]!) : 0]! += share;
      continue;
    }
    for (let bin = binOf(lower[i]!); bin <= binOf(upper[i]!); bin++) {
      const overlap = Math.min(upper[i]!, low + (bin + 1) * width) - Math.max(lower[i]!, low + bin * width);
      shares[bin]! += share * Math.max(0, overlap / extent);
    }
  }
  return [...shares];
}

function channelRanges({ min, mean, max }: TensorProfile, order: readonly number[]): ChannelRanges {
  const groups = Math.min(CHANNELS, order.length);
  const members = Array.from({ length: groups }, (_, g) =>
    order.slice(Math.floor((g * order.length) / groups), Math.floor(((g + 1) * order.length) / groups)),
  );
  return {
    count: order.length,
    min: members.map((group) => Math.min(...group.map((j) => min[j]!))),
    mean: members.map((group) => group.reduce((sum, j) => sum + mean[j]!, 0) / group.length),
    max: members.map((group) => Math.max(...group.map((j) => max[j]!))),
  };
}
