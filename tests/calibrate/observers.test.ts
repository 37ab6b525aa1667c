import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { statisticsOf, statisticsOfFloatBins } from '../../src/calibrate/histogram.js';
import {
  type AffineRange,
  affineRange,
  OBSERVERS,
  observeStatistics,
  observeTensor,
} from '../../src/calibrate/observers.js';

/** Σ |x − quantized x|^power, element by element. */
function trueError(values: Float32Array, { scale, zeroPoint }: AffineRange, bits: number, power: number): number {
  const last = 2 ** bits - 1;
  return values.reduce((sum, x) => {
    const code = Math.min(last, Math.max(0, Math.round(x / scale) + zeroPoint));
    return sum + Math.abs(scale * (code - zeroPoint) - x) ** power;
  }, 0);
}

function floatBinStatistics(values: Float32Array) {
  const counts = new Uint32Array(1 << 16);
  for (const bits of new Uint32Array(values.slice().buffer)) counts[bits >>> 16]! += 1;
  return statisticsOfFloatBins('x', counts, { min: Math.min(...values), max: Math.max(...values) });
}

/** Deterministic samples of several shapes. */
function samples(shape: (uniform: () => number, i: number) => number, count = 4000): Float32Array {
  let state = 7;
  const uniform = () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
  return Float32Array.from({ length: count }, (_, i) => shape(uniform, i));
}
const bell = (u: () => number) => u() + u() + u() + u() - 2;
const SHAPES: Record<string, Float32Array> = {
  bell: samples((u) => bell(u) * 3),
  shifted: samples((u) => bell(u) + 5),
  'heavy tails': samples((u) => bell(u) ** 7 * 10),
  'after GELU': samples((u) => {
    const x = bell(u) * 2;
    return x / (1 + Math.exp(-1.7 * x));
  }),
  'after ReLU': samples((u) => Math.max(0, bell(u))),
  'one outlier': samples((u, i) => (i === 0 ? 80 : bell(u))),
  negative: samples((u) => -(u() ** 3)),
};

