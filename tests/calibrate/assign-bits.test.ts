import { describe, expect, it } from 'vitest';
import { type BitOption, paretoFront } from '../../src/calibrate/assign-bits.js';

/** Small whole numbers in an order that looks random: mulberry32. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Groups whose options get larger and more exact, as bits do; the last is exact. */
function randomGroups(seed: number, count: number): BitOption[][] {
  const next = numbers(seed);
  return Array.from({ length: count }, () => {
    const [size, error] = [1 + Math.floor(8 * next()), 100 * next()];
    return [
      { bytes: 4 * size, error },
      { bytes: 6 * size, error: error * (0.05 + 0.1 * next()) },
      { bytes: 8 * size, error: error * 0.01 * next() },
      { bytes: 32 * size, error: 0 },
    ];
  });
}

/** Every combination, for comparison. */
function all(groups: readonly (readonly BitOption[])[]): BitOption[] {
  return groups.reduce<BitOption[]>(
    (sums, options) =>
      sums.flatMap((sum) =>
        options.map(({ bytes, error }) => ({ bytes: sum.bytes + bytes, error: sum.error + error })),
      ),
    [{ bytes: 0, error: 0 }],
  );
}

describe('paretoFront', () => {
  it('finds a known optimum', () => {
    const groups = [
      [
        { bytes: 10, error: 9 },
        { bytes: 20, error: 1 },
      ],
      [
        { bytes: 10, error: 4 },
        { bytes: 20, error: 1 },
      ],
    ];
    // Both small; the first larger, which gains 8; both larger. The second larger alone is beaten.
    expect(paretoFront(groups)).toEqual([
      { bytes: 20, error: 13, options: [0, 0] },
      { bytes: 30, error: 5, options: [1, 0] },
      { bytes: 40, error: 2, options: [1, 1] },
    ]);
  });
  it.each([1, 2, 3])('is optimal under every bound, as trying all shows (%i)', (seed) => {
    const groups = randomGroups(seed, 6);
    const front = paretoFront(groups);
    const combinations = all(groups);
    for (const bound of combinations.filter((_, i) => i % 37 === 0)) {
      const leastError = Math.min(...combinations.filter(({ bytes }) => bytes <= bound.bytes).map((c) => c.error));
      expect(front.findLast(({ bytes }) => bytes <= bound.bytes)?.error).toBeCloseTo(leastError, 9);
      const leastBytes = Math.min(
        ...combinations.filter(({ error }) => error <= bound.error + 1e-9).map((c) => c.bytes),
      );
      expect(front.find(({ error }) => error <= bound.error + 1e-9)?.bytes).toBe(leastBytes);
    }
  });
  it('gives assignments whose sums are what it says', () => {
    const groups = randomGroups(7, 40);
    const front = paretoFront(groups);
    for (const { bytes, error, options } of [front[0]!, front[Math.floor(front.length / 2)]!, front.at(-1)!]) {
      const chosen = groups.map((group, i) => group[options[i]!]!);
      expect(chosen.reduce((sum, option) => sum + option.bytes, 0)).toBe(bytes);
      expect(chosen.reduce((sum, option) => sum + option.error, 0)).toBeCloseTo(error, 9);
    }
    expect(front.at(-1)?.error).toBe(0);
    for (const [i, { bytes, error }] of front.entries()) {
      if (i === 0) continue;
      expect(bytes).toBeGreaterThan(front[i - 1]!.bytes);
      expect(error).toBeLessThan(front[i - 1]!.error);
    }
  });
  it('stays small where the sizes of many groups have nothing in common', () => {
    const next = numbers(5);
    const groups = Array.from({ length: 60 }, () => {
      const [size, error] = [1000 + 1e6 * next(), next()];
      return [4, 6, 8, 32].map((bits) => ({ bytes: size * bits, error: error / 4 ** bits }));
    });
    const front = paretoFront(groups);
    expect(front.length).toBeLessThanOrEqual(1 << 15);
    expect(front[0]?.options.every((option) => option === 0)).toBe(true);
    expect(front.at(-1)?.options.every((option) => option === 3)).toBe(true);
  });
});
