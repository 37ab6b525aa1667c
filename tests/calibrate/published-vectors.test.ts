/**
 * Arrays and what the published procedure (PTQ4SAM) answers for them: bimodal or not and γ, and for 4, 6 and 8 bits the error of each τ and
 * the τ chosen. The project keeps a copy; where ../shared/vectors lies beside the checkout, that is read too.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { detectBimodality, detectBimodalityFromHistogram } from '../../src/calibrate/detect-bimodality.js';
import { statisticsOf, statisticsOfFloatBins } from '../../src/calibrate/histogram.js';
import { searchSoftmaxGranularity } from '../../src/calibrate/search-softmax-granularity.js';
import { readNpy } from '../../src/npy.js';

interface Expected {
  bimodal: { file: string; is_bimodal: boolean; gamma: number[] | null }[];
  softmax: {
    probabilities: string;
    values: string;
    by_bits: Record<string, { taus: number[]; errors: number[]; scales: number[]; tau: number }>;
  }[];
}

async function floats(path: string): Promise<{ shape: readonly number[]; data: Float32Array }> {
  const array = await readNpy(path);
  if (array.dtype !== 'f32') throw new Error(`${path}: ${array.dtype}`);
  return array;
}

const root = join(import.meta.dirname, '..', '..');
const folders = [join(root, 'tests/fixtures/ptq4sam'), join(root, '../shared/vectors/ptq4sam')];

for (const folder of folders) {
  if (!existsSync(join(folder, 'expected.json'))) {
    test.skip(`${folder} is absent: the copy in tests/fixtures is tested alone`);
    continue;
  }
  const expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as Expected;

  describe(folder, () => {
    test.each(expected.bimodal)('bimodality of $file', async ({ file, is_bimodal, gamma }) => {
      const { shape, data } = await floats(join(folder, file));
      const [tokens, channels] = [shape[0]!, shape[1]!];
      const answer = detectBimodality(data, tokens, channels);
      expect(answer.bimodal).toBe(is_bimodal);
      if (gamma !== null) expect([...answer.signs]).toEqual(gamma);

      const channelMeans = new Float64Array(channels);
      data.forEach((key, i) => {
        channelMeans[i % channels]! += key / tokens;
      });
      const floatBins = new Uint32Array(1 << 16);
      for (const bits of new Uint32Array(data.buffer)) floatBins[bits >>> 16]! += 1;
      const { min, max, histogram } = statisticsOf(file, data);
      for (const bins of [histogram, statisticsOfFloatBins(file, floatBins, { min, max }).histogram]) {
        const binned = detectBimodalityFromHistogram(bins, channelMeans);
        expect({ bimodal: binned.bimodal, signs: binned.signs }).toEqual({
          bimodal: answer.bimodal,
          signs: answer.signs,
        });
        binned.peaks.forEach((peak, i) => {
          expect(peak.density / answer.peaks[i]!.density).toBeCloseTo(1, 2);
        });
      }
    });

    test.each(expected.softmax)('granularity of $probabilities', async ({ probabilities, values, by_bits }) => {
      const a = await floats(join(folder, probabilities));
      const v = await floats(join(folder, values));
      const shape = { heads: a.shape[0]!, queries: a.shape[1]!, keys: a.shape[2]!, channels: v.shape[2]! };
      for (const [bits, published] of Object.entries(by_bits)) {
        const found = searchSoftmaxGranularity(a.data, v.data, { ...shape, bits: Number(bits), taus: published.taus });
        expect(found.tau).toBe(published.tau);
        found.errors.forEach((error, t) => {
          expect(error / published.errors[t]!, `${bits} bits, τ = ${published.taus[t]}`).toBeGreaterThan(0.95);
          expect(error / published.errors[t]!, `${bits} bits, τ = ${published.taus[t]}`).toBeLessThan(1.05);
        });
      }
    });
  });
}
