import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { detectBimodality, detectBimodalityFromHistogram, findPeaks } from '../../src/calibrate/detect-bimodality.js';
import type { Histogram } from '../../src/calibrate/histogram.js';

/** Keys [tokens, channels] around the means given, in the shape of a bell. */
function keysAround(means: readonly number[], tokens: number, spread: number): Float32Array {
  let state = 1;
  const uniform = () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
  return Float32Array.from(
    { length: tokens * means.length },
    (_, i) => means[i % means.length]! + spread * (uniform() + uniform() + uniform() + uniform() - 2),
  );
}

const bins = (lower: number[], upper: number[], counts: number[]): Histogram => ({
  lower: Float64Array.from(lower),
  upper: Float64Array.from(upper),
  counts: Float64Array.from(counts),
});

describe('detectBimodality', () => {
  test('channels on both sides of zero are two peaks, at their means', () => {
    const { bimodal, peaks, signs } = detectBimodality(keysAround([4, -4, 4, 4, -4, -4], 200, 1), 200, 6);
    expect(bimodal).toBe(true);
    expect(peaks.map(({ value }) => Math.round(value))).toEqual([-4, 4]);
    expect([...signs]).toEqual([1, -1, 1, 1, -1, -1]);
  });

  test('folding the signs leaves one peak', () => {
    const keys = keysAround([4, -4, 4, 4, -4, -4], 200, 1);
    const { signs } = detectBimodality(keys, 200, 6);
    const folded = keys.map((key, i) => key * signs[i % 6]!);
    expect(detectBimodality(folded, 200, 6)).toMatchObject({ bimodal: false, peaks: [expect.anything()] });
  });

  test('a mean of exactly zero has the sign +1: the channel is not erased', () => {
    expect([...detectBimodality(Float32Array.of(1, -1, -1, -1), 2, 2).signs]).toEqual([1, -1]);
    expect([...detectBimodality(Float32Array.of(-0), 1, 1).signs]).toEqual([1]);
  });

  test('equal keys have no peaks', () => {
    const expected = { bimodal: false, peaks: [], signs: Int8Array.of(-1, -1) };
    expect(detectBimodality(new Float32Array(8).fill(-0.1), 4, 2)).toEqual(expected);
    expect(detectBimodalityFromHistogram(bins([-0.1], [-0.1], [8]), [-0.1, -0.1])).toEqual(expected);
  });

  test('scaling the keys moves the peaks and changes nothing else', () => {
    const keys = keysAround([3, -3, -3], 100, 1);
    const once = detectBimodality(keys, 100, 3);
    fc.assert(
      fc.property(fc.integer({ min: -20, max: 20 }), (exponent) => {
        const scaled = detectBimodality(
          keys.map((key) => key * 2 ** exponent),
          100,
          3,
        );
        expect(scaled.bimodal).toBe(once.bimodal);
        expect(scaled.signs).toEqual(once.signs);
        scaled.peaks.forEach((peak, i) => {
          expect(peak.value / 2 ** exponent).toBeCloseTo(once.peaks[i]!.value, 9);
        });
      }),
    );
  });

  test.each([
    [Float32Array.of(1, NaN), 1, 2, 'key NaN at token 0, channel 1'],
    [Float32Array.of(1, 2, Infinity), 3, 1, 'key Infinity at token 2, channel 0'],
    [new Float32Array(5), 2, 3, '5 keys given for 2 tokens × 3 channels'],
    [new Float32Array(0), 0, 3, '0 tokens × 3 channels is not a shape'],
  ])('%j is refused', (keys, tokens, channels, message) => {
    expect(() => detectBimodality(keys, tokens, channels)).toThrow(message);
  });

  test('histograms without counts or with a wrong mean are refused', () => {
    expect(() => detectBimodalityFromHistogram(bins([], [], []), [0])).toThrow('the histogram is empty');
    expect(() => detectBimodalityFromHistogram(bins([0], [1], [1]), [0, NaN])).toThrow('mean of channel 1 is NaN');
  });
});

/** Answers of scipy.signal.find_peaks(samples, height=height, distance=distance). */
describe('findPeaks', () => {
  test.each<[string, number[], number, number, number[]]>([
    ['ends are not peaks', [3, 1, 2, 1, 3], 0, 1, [2]],
    ['a plateau counts at its middle, rounded down', [0, 1, 1, 1, 1, 0], 0, 1, [2]],
    ['a plateau at the end is none', [0, 1, 0, 1, 1], 0, 1, [1]],
    ['a step is none', [0, 1, 1, 2, 1], 0, 1, [3]],
    ['height is inclusive', [0, 0.5, 0, 0.4, 0], 0.5, 1, [1]],
    ['distance is inclusive', [0, 1, 0, 2, 0, 1, 0], 0, 2, [1, 3, 5]],
    ['the higher of two that are too near stays', [0, 1, 0, 2, 0, 1, 0], 0, 3, [3]],
    ['one removed removes none itself', [0, 3, 0, 2, 0, 1, 0], 0, 3, [1, 5]],
    ['of equals the later stays', [0, 1, 0, 1, 0, 1, 0], 0, 3, [1, 5]],
    ['nothing', [], 0, 1, []],
  ])('%s', (_, samples, height, distance, expected) => {
    expect(findPeaks(Float64Array.from(samples), height, distance)).toEqual(expected);
  });
});
