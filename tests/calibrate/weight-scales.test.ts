import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { observeWeights, WEIGHT_OBSERVERS } from '../../src/calibrate/weight-scales.js';
import { quantizeRows } from '../../src/ir/integer/weights.js';

const anyWeights = fc.float32Array({ minLength: 12, maxLength: 12, noNaN: true, min: -64, max: 64 });
const bits = fc.constantFrom(4, 6, 8);

function errorOf(weights: Float32Array, scales: Float32Array, width: number): number {
  const codes = quantizeRows(weights, weights.length / scales.length, scales, width);
  const length = weights.length / scales.length;
  return weights.reduce((sum, w, i) => sum + (w - codes[i]! * scales[Math.floor(i / length)]!) ** 2, 0);
}

describe('min-max', () => {
  test('clips nothing: every weight is within half a step', () => {
    fc.assert(
      fc.property(anyWeights, bits, (weights, width) => {
        const scales = observeWeights('w', weights, { channels: 3, bits: width, observer: 'minmax' });
        const codes = quantizeRows(weights, weights.length / 3, scales, width);
        weights.forEach((w, i) => {
          const scale = scales[Math.floor(i / 4)]!;
          // 2^−99: weights of a channel that counts as zero.
          expect(Math.abs(w - codes[i]! * scale)).toBeLessThanOrEqual(Math.max(scale * 0.50001, 2 ** -93));
        });
      }),
    );
  });

  test('uses the whole of the codes', () => {
    const weights = Float32Array.of(-8, 3, -1, 7, 3.5, 0);
    expect(observeWeights('w', weights, { channels: 2, bits: 4, observer: 'minmax' })).toEqual(Float32Array.of(1, 1));
    const scales = Float32Array.of(1, 0.5);
    expect([...quantizeRows(weights, weights.length / 2, scales, 4)]).toEqual([-8, 3, -1, 7, 7, 0]);
  });
});

describe('mse', () => {
  test('never errs more than min-max', () => {
    fc.assert(
      fc.property(anyWeights, bits, (weights, width) => {
        const [whole, least] = WEIGHT_OBSERVERS.map((observer) =>
          observeWeights('w', weights, { channels: 3, bits: width, observer }),
        );
        expect(errorOf(weights, least!, width)).toBeLessThanOrEqual(errorOf(weights, whole!, width) * (1 + 1e-6));
      }),
    );
  });

  test('never errs more where scales may be negative, and mirrors a row that reaches further up', () => {
    fc.assert(
      fc.property(anyWeights, bits, (weights, width) => {
        const [plain, free] = [false, true].map((mirrored) =>
          observeWeights('w', weights, { channels: 3, bits: width, observer: 'mse', mirrored }),
        );
        expect(errorOf(weights, free!, width)).toBeLessThanOrEqual(errorOf(weights, plain!, width) * (1 + 1e-6));
      }),
    );
    const upwards = Float32Array.from({ length: 16 }, (_, i) => i - 7);
    const scales = observeWeights('w', upwards, { channels: 1, bits: 4, observer: 'mse', mirrored: true });
    expect([...scales]).toEqual([-1]);
    expect(errorOf(upwards, scales, 4)).toBe(0);
  });

  test('clips an outlier where that errs less', () => {
    const weights = Float32Array.from({ length: 4096 }, (_, i) => (i === 0 ? 1.6 : Math.sin(i * i)));
    const [whole, least] = WEIGHT_OBSERVERS.map((observer) =>
      observeWeights('w', weights, { channels: 1, bits: 4, observer }),
    );
    expect(least![0]).toBeLessThan(0.8 * whole![0]!);
    expect(errorOf(weights, least!, 4)).toBeLessThan(0.7 * errorOf(weights, whole!, 4));
  });
});

describe.each(WEIGHT_OBSERVERS)('%s', (observer) => {
  test('a channel of zeros has the scale 1 and codes of 0', () => {
    const weights = Float32Array.of(0, 0, 1, -1);
    const scales = observeWeights('w', weights, { channels: 2, bits: 8, observer });
    expect(scales[0]).toBe(1);
    expect([...quantizeRows(weights, weights.length / 2, scales, 8).subarray(0, 2)]).toEqual([0, 0]);
  });

  test('wrong weights are named', () => {
    const options = { channels: 2, bits: 8, observer };
    expect(() => observeWeights('fc.weight', Float32Array.of(1, 2, NaN, 4), options)).toThrow(
      'tensor fc.weight: weight 0 of output channel 1 is NaN',
    );
    expect(() => observeWeights('fc.weight', Float32Array.of(1, 2, 3, -Infinity), options)).toThrow('is -Infinity');
    expect(() => observeWeights('fc.weight', Float32Array.of(1, 2, 3), options)).toThrow(
      '3 weights are not 2 equal channels',
    );
  });
});

test('codes round to nearest, ties to even', () => {
  const weights = Float32Array.of(0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 2.4999, 300, -300);
  expect([...quantizeRows(weights, weights.length / 1, Float32Array.of(1), 8)]).toEqual([
    0, 2, 2, 0, -2, -2, 2, 127, -128,
  ]);
});