describe.each(OBSERVERS)('%s', (observer) => {
  test('scale is a float32, the zero point a code', () => {
    fc.assert(
      fc.property(
        fc.float32Array({ minLength: 2, maxLength: 40, noNaN: true, min: -(2 ** 40), max: 2 ** 40 }),
        fc.constantFrom(4, 6, 8),
        (values, bits) => {
          const [min, max] = [Math.min(...values), Math.max(...values)];
          fc.pre(max - min > 1e-20);
          const { scale, zeroPoint } = observeTensor('x', values, { observer, bits });
          expect(scale).toBe(Math.fround(scale));
          expect(scale).toBeGreaterThan(0);
          expect(Number.isInteger(zeroPoint) && zeroPoint >= 0 && zeroPoint < 2 ** bits).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });

  test.each([
    [Float32Array.of(0, 0, 0), /tensor blocks\.0\.mlp: constant over the calibration data \(every value is 0\)/],
    [Float32Array.of(5, 5), /tensor blocks\.0\.mlp: constant over the calibration data \(every value is 5\)/],
    [Float32Array.of(1, NaN), /tensor blocks\.0\.mlp: holds NaN/],
    [Float32Array.of(1, -Infinity), /tensor blocks\.0\.mlp: holds infinity/],
    [Float32Array.of(), /tensor blocks\.0\.mlp: no values were observed/],
    [Float32Array.of(0, 1e-40), /tensor blocks\.0\.mlp: its values, .* are too small to quantize/],
  ])('%j is refused', (values, message) => {
    expect(() => observeTensor('blocks.0.mlp', values, { observer, bits: 8 })).toThrow(message);
    expect(() => observeStatistics(statisticsOf('blocks.0.mlp', values), { observer, bits: 8 })).toThrow(message);
  });
});

describe('min-max', () => {
  test('spans the values and zero', () => {
    expect(affineRange('x', -1, 3, 2)).toEqual({ scale: Math.fround(4 / 3), zeroPoint: 1 });
    expect(affineRange('x', 2, 51, 8)).toEqual({ scale: Math.fround(51 / 255), zeroPoint: 0 });
    expect(affineRange('x', -15, -1, 4)).toEqual({ scale: 1, zeroPoint: 15 });
  });

  test('no element is off by more than half a step, and half a step for the zero point', () => {
    for (const values of Object.values(SHAPES)) {
      const range = observeTensor('x', values, { observer: 'minmax', bits: 8 });
      const worst = Math.max(...values.map((x) => trueError(Float32Array.of(x), range, 8, 1)));
      expect(worst).toBeLessThanOrEqual(range.scale * 1.001);
      expect(observeStatistics(statisticsOf('x', values), { observer: 'minmax', bits: 8 })).toEqual(range);
    }
  });
});

describe('percentile', () => {
  test('leaves out the outlier', () => {
    const values = SHAPES['one outlier']!.slice();
    const { scale } = observeTensor('x', values, { observer: 'percentile', bits: 8, percentile: 99.9 });
    expect(scale * 255).toBeLessThan(5);
    expect(observeTensor('x', values, { observer: 'minmax', bits: 8 }).scale * 255).toBeGreaterThan(80);
  });

  test('is linear between elements, as numpy.percentile', () => {
    // numpy.percentile([-1, 0, 1, 2, 10], [90, 10]) = [6.8, −0.6]
    const range = observeTensor('x', Float32Array.of(2, -1, 10, 0, 1), {
      observer: 'percentile',
      bits: 8,
      percentile: 90,
    });
    expect(range).toEqual(affineRange('x', -0.6, 6.8, 8));
  });

  test('a tensor that is nearly all zero keeps its extremes', () => {
    const values = new Float32Array(100_000);
    values[7] = 3;
    expect(observeTensor('x', values, { observer: 'percentile', bits: 8 })).toEqual(affineRange('x', 0, 3, 8));
    expect(
      observeStatistics(floatBinStatistics(samples((_, i) => (i === 0 ? 3 : 0), 20_000)), {
        observer: 'percentile',
        bits: 8,
        percentile: 99,
      }).scale,
    ).toBeCloseTo(3 / 255, 6);
  });

  test.each(Object.entries(SHAPES))('from statistics, near that of the values: %s', (_, values) => {
    const options = { observer: 'percentile', bits: 8, percentile: 99 } as const;
    const exact = observeTensor('x', values, options);
    for (const statistics of [statisticsOf('x', values), floatBinStatistics(values)]) {
      expect(observeStatistics(statistics, options).scale / exact.scale).toBeCloseTo(1, 1);
    }
  });
});

describe('mse', () => {
  /** Published search: 100 ranges × every zero point, on the values. */
  function exhaustive(values: Float32Array, bits: number, power: number): number {
    const extent = Math.max(0, ...values) - Math.min(0, ...values);
    let least = Number.POSITIVE_INFINITY;
    for (let i = 1; i <= 100; i++) {
      for (let zeroPoint = 0; zeroPoint < 2 ** bits; zeroPoint++) {
        const scale = (extent * i) / 100 / (2 ** bits - 1);
        least = Math.min(least, trueError(values, { scale, zeroPoint }, bits, power));
      }
    }
    return least;
  }

  test.each(Object.entries(SHAPES))(
    'errs little more than an exhaustive search on the values, 4 bits: %s',
    (_, shape) => {
      const values = shape.subarray(0, 1000);
      for (const power of [2, 2.4]) {
        const least = exhaustive(values, 4, power);
        for (const statistics of [statisticsOf('x', values), floatBinStatistics(values)]) {
          const range = observeStatistics(statistics, { observer: 'mse', bits: 4, power });
          expect(trueError(values, range, 4, power) / least).toBeLessThan(1.05);
        }
      }
    },
  );

  test.each(Object.entries(SHAPES))('errs no more than min-max and percentile, 6 and 8 bits: %s', (_, values) => {
    for (const bits of [6, 8]) {
      const error = trueError(values, observeTensor('x', values, { observer: 'mse', bits }), bits, 2.4);
      for (const observer of ['minmax', 'percentile'] as const) {
        const other = trueError(values, observeTensor('x', values, { observer, bits }), bits, 2.4);
        expect(error / other).toBeLessThan(1.03);
      }
    }
  });
});
