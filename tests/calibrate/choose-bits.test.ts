import { describe, expect, it } from 'vitest';
import { type Assignment, paretoFront } from '../../src/calibrate/assign-bits.js';
import { BoundError, underBytes, underDrop } from '../../src/calibrate/choose-bits.js';
import { dropOf, upperDrop } from '../../src/calibrate/measure-drop.js';

/** Twenty groups of one size at 4, 6, 8 bits and float; errors of bits fall by 16 for two bits. */
const GROUPS = Array.from({ length: 20 }, (_, i) =>
  [4, 6, 8, 32].map((bits) => ({ bytes: 10 * bits, error: bits === 32 ? 0 : (1 + i) / 16 ** (bits / 2 - 2) })),
);
const FRONT = paretoFront(GROUPS);
const ALL_AT_8 = GROUPS.reduce((sum, options) => sum + options[2]!.error, 0);
/** What tables and headers add to every build, and padding to some. */
const weigh = ({ bytes }: Assignment): number => 5000 + bytes + (bytes % 3);

describe('underBytes', () => {
  it.each([6000, 6111, 7000, 9999, 20_000])('has the least error within %i bytes', (most) => {
    const { assignment, weightsBytes } = underBytes(FRONT, most, weigh);
    expect(weightsBytes).toBe(weigh(assignment));
    expect(weightsBytes).toBeLessThanOrEqual(most);
    const best = FRONT.findLast((other) => weigh(other) <= most)!;
    // The padding of the smallest build is counted with all others.
    expect(assignment.bytes).toBeGreaterThanOrEqual(best.bytes - 40);
  });
  it('names the least size where there is nothing within the bound', () => {
    expect(() => underBytes(FRONT, 5700, weigh)).toThrow(BoundError);
    expect(() => underBytes(FRONT, 5700, weigh)).toThrow(/--max-bytes 5700: .* still take 5802 bytes/);
  });
});

describe('underDrop', () => {
  /** Masks that lose as much as the root of the error, on 100 prompts; and what was measured. */
  const meter = (least = 0) => {
    const measured: number[] = [];
    return {
      measured,
      measure: async (assignment: Assignment) => {
        measured.push(assignment.error);
        const drop = dropOf(
          Array.from({ length: 100 }, (_, i) => least + Math.sqrt(assignment.error) / 1000 + (i % 2 ? 0.001 : -0.001)),
          100,
        );
        return { assignment, weightsBytes: weigh(assignment), drop };
      },
    };
  };
  it.each([0.003, 0.006, 0.012])('keeps a bound of %d and spends most of it, in a few measurements', async (most) => {
    const { measure, measured } = meter();
    const { chosen, tried } = await underDrop(FRONT, most, ALL_AT_8, measure);
    expect(upperDrop(chosen.drop!)).toBeLessThanOrEqual(most);
    expect(upperDrop(chosen.drop!)).toBeGreaterThan(0.6 * most);
    expect(tried.map(({ assignment }) => assignment.error)).toEqual(measured);
    expect(new Set(measured).size).toBe(measured.length);
    expect(measured.length).toBeLessThanOrEqual(4);
  });
  it('falls back on all layers at 8 bits, then on float', async () => {
    const tight = await underDrop(
      FRONT,
      upperDrop((await meter().measure(FRONT.at(-1)!)).drop),
      ALL_AT_8,
      meter().measure,
    );
    expect(tight.chosen.assignment).toBe(FRONT.at(-1));
  });
  it('says what is lost where even that is too much', async () => {
    await expect(underDrop(FRONT, 0.01, ALL_AT_8, meter(0.02).measure)).rejects.toThrow(
      /--max-drop 0\.01: .* loses 0\.0200 ± 0\.0001 on 100 prompts/,
    );
  });
});

describe('dropOf', () => {
  it('gives the mean and its standard error', () => {
    const { mean, standardError, prompts } = dropOf([0.1, 0.3, 0.2, 0.2], 4);
    expect(mean).toBeCloseTo(0.2, 12);
    // Sample variance 0.02/3, over four prompts.
    expect(standardError).toBeCloseTo(Math.sqrt(0.02 / 3 / 4), 12);
    expect(prompts).toBe(4);
  });
  it('has no spread over one prompt', () => {
    expect(dropOf([0.1], 1).standardError).toBe(0);
  });
});
