import type { Quantization } from '../ir/types.js';
import type { Histogram } from './histogram.js';

/** Elements by their code, of a tensor whose histogram is known; what spans several codes is spread evenly. */
export function countsByCode(
  { lower, upper, counts }: Histogram,
  { scale, zeroPoint, bits }: Quantization,
): Float64Array {
  const last = 2 ** bits - 1;
  const byCode = new Float64Array(last + 1);
  const limited = (u: number): number => Math.min(last + 0.5, Math.max(-0.5, u));
  for (let bin = 0; bin < counts.length; bin++) {
    const [from, to] = [limited(lower[bin]! / scale + zeroPoint), limited(upper[bin]! / scale + zeroPoint)];
    const code = Math.min(last, Math.round(from));
    if (to <= code + 0.5) {
      byCode[code]! += counts[bin]!;
      continue;
    }
    for (let at = code; at <= last && at - 0.5 < to; at++)
      byCode[at]! += (counts[bin]! * (Math.min(to, at + 0.5) - Math.max(from, at - 0.5))) / (to - from);
  }
  return byCode;
}

/** Σ counts · (code − nearest level)². */
export function levelsError(counts: Float64Array, levels: readonly number[]): number {
  let sum = 0;
  let at = 0;
  for (let code = 0; code < counts.length; code++) {
    while (at + 1 < levels.length && 2 * code > levels[at]! + levels[at + 1]!) at++;
    sum += counts[code]! * (code - levels[at]!) ** 2;
  }
  return sum;
}

/**
 * At most `most` codes such that the squared error of every element's nearest one is least: k-means in one dimension, exact
 * by dynamic programming over where one level's codes end and the next one's begin (Wang and Song 2011). Ascending.
 *
 * @param kept a code that must be among them: that of zero, where padding reads it
 */
export function fittedLevels(counts: Float64Array, most: number, kept?: number): number[] {
  const n = counts.length;
  const sums = [new Float64Array(n + 1), new Float64Array(n + 1), new Float64Array(n + 1)] as const;
  for (let i = 0; i < n; i++) for (const [power, sum] of sums.entries()) sum[i + 1] = sum[i]! + counts[i]! * i ** power;
  const moment = (power: 0 | 1 | 2, from: number, to: number): number => sums[power][to]! - sums[power][from]!;
  /** The best level for codes from..to−1. */
  const levelOf = (from: number, to: number): number => {
    if (kept !== undefined && from <= kept && kept < to) return kept;
    const weight = moment(0, from, to);
    return weight > 0 ? Math.round(moment(1, from, to) / weight) : from;
  };
  /** Of codes from..to−1 with one level, at from·(n + 1) + to. */
  const costs = new Float64Array(n * (n + 1));
  for (let from = 0; from < n; from++)
    for (let to = from + 1; to <= n; to++) {
      const level = levelOf(from, to);
      costs[from * (n + 1) + to] =
        moment(2, from, to) - 2 * level * moment(1, from, to) + level * level * moment(0, from, to);
    }
  let best = Float64Array.from({ length: n + 1 }, (_, to) => costs[to]!);
  const starts: Uint16Array[] = [new Uint16Array(n + 1)];
  for (let level = 1; level < Math.min(most, n); level++) {
    const next = best.slice();
    const start = new Uint16Array(n + 1);
    for (let to = level + 1; to <= n; to++)
      for (let from = level; from < to; from++) {
        const cost = best[from]! + costs[from * (n + 1) + to]!;
        if (cost < next[to]!) [next[to], start[to]] = [cost, from];
      }
    starts.push(start);
    best = next;
  }
  const levels = new Set<number>();
  let to = n;
  for (let level = starts.length - 1; level >= 0 && to > 0; level--) {
    const from = starts[level]![to]!;
    // A start of 0 above the first level: fewer levels did as well.
    if (from === 0 && level > 0) continue;
    levels.add(levelOf(from, to));
    to = from;
  }
  return [...levels].sort((a, b) => a - b);
}
