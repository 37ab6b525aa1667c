import { describe, expect, it } from 'vitest';
import { dampedRounding, secondOrderCodes } from '../../src/calibrate/second-order-codes.js';
import { observeWeights } from '../../src/calibrate/weight-scales.js';
import { quantizeRows } from '../../src/ir/integer/weights.js';
import { randomTensor } from '../../src/ir/text/parse.js';

const random = (seed: number, ...shape: number[]): Float32Array =>
  randomTensor('f32', shape, seed).data as Float32Array;

/** Inputs of m rows whose k channels depend on each other: there is something to make up for. */
function correlated(m: number, k: number): Float32Array {
  const [base, noise] = [random(1, m, 4), random(2, m, k)];
  const mix = random(3, 4, k);
  return Float32Array.from({ length: m * k }, (_, at) => {
    const [i, j] = [Math.floor(at / k), at % k];
    return [0, 1, 2, 3].reduce((sum, t) => sum + base[i * 4 + t]! * mix[t * k + j]!, 0.1 * noise[at]!);
  });
}
function gramOf(x: Float32Array, m: number, k: number): Float64Array {
  const gram = new Float64Array(k * k);
  for (let i = 0; i < m; i++)
    for (let a = 0; a < k; a++) for (let b = 0; b < k; b++) gram[a * k + b]! += x[i * k + a]! * x[i * k + b]!;
  return gram;
}
/** Squared error of x·Wᵀ. */
function resultError(
  x: Float32Array,
  w: Float32Array,
  codes: Int8Array,
  scales: Float32Array,
  m: number,
  n: number,
  k: number,
): number {
  let error = 0;
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      let difference = 0;
      for (let c = 0; c < k; c++) difference += x[i * k + c]! * (w[j * k + c]! - scales[j]! * codes[j * k + c]!);
      error += difference ** 2;
    }
  return error;
}

describe('secondOrderCodes', () => {
  const [m, n, k, bits] = [200, 12, 24, 4];
  const weights = random(5, n, k);
  const scales = observeWeights('w', weights, { channels: n, bits, observer: 'minmax' });
  const nearest = quantizeRows(weights, k, scales, bits);

  it('leaves less error in the result than the nearest codes', () => {
    const x = correlated(m, k);
    const codes = secondOrderCodes(dampedRounding(gramOf(x, m, k), k)!, weights, scales, bits);
    const [second, first] = [codes, nearest].map((c) => resultError(x, weights, c, scales, m, n, k)) as [
      number,
      number,
    ];
    expect(second).toBeLessThan(0.5 * first);
    expect(codes.every((code) => code >= -8 && code <= 7)).toBe(true);
  });
  it('is the nearest code where channels are independent', () => {
    const identity = new Float64Array(k * k);
    for (let j = 0; j < k; j++) identity[j * k + j] = 1;
    expect(secondOrderCodes(dampedRounding(identity, k)!, weights, scales, bits)).toEqual(nearest);
  });
  it('gives up on inputs that are all zero', () => {
    expect(dampedRounding(new Float64Array(k * k), k)).toBeUndefined();
  });
});
