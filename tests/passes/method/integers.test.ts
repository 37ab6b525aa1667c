import { describe, expect, it } from 'vitest';
import { observeTensor } from '../../../src/calibrate/observers.js';
import { observeWeights } from '../../../src/calibrate/weight-scales.js';
import { evaluateGraph } from '../../../src/ir/evaluate.js';
import type { Graph, Node, ValueId } from '../../../src/ir/graph.js';
import { parse, randomTensor } from '../../../src/ir/text/parse.js';
import { print } from '../../../src/ir/text/print.js';
import type { Quantization, Tensor } from '../../../src/ir/types.js';
import { verify } from '../../../src/ir/verify.js';
import { insertQuantize, type QuantizationPlan } from '../../../src/passes/insert-quantize.js';
import { lowerToInteger } from '../../../src/passes/lower-to-integer.js';
import { mergeDuplicates } from '../../../src/passes/merge-duplicates.js';
import { fileCheck } from '../file-check.js';
import { BLOCK } from './block.js';

/** Quantization of everything, from the values of one run. */
function planFor(graph: Graph, bits: number): QuantizationPlan {
  const values = new Map<ValueId, Float32Array>();
  const observe = (node: Node, results: readonly Tensor[]): void =>
    node.results.forEach((id, i) => {
      values.set(id, results[i]!.data as Float32Array);
    });
  evaluateGraph(graph, new Map([['x', INPUT]]), { observe });
  values.set(graph.inputs[0]!, INPUT.data as Float32Array);
  const activations = new Map<ValueId, Quantization>();
  for (const [value, data] of values)
    activations.set(value, { ...observeTensor(`%${value}`, data, { observer: 'minmax', bits }), bits });
  const layers = graph.nodes.filter((node) => node.op === 'linear');
  return {
    activations,
    layers: new Map(
      layers.map((node) => {
        const { data, shape } = graph.constants.get(node.operands[1]!)!.load();
        const options = { channels: shape[0]!, bits, observer: 'minmax' } as const;
        return [node.results[0]!, { bits, scales: observeWeights('w', data as Float32Array, options) }] as const;
      }),
    ),
    softmaxes: new Map(
      graph.nodes
        .filter((node) => node.op === 'attention')
        .map((node) => [node.results[0]!, { quantizer: 'row_log2', bits, tau: 16, offset: 0, reference: 1 }] as const),
    ),
  };
}

const INPUT = randomTensor('f32', [1, 6, 8], 21);
const result = (graph: Graph): Float32Array =>
  evaluateGraph(graph, new Map([['x', INPUT]])).get('y')!.data as Float32Array;

function relativeError(reference: Float32Array, values: Float32Array): number {
  const noise = reference.reduce((sum, r, i) => sum + (r - values[i]!) ** 2, 0);
  return Math.sqrt(noise / reference.reduce((sum, r) => sum + r * r, 0));
}

function quantized(bits: number): { float: Graph; inserted: Graph; lowered: Graph } {
  const float = parse(BLOCK);
  const inserted = mergeDuplicates.run(insertQuantize(float, planFor(float, bits)));
  verify(inserted);
  const lowered = lowerToInteger(inserted);
  verify(lowered);
  return { float, inserted, lowered };
}

describe('insert-quantize', () => {
  const { float, inserted } = quantized(8);
  it('puts every layer and attention on codes', () => {
    const checks = `
// CHECK: layer_norm(
// CHECK-NEXT: quantize(
// CHECK: integer_linear(
// CHECK: integer_attention
// CHECK-NOT: = linear(
// CHECK: output`;
    const text = print(inserted);
    expect(fileCheck(checks, text) ?? '').toBe('');
    expect(inserted.nodes.filter((node) => node.op === 'quantize')).toHaveLength(7);
  });
  it('stays close to the float program', () => {
    expect(relativeError(result(float), result(inserted))).toBeLessThan(0.02);
  });
  it('leaves what is not in the plan', () => {
    const nothing: QuantizationPlan = { layers: new Map(), activations: new Map(), softmaxes: new Map() };
    expect(print(insertQuantize(float, nothing))).toBe(print(float));
  });
});

describe('lower-to-integer', () => {
  const { inserted, lowered } = quantized(8);
  it('leaves no quantize between two layers: LayerNorm, products and attention give codes', () => {
    const ops = lowered.nodes.map((node) => node.op);
    expect(ops).toEqual([
      'layer_norm_quantize',
      'integer_linear',
      'integer_linear',
      'integer_linear',
      'integer_attention',
      'integer_linear',
      'layer_norm_quantize',
      'integer_linear',
      'integer_linear',
    ]);
  });
  it('differs from the unfused program by the rounding of one multiplication at most', () => {
    expect(relativeError(result(inserted), result(lowered))).toBeLessThan(2e-3);
  });
  it('keeps the float result where something else reads it', () => {
    const text = BLOCK.replace('output "y" = %9', 'output "y" = %9\n  output "normed" = %7');
    const float = parse(text);
    const program = lowerToInteger(mergeDuplicates.run(insertQuantize(float, planFor(float, 8))));
    verify(program);
    const norms = program.nodes.filter((node) => node.op === 'layer_norm_quantize');
    expect(norms.map((node) => node.attrs.also_float)).toEqual([false, true]);
  });
  it('takes GELU along where it stands between LayerNorm and codes, and nothing else reads it', () => {
    const lines = `
  %1 : f32[1, 6, 8] = layer_norm(%0, %c0, %c1) {epsilon = 0.00001}
  %2 : f32[1, 6, 8] = gelu(%1) {approximation = none}
  %3 : f32[1, 6, 8] = linear(%2, %c2) {activation = none}
  output "y" = %3`;
    const head = BLOCK.slice(0, BLOCK.indexOf('  %1 :'));
    const lowered = (rest: string): Graph => {
      const float = parse(`${head}${lines}${rest}\n}`);
      const program = lowerToInteger(mergeDuplicates.run(insertQuantize(float, planFor(float, 8))));
      verify(program);
      expect(relativeError(result(float), result(program))).toBeLessThan(0.02);
      return program;
    };
    expect(lowered('').nodes.map(({ op }) => op)).toEqual(['layer_norm_quantize', 'integer_linear']);
    const read = lowered('\n  output "activated" = %2').nodes.map(({ op }) => op);
    expect(read).toEqual(['layer_norm', 'gelu', 'quantize', 'integer_linear']);
  });
  it.each([6, 4])('works at %i bits', (bits) => {
    const { float, lowered: program } = quantized(bits);
    expect(relativeError(result(float), result(program))).toBeLessThan(bits === 6 ? 0.08 : 0.4);
  });
});
