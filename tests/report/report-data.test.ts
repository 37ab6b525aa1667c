import { describe, expect, it } from 'vitest';
import { precisionOf } from '../../src/calibrate/precision.js';
import { quantizeProgram } from '../../src/calibrate/quantize-program.js';
import { evenShares } from '../../src/calibrate/summarize-keys.js';
import type { Manifest } from '../../src/codegen/emit-package.js';
import { countMacs } from '../../src/ir/count-macs.js';
import { parse, randomTensor } from '../../src/ir/text/parse.js';
import { planMemory } from '../../src/passes/plan-memory.js';
import { packageReport, type Report, reportJson } from '../../src/report.js';
import { runByEvaluation } from '../calibrate/run-by-evaluation.js';
import { BLOCK } from '../passes/method/block.js';

const SAMPLES = [41, 42].map((seed) => new Map([['x', randomTensor('f32', [1, 6, 8], seed)]]));
async function reportOf(bits: 'w6a6' | 'f32'): Promise<Report> {
  const float = parse(BLOCK);
  const quantized =
    bits === 'f32'
      ? undefined
      : await quantizeProgram(float, runByEvaluation(SAMPLES), {
          precision: precisionOf(6, 6, { observer: 'mse', steps: 'auto' }),
          keys: 'auto',
          values: 'auto',
          scales: 'auto',
          offsets: 'auto',
          clip: 'auto',
          rounding: 'auto',
          softmax: 'auto',
          trialSamples: 2,
        });
  const graph = quantized?.graph ?? float;
  const model = { name: 'block', weights_bytes: 640, arena_bytes: 512, nodes: graph.nodes.length };
  const manifest = { format: 1, target: 'c99', bits, models: [model] } as unknown as Manifest;
  return packageReport(
    [{ name: 'block', sourceSha256: '00', graph, float, ...(quantized && { quantization: quantized.report }) }],
    { manifest, plans: [planMemory(graph)] },
  );
}

describe('packageReport', () => {
  it('tells what was decided for each attention and layer, and what it cost', async () => {
    const report = await reportOf('w6a6');
    const [attention] = report.attentions;
    expect(attention).toMatchObject({ model: 'block', bimodal: false });
    expect(attention?.softmax?.errors.length).toBeGreaterThan(20);
    const errors = attention?.softmax?.errors.map(({ error }) => error) ?? [];
    expect(errors).toEqual([...errors].sort((a, b) => a - b));
    for (const { shares } of Object.values(attention?.key_ranges ?? {}))
      expect(shares.reduce((a, b) => a + b)).toBeCloseTo(1, 3);
    expect(attention?.key_ranges?.before.channels.mean).toEqual(
      [...(attention?.key_ranges?.before.channels.mean ?? [])].sort((a, b) => a - b),
    );
    expect(report.layers.length).toBeGreaterThan(4);
    expect(report.migrations).toHaveLength(2);
    expect(report.outputs).toEqual([{ model: 'block', name: 'y', sqnr_db: expect.any(Number) }]);
    expect(report.models[0]?.float?.weights_bytes).toBeGreaterThan(0);
  });
  it('gives each layer a place and a figure of its own, those of one source too', async () => {
    const { layers, attentions } = await reportOf('w6a6');
    const places = [...layers, ...attentions].map(({ place }) => place);
    expect([...places].sort((a, b) => a! - b!)).toEqual(places.map((_, i) => i));
    const decibels = layers.map(({ sqnr_db }) => sqnr_db);
    expect(decibels.every((value) => typeof value === 'number')).toBe(true);
    expect(new Set(decibels).size).toBe(decibels.length);
    const parts = [...layers, ...attentions];
    expect(parts.every(({ own_sqnr_db }) => typeof own_sqnr_db === 'number')).toBe(true);
    expect(parts.reduce((sum, { error_share }) => sum + error_share!, 0)).toBeCloseTo(1, 9);
  });
  it('names the attentions of a float build', async () => {
    const report = await reportOf('f32');
    expect(report.attentions).toHaveLength(1);
    expect(Object.keys(report.attentions[0] ?? {})).toEqual(['model', 'name', 'kind']);
    expect([report.layers, report.outputs, report.migrations]).toEqual([[], [], []]);
    expect(report.models[0]?.float).toBeUndefined();
  });
  it('is the same after a way through JSON, lists of numbers on a line each', async () => {
    const report = await reportOf('w6a6');
    const text = reportJson(report);
    expect(JSON.parse(text)).toEqual(report);
    expect(text).toMatch(/"live_bytes": \[\d+(, \d+)*\]/);
    const odd = { ...report, outputs: [{ model: '[\n 1,\n 2\n]', name: 'y', sqnr_db: null }] };
    expect(JSON.parse(reportJson(odd))).toEqual(odd);
  });
});

describe('arena', () => {
  it('has its lower bound where most is alive', () => {
    const { liveBytes, lowerBound, bytes } = planMemory(parse(BLOCK));
    expect(Math.max(...liveBytes)).toBe(lowerBound);
    expect(bytes).toBeGreaterThanOrEqual(lowerBound);
    expect(liveBytes).toHaveLength(parse(BLOCK).nodes.length);
    expect(liveBytes.every((alive) => alive >= 0)).toBe(true);
  });
});

describe('countMacs', () => {
  it('counts products by op, on integers and in float', async () => {
    const graph = parse(`graph @g () {
  %0 : f32[2, 4, 4, 3] = input as "x"
  %c1 : f32[5, 3, 3, 3] = const random(1)
  %c2 : f32[7, 5] = const random(2)
  %1 : f32[2, 2, 2, 5] = conv(%0, %c1) {strides = [1, 1], dilations = [1, 1], pads_before = [0, 0], pads_after = [0, 0], groups = 1, activation = none}
  %2 : f32[2, 2, 2, 7] = linear(%1, %c2) {activation = none}
  output "y" = %2
}`);
    expect(countMacs(graph)).toEqual([
      { op: 'conv', integer: 0, float: 2 * 2 * 2 * 5 * 27 },
      { op: 'linear', integer: 0, float: 8 * 7 * 5 },
    ]);
  });
  it('counts the same for the quantized program', async () => {
    const [float, quantized] = await Promise.all([reportOf('f32'), reportOf('w6a6')]);
    const total = ({ models }: Report) => models[0]?.macs.map(({ op, integer, float: own }) => [op, integer + own]);
    expect(total(quantized)).toEqual(total(float));
    expect(quantized.models[0]?.macs.every(({ float: own }) => own === 0)).toBe(true);
    // q·kᵀ and A·v of 6 tokens over 8 channels each.
    expect(total(float)).toContainEqual(['attention', 6 * 6 * 16]);
  });
});

describe('evenShares', () => {
  it('spreads a bin over those it covers, and keeps the sum', () => {
    const histogram = {
      lower: Float64Array.of(-32, 0, 16),
      upper: Float64Array.of(0, 0, 32),
      counts: Float64Array.of(2, 1, 1),
    };
    const shares = evenShares(histogram, -32, 32);
    expect(shares.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
    expect(shares.slice(0, 32).every((share) => Math.abs(share - 0.5 / 32) < 1e-12)).toBe(true);
    expect(shares[32]).toBeCloseTo(0.25, 12);
    expect(shares.slice(33, 48).every((share) => share === 0)).toBe(true);
    expect(shares[63]).toBeCloseTo(0.25 / 16, 12);
  });
});
