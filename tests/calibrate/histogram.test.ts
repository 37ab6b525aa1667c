import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  coalesce,
  type Histogram,
  quantile,
  statisticsOf,
  statisticsOfFloatBins,
} from '../../src/calibrate/histogram.js';

/** Bins of width 1 from 0. */
function unitBins(counts: readonly number[]): Histogram {
  return {
    lower: Float64Array.from(counts.keys()),
    upper: Float64Array.from(counts.keys(), (bin) => bin + 1),
    counts: Float64Array.from(counts),
  };
}

/** Counts by the upper 16 bits, as the instrument makes them. */
function floatBins(values: Float32Array): Uint32Array {
  const counts = new Uint32Array(1 << 16);
  for (const bits of new Uint32Array(values.slice().buffer)) counts[bits >>> 16]! += 1;
  return counts;
}

const total = ({ counts }: Histogram) => counts.reduce((a, b) => a + b, 0);
const anyValues = fc.float32Array({ minLength: 1, maxLength: 50, noNaN: true, noDefaultInfinity: true });

describe('both kinds of statistics', () => {
  test.each<[string, (values: Float32Array) => ReturnType<typeof statisticsOf>]>([
    ['of values', (values) => statisticsOf('x', values)],
    ['of float bins', (values) => statisticsOfFloatBins('x', floatBins(values))],
  ])('%s: bins ascend, hold every element, and their sum is the count', (_, statistics) => {
    fc.assert(
      fc.property(anyValues, (values) => {
        const { min, max, histogram } = statistics(values);
        const { lower, upper, counts } = histogram;
        expect(total(histogram)).toBe(values.length);
        expect([lower[0], upper.at(-1)].every(Number.isFinite)).toBe(true);
        // The bins of zero hold what is next to it too.
        const tiny = 2 ** -126;
        expect(min - tiny).toBeLessThanOrEqual(values.reduce((a, b) => Math.min(a, b)));
        expect(max + tiny).toBeGreaterThanOrEqual(values.reduce((a, b) => Math.max(a, b)));
        for (let bin = 0; bin < counts.length; bin++) {
          expect(lower[bin]).toBeLessThanOrEqual(upper[bin]!);
          if (bin > 0) expect(upper[bin - 1]).toBeLessThanOrEqual(lower[bin]!);
          const inside = values.filter((x) => x >= lower[bin]! - tiny && x <= upper[bin]! + tiny);
          expect(inside.length).toBeGreaterThanOrEqual(counts[bin]!);
        }
      }),
    );
  });
});

describe('float bins', () => {
  test('edges are the float32 whose lower 16 bits are zero', () => {
    const { histogram, min, max } = statisticsOfFloatBins('x', floatBins(Float32Array.of(1, -1.5, 0, 1.001)));
    expect([...histogram.lower]).toEqual([-1.5078125, 0, 1]);
    expect([...histogram.upper]).toEqual([-1.5, 0, 1.0078125]);
    expect([...histogram.counts]).toEqual([1, 1, 2]);
    expect([min, max]).toEqual([-1.5078125, 1.0078125]);
  });

  test('the outermost bins end at the extremes, where those are given', () => {
    const values = Float32Array.of(-1.502, 1.001);
    const { histogram } = statisticsOfFloatBins('x', floatBins(values), { min: values[0]!, max: values[1]! });
    expect([...histogram.lower]).toEqual([values[0], 1]);
    expect([...histogram.upper]).toEqual([-1.5, values[1]]);
  });

  test.each([
    [Float32Array.of(1, NaN), 'tensor x: holds NaN'],
    [Float32Array.of(Infinity), 'tensor x: holds infinity'],
    [Float32Array.of(2, -Infinity), 'tensor x: holds infinity'],
    [Float32Array.of(), 'tensor x: no values were observed'],
  ])('%j is refused', (values, message) => {
    expect(() => statisticsOfFloatBins('x', floatBins(values))).toThrow(message);
    expect(() => statisticsOf('x', values)).toThrow(message);
  });

  test('another number of bins is refused', () => {
    expect(() => statisticsOfFloatBins('x', [1, 2])).toThrow(
      'tensor x: 2 bins, which are not those of the upper 9 to 24 bits',
    );
  });
});

test('coalesced bins span no more than asked, and hold the same', () => {
  const fine = unitBins(Array.from({ length: 100 }, (_, i) => (i % 7) + 1));
  const coarse = coalesce(fine, 10);
  expect(total(coarse)).toBe(total(fine));
  expect(coarse.counts.length).toBe(10);
  coarse.upper.forEach((upper, bin) => {
    expect(upper - coarse.lower[bin]!).toBeLessThanOrEqual(10);
  });
  expect(coalesce(fine, 0)).toEqual(fine);
});

test('quantiles, linear inside a bin', () => {
  const histogram = unitBins([2, 0, 6]);
  expect([0, 0.125, 0.25, 0.5, 1].map((share) => quantile(histogram, share))).toEqual([0, 0.5, 1, 2 + 1 / 3, 3]);
});
