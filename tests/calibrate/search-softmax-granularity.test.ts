import { describe, expect, test } from 'vitest';
import {
  searchSoftmaxGranularity,
  searchSoftmaxGranularityOverSamples,
} from '../../src/calibrate/search-softmax-granularity.js';

/** Probabilities that τ = 2 at scale 1 hits exactly, and values that tell the keys apart. */
const levels = Float32Array.from({ length: 8 }, (_, q) => 2 ** (-q / 2));
const values = Float32Array.from({ length: 8 * 3 }, (_, i) => Math.sin(7 * i));
const shape = { heads: 1, queries: 1, keys: 8, channels: 3 };

describe('searchSoftmaxGranularity', () => {
  test('finds the granularity on which the probabilities lie', () => {
    const found = searchSoftmaxGranularity(levels, values, { ...shape, bits: 4, taus: [1, 2] });
    expect(found.tau).toBe(2);
    expect(found.errors[1]).toBeLessThan(1e-6);
    expect(found.errors[0]).toBeGreaterThan(found.errors[1]!);
    expect(found.scale).toBe(found.scales[1]);
    expect(found.scale).toBeCloseTo(1, 3);
  });

  test('codes past the last level are zero: too few bits cost error', () => {
    const errors = [2, 3, 4].map(
      (bits) => searchSoftmaxGranularity(levels, values, { ...shape, bits, taus: [2] }).errors[0]!,
    );
    expect(errors[0]).toBeGreaterThan(errors[1]!);
    expect(errors[1]).toBeCloseTo(errors[2]!, 12);
  });

  test('probabilities of zero stay zero', () => {
    const found = searchSoftmaxGranularity(Float32Array.of(1, 0, 0, 0), Float32Array.of(1, 5, 5, 5), {
      heads: 1,
      queries: 1,
      keys: 4,
      channels: 1,
      bits: 8,
      taus: [1],
    });
    expect(found.errors[0]).toBeLessThan(1e-9);
  });

  test('over samples errors are summed and scales averaged', () => {
    const halves = levels.map((p) => p / 2);
    const one = searchSoftmaxGranularity(levels, values, { ...shape, bits: 4, taus: [1, 2, 4] });
    const two = searchSoftmaxGranularity(halves, values, { ...shape, bits: 4, taus: [1, 2, 4] });
    const both = searchSoftmaxGranularityOverSamples(
      [
        { ...shape, probabilities: levels, values },
        { ...shape, probabilities: halves, values },
      ],
      { bits: 4, taus: [1, 2, 4] },
    );
    [0, 1, 2].forEach((t) => {
      expect(both.errors[t]).toBeCloseTo(one.errors[t]! + two.errors[t]!, 15);
      expect(both.scales[t]).toBeCloseTo((one.scales[t]! + two.scales[t]!) / 2, 15);
    });
  });

  test.each([
    [
      levels,
      values,
      { ...shape, keys: 7, bits: 4, taus: [1] },
      '8 probabilities given for 1 heads × 1 queries × 7 keys',
    ],
    [levels, values.subarray(1), { ...shape, bits: 4, taus: [1] }, '23 values given for 1 heads × 8 keys × 3 channels'],
    [levels.with(3, NaN), values, { ...shape, bits: 4, taus: [1] }, 'probability NaN at 3'],
    [levels.with(3, -1), values, { ...shape, bits: 4, taus: [1] }, 'probability -1 at 3'],
    [levels, values.with(2, Infinity), { ...shape, bits: 4, taus: [1] }, 'value Infinity at 2'],
    [new Float32Array(8), values, { ...shape, bits: 4, taus: [1] }, 'all probabilities are zero'],
    [levels, values, { ...shape, bits: 0, taus: [1] }, '0 bits'],
    [levels, values, { ...shape, bits: 4, taus: [] }, 'no candidates for τ'],
    [levels, values, { ...shape, bits: 4, taus: [1.5] }, 'τ = 1.5 is not a whole number'],
  ])('refuses %#', (probabilities, values_, options, message) => {
    expect(() => searchSoftmaxGranularity(probabilities, values_, options)).toThrow(message);
  });
});
