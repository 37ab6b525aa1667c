import { describe, expect, it } from 'vitest';
import { precisionOf } from '../../src/calibrate/precision.js';
import { type QuantizeOptions, quantizeProgram } from '../../src/calibrate/quantize-program.js';
import { parse, randomTensor } from '../../src/ir/text/parse.js';
import { BLOCK } from '../passes/method/block.js';
import { runByEvaluation } from './run-by-evaluation.js';

const SAMPLES = [31, 32, 33].map((seed) => new Map([['x', randomTensor('f32', [1, 6, 8], seed)]]));
const quantize = (text: string, options: Partial<QuantizeOptions>, bits = 8) =>
  quantizeProgram(parse(text), runByEvaluation(SAMPLES), {
    precision: precisionOf(bits, bits, { observer: 'mse', steps: 'auto' }),
    keys: 'auto',
    values: 'auto',
    scales: 'auto',
    offsets: 'auto',
    clip: 'auto',
    rounding: 'auto',
    softmax: 'auto',
    trialSamples: 2,
    ...options,
  });
/** Keys pushed away from zero by their bias, half the channels up and half down: two peaks. */
const TWO_PEAKED = BLOCK.replace('linear(%1, %c4)', 'linear(%1, %c4, %c11b)').replace(
  '  %1 : f32[1, 6, 8] = layer_norm',
  '  %c11b : f32[8] = const [40, -40, 40, -40, -40, 40, -40, 40]\n  %1 : f32[1, 6, 8] = layer_norm',
);

describe('quantizeProgram', () => {
  it('runs every layer and the attention on integers and measures what that costs', async () => {
    const { graph, report } = await quantize(BLOCK, {});
    expect(graph.nodes.map((node) => node.op).filter((op) => op === 'linear' || op === 'attention')).toEqual([]);
    expect(report.layers.every((layer) => layer.quantized)).toBe(true);
    expect(report.comparison.outputs.get('y')).toBeGreaterThan(30);
    expect(report.comparison.layers).toHaveLength(7);
    // Five granularities with their offsets, and uniform codes.
    expect(report.attentions[0]?.softmax?.errors).toHaveLength(20);
  });
  it('chooses the softmax coding of least error', async () => {
    const { report } = await quantize(BLOCK, {});
    const { softmax, errors } = report.attentions[0]!.softmax!;
    expect(Math.min(...errors.map(({ error }) => error))).toBe(errors[0]!.error);
    expect(softmax).toBe(errors[0]!.softmax);
  });
  it('finds two peaks, and folds signs where asked to', async () => {
    const folded = await quantize(TWO_PEAKED.replace(', _, %c9, %c10', ''), { keys: 'sign' });
    const [attention] = folded.report.attentions;
    expect(attention?.keys).toMatchObject({ bimodal: true, transform: 'sign', flippedChannels: 4 });
  });
  it('says why signs cannot be folded where the heads share their tables and disagree', async () => {
    const { report } = await quantize(TWO_PEAKED, { keys: 'sign' });
    expect(report.attentions[0]?.keys).toMatchObject({ bimodal: true, transform: 'none' });
    expect(report.attentions[0]?.keys.refused).toMatch(/share their relative-position tables/);
  });
  it('centres two-peaked keys, which leaves less error than leaving them', async () => {
    const auto = (await quantize(TWO_PEAKED, { precision: precisionOf(4, 4, { observer: 'mse', steps: 'even' }) }, 4))
      .report.attentions[0]!.keys;
    expect(auto.transform).toMatch(/mean|mid-range/);
    const chosen = auto.errors[auto.transform]!;
    expect(chosen).toBeLessThan(0.5 * auto.errors.none!);
  });
  it('moves scales only where the layers behind get better', async () => {
    const { report } = await quantize(BLOCK, {}, 4);
    expect(report.migrations).toHaveLength(2);
    for (const { strength, errors } of report.migrations)
      expect(errors[strength]).toBe(Math.min(...Object.values(errors)));
  });
  it('takes offsets out, and changes values, only where the layers behind get better', async () => {
    const precision = precisionOf(4, 4, { observer: 'mse', steps: 'even' });
    const { report } = await quantize(BLOCK, { precision }, 4);
    expect(report.offsets.some(({ taken }) => taken)).toBe(true);
    for (const { taken, errors } of report.offsets) if (taken) expect(errors.after).toBeLessThan(errors.before);
    const [attention] = report.attentions;
    const { transform, errors } = attention!.values!;
    expect(errors[transform]).toBe(Math.min(...Object.values(errors)));
    const left = await quantize(BLOCK, { precision, offsets: 'none', values: 'none' }, 4);
    expect([left.report.offsets, left.report.attentions[0]!.values]).toEqual([[], undefined]);
  });
  it('names a tensor that is constant over the samples', async () => {
    const zeros = '= const [0, 0, 0, 0, 0, 0, 0, 0]';
    const constant = BLOCK.replace('= const random(1)', zeros).replace('= const random(2)', zeros);
    await expect(quantize(constant, { keys: 'none', softmax: 'uniform' })).rejects.toThrow(
      /constant over the calibration data/,
    );
  });
});
