import { editGraph } from '../ir/edit.js';
import { type Graph, type NodeOf, typeOf, type ValueId } from '../ir/graph.js';
import { quantizeRows } from '../ir/integer/weights.js';
import { divideExact, product } from '../ir/scalar.js';
import type { LayerPlan, QuantizationPlan } from '../passes/insert-quantize.js';
import { momentSamples } from './layer-moments.js';
import type { RunSamples } from './run-samples.js';
import { dampedRounding, secondOrderCodes } from './second-order-codes.js';
import { observeWeights } from './weight-scales.js';

/** Input channels up to which XᵀX is worth its n² memory and n³ work. */
const MAX_CHANNELS = 4096;

type Layers = QuantizationPlan['layers'];

/** Adds outputs `gram_<value>` = XᵀX [k, k] of each value x [..., k]. */
function gramProgram(graph: Graph, values: readonly ValueId[]): Graph {
  const editor = editGraph({ ...graph, outputs: [] });
  for (const value of values) {
    const shape = typeOf(graph, value).shape;
    const k = shape.at(-1) as number;
    const rows = editor.emitOne('reshape', [value], { shape: [divideExact(product(shape), k), k] });
    const columns = editor.emitOne('transpose', [rows], { perm: [1, 0] });
    editor.output(`gram_${value}`, editor.emitOne('matmul', [columns, rows], {}));
  }
  return editor.finish();
}

/** The linear layers of a plan whose weights are worth rounding together. */
const linearsOf = (graph: Graph, layers: Layers): readonly NodeOf<'linear'>[] =>
  graph.nodes.filter(
    (node): node is NodeOf<'linear'> =>
      node.op === 'linear' &&
      layers.has(node.results[0]!) &&
      (typeOf(graph, node.operands[0]!).shape.at(-1) as number) <= MAX_CHANNELS,
  );

/** XᵀX [k, k] of layers' inputs, summed over the calibration samples. */
export type Grams = ReadonlyMap<ValueId, Float64Array>;

/** XᵀX of what the linear layers of a plan read. */
export async function inputGrams(graph: Graph, layers: Layers, run: RunSamples, limit: number): Promise<Grams> {
  const inputs = [...new Set(linearsOf(graph, layers).map(({ operands }) => operands[0]!))];
  const matrixOf = (value: ValueId) => {
    const { shape } = typeOf(graph, value);
    return { rows: product(shape.slice(0, -1)), k: shape.at(-1) as number };
  };
  const grams = new Map<ValueId, Float64Array>();
  if (inputs.length === 0) return grams;
  await run(
    gramProgram(graph, inputs),
    'weight rounding',
    (outputs) => {
      for (const value of inputs) {
        const sample = outputs.get(`gram_${value}`)!.data as Float32Array;
        const sum = grams.get(value) ?? new Float64Array(sample.length);
        for (let i = 0; i < sample.length; i++) sum[i]! += sample[i]!;
        grams.set(value, sum);
      }
    },
    momentSamples(inputs.map(matrixOf), limit),
  );
  return grams;
}

/**
 * Rounds the weights of the linear layers so that the error of a layer's result, not of its weights, is least: second-order
 * rounding (GPTQ, Frantar et al. 2023) with XᵀX over the calibration samples. Convolutions keep their nearest codes.
 */
export function roundWeights(graph: Graph, layers: Layers, grams: Grams): Layers {
  const rounded = new Map<ValueId, LayerPlan>(layers);
  const linears = linearsOf(graph, layers);
  // Input by input: what layers that read the same one need of it is large, and takes long to find.
  for (const x of new Set(linears.map(({ operands }) => operands[0]!))) {
    const k = typeOf(graph, x).shape.at(-1) as number;
    const rounding = dampedRounding(grams.get(x)!, k);
    for (const { operands, results } of linears.filter((linear) => linear.operands[0] === x)) {
      const plan = layers.get(results[0]!)!;
      const weights = graph.constants.get(operands[1]!)!.load().data as Float32Array;
      const { bits } = plan;
      const channels = plan.scales.length;
      const scales = observeWeights('', weights, { channels, bits, observer: 'mse', mirrored: true });
      const codes = rounding
        ? secondOrderCodes(rounding, weights, scales, bits)
        : quantizeRows(weights, k, scales, bits);
      rounded.set(results[0]!, { ...plan, scales, codes });
    }
  }
  return rounded;
}
