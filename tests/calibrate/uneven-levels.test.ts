import { expect, test } from 'vitest';
import { statisticsOf } from '../../src/calibrate/histogram.js';
import { countsByCode, fittedLevels, levelsError } from '../../src/calibrate/uneven-levels.js';

const counts = (...values: number[]): Float64Array => Float64Array.from(values);

test('countsByCode counts every element once, at its code', () => {
  const values = Float32Array.from({ length: 999 }, (_, i) => (i - 300) / 100);
  const byCode = countsByCode(statisticsOf('x', values).histogram, { scale: 0.5, zeroPoint: 6, bits: 4 });
  expect(byCode.reduce((a, b) => a + b, 0)).toBeCloseTo(999, 6);
  // −3 to 6.98 in steps of a half: codes 0 to 15, what lies above at the last.
  expect(Math.abs(byCode[6]! - 50)).toBeLessThan(2);
  expect(Math.abs(byCode[15]! - 274)).toBeLessThan(2);
});

test('fittedLevels has the least error of all choices of so many levels', () => {
  const few = counts(5, 1, 0, 9, 2, 0, 0, 3, 1, 7);
  let least = Number.POSITIVE_INFINITY;
  for (let a = 0; a < few.length; a++)
    for (let b = a + 1; b < few.length; b++)
      for (let c = b + 1; c < few.length; c++) least = Math.min(least, levelsError(few, [a, b, c]));
  expect(levelsError(few, fittedLevels(few, 3))).toBe(least);
});

test('fittedLevels loses nothing where there are as many levels as codes in use', () => {
  const few = counts(0, 4, 0, 0, 2, 0, 8, 1);
  expect(fittedLevels(few, 4)).toEqual([1, 4, 6, 7]);
  expect(levelsError(few, fittedLevels(few, 16))).toBe(0);
});

test('fittedLevels keeps the code that it is told to', () => {
  const few = counts(9, 9, 0, 0, 0, 1, 0, 9, 9);
  expect(fittedLevels(few, 2)).not.toContain(5);
  expect(fittedLevels(few, 2, 5)).toContain(5);
});

test('uneven levels halve the error of even ones where most values are small', () => {
  const skewed = Float64Array.from({ length: 256 }, (_, code) => Math.exp(-code / 20));
  const even = Array.from({ length: 16 }, (_, i) => i * 17);
  expect(levelsError(skewed, fittedLevels(skewed, 16))).toBeLessThan(0.5 * levelsError(skewed, even));
});
