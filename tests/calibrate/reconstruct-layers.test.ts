import { expect, test } from 'vitest';
import { planWeights } from '../../src/calibrate/choose-layers.js';
import { layerMoments, momentSamples } from '../../src/calibrate/layer-moments.js';
import { observeTensor } from '../../src/calibrate/observers.js';
import { precisionOf } from '../../src/calibrate/precision.js';
import { reconstructLayers } from '../../src/calibrate/reconstruct-layers.js';
import { evaluateGraph } from '../../src/ir/evaluate.js';
import type { ValueId } from '../../src/ir/graph.js';
import { parse, randomTensor } from '../../src/ir/text/parse.js';
import type { Tensor } from '../../src/ir/types.js';
import { insertQuantize, type LayerPlan } from '../../src/passes/insert-quantize.js';
import { runByEvaluation } from './run-by-evaluation.js';

const LINEAR = `
graph @linear () {
  %0 : f32[1, 40, 6] = input as "x"
  %c0 : f32[5, 6] = const random(1)
  %c1 : f32[5] = const random(2)
  %1 : f32[1, 40, 5] = linear(%0, %c0, %c1) {activation = none}
  output "y" = %1
}`;
const CONV = `
graph @conv () {
  %0 : f32[1, 6, 7, 3] = input as "x"
  %c0 : f32[4, 3, 3, 3] = const random(1)
  %c1 : f32[4] = const random(2)
  %1 : f32[1, 6, 7, 4] = conv(%0, %c0, %c1) {activation = none, strides = [1, 1], dilations = [1, 1], pads_before = [1, 1], pads_after = [1, 1], groups = 1}
  output "y" = %1
}`;

/** Channels that depend on each other, with a mean: there is something to make up for. */
function correlated(shape: readonly number[], seed: number): Tensor {
  const data = randomTensor('f32', shape, seed).data as Float32Array;
  const c = shape.at(-1)!;
  return { dtype: 'f32', shape, data: data.map((v, i) => 0.3 * v + data[i - (i % c)]! + 0.5) };
}

test.each([
  ['a linear layer', LINEAR, [1, 40, 6]],
  ['a padded convolution', CONV, [1, 6, 7, 3]],
])('%s of 4 bits loses less on new samples than with its nearest codes', async (_, text, shape) => {
  const graph = parse(text);
  const samples = Array.from({ length: 24 }, (__, i) => correlated(shape, 11 + i));
  const run = runByEvaluation(samples.slice(0, 16).map((x) => new Map([['x', x]])));
  const layer = graph.nodes[0]!;
  const [x, weight] = layer.operands as [ValueId, ValueId];
  const seen = Float32Array.from(samples.flatMap(({ data }) => [...(data as Float32Array)]));
  const codes = { ...observeTensor('x', seen, { observer: 'minmax', bits: 4 }), bits: 4 };
  const nearest = new Map<ValueId, LayerPlan>([
    [
      layer.results[0]!,
      planWeights('w', graph.constants.get(weight)!.load(), precisionOf(4, 4, { observer: 'mse', steps: 'even' })),
    ],
  ]);
  const moments = await layerMoments(graph, nearest, () => codes, run, 16);
  const better = reconstructLayers(graph, nearest, moments);
  const errorOf = (layers: ReadonlyMap<ValueId, LayerPlan>): number => {
    const quantized = insertQuantize(graph, { layers, activations: new Map([[x, codes]]), softmaxes: new Map() });
    return samples.slice(16).reduce((sum, sample) => {
      const [exact, given] = [graph, quantized].map(
        (program) => evaluateGraph(program, new Map([['x', sample]])).get('y')!.data as Float32Array,
      ) as [Float32Array, Float32Array];
      return sum + exact.reduce((total, value, i) => total + (value - given[i]!) ** 2, 0);
    }, 0);
  };
  expect(moments).toHaveLength(1);
  expect(errorOf(better)).toBeLessThan(0.9 * errorOf(nearest));
});

test.each([
  ['many rows a sample: as many samples as other choices take', [{ rows: 4096, k: 256 }], 16],
  [
    'few rows: more samples, for the widest',
    [
      { rows: 64, k: 256 },
      { rows: 4096, k: 256 },
    ],
    32,
  ],
  ['hardly any: eight times as many', [{ rows: 7, k: 2048 }], 128],
  ['none', [], 16],
])('%s', (_, matrices, expected) => {
  expect(momentSamples(matrices, 16)).toBe(expected);
});
