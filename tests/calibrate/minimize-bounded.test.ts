import { describe, expect, test } from 'vitest';
import { minimizeBounded } from '../../src/calibrate/minimize-bounded.js';

/** Minimum and number of evaluations that scipy 1.17's minimize_scalar(method='bounded') gives. */
describe('minimizeBounded takes the path of scipy', () => {
  test.each<[string, (x: number) => number, number, number, number, number]>([
    ['parabola', (x) => (x - 2) ** 2, 0, 5, 2, 6],
    ['least at the lower bound', (x) => x, 1, 3, 1.0000040198635443, 27],
    ['cosine', Math.cos, 0, 9, 3.141592657478267, 10],
    ['steps', (x) => Math.floor(10 * Math.abs(x - 0.7)), 0, 1, 0.6180384491178528, 24],
    ['several minima', (x) => Math.abs(x - 0.3) ** 2.4 + 0.1 * Math.sin(40 * x), 0, 1, 0.5864380989332195, 12],
  ])('%s', (_, f, lower, upper, at, evaluations) => {
    let count = 0;
    const minimum = minimizeBounded(
      (x) => {
        count++;
        expect(x).toBeGreaterThanOrEqual(lower);
        expect(x).toBeLessThanOrEqual(upper);
        return f(x);
      },
      lower,
      upper,
    );
    expect(minimum.at).toBeCloseTo(at, 12);
    expect(minimum.value).toBe(f(minimum.at));
    expect(count).toBe(evaluations);
  });

  test('bounds that are equal', () => {
    expect(minimizeBounded((x) => x * x, 2, 2)).toEqual({ at: 2, value: 4 });
  });
});
