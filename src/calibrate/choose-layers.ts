import { editGraph } from '../ir/edit.js';
import { type Graph, type Node, typeOf, type ValueId, valueOf } from '../ir/graph.js';
import type { Dim } from '../ir/scalar.js';
import type { Tensor } from '../ir/types.js';
import {
  isQuantizable,
  type QuantizableNode as Layer,
  type LayerPlan,
  type QuantizationPlan,
  quantizedLayer,
} from '../passes/insert-quantize.js';
import { activationQuant, type Precision, precisionOf } from './precision.js';
import { type Profile, varies } from './profile.js';
import type { RunSamples } from './run-samples.js';
import { addError, addSquareSum, decibels, totals } from './score.js';
import { observeWeights } from './weight-scales.js';

/**
 * A layer of the kinds that the paper leaves in float (METHOD 6) is quantized all the same where its own error is this
 * small: then nothing is lost, and it is faster.
 */
const FREE_DECIBELS = 38;

/** Where a layer stands, which says whether METHOD 6 quantizes it. */
export type LayerRole = 'trunk' | 'input' | 'head';

export interface LayerChoice {
  readonly node: Layer;
  readonly role: LayerRole;
  /** Signal to noise of this layer by itself, its input exact; undefined where it was not measured. */
  readonly ownDecibels?: number;
  readonly quantized: boolean;
}

/** Values from which a node of some kind is reached: one backward walk. */
function reaching(graph: Graph, wanted: (node: Node) => boolean): ReadonlySet<ValueId> {
  const values = new Set<ValueId>();
  for (const node of [...graph.nodes].reverse())
    if (wanted(node) || node.results.some((result) => values.has(result)))
      for (const operand of node.operands) if (operand !== null) values.add(operand);
  return values;
}

/** Values that depend on a node of some kind: one forward walk. */
function reachedFrom(graph: Graph, wanted: (node: Node) => boolean): ReadonlySet<ValueId> {
  const values = new Set<ValueId>();
  for (const node of graph.nodes)
    if (wanted(node) || node.operands.some((operand) => operand !== null && values.has(operand)))
      for (const result of node.results) values.add(result);
  return values;
}

/** q, k and v of every attention, and what they are reshaped from. */
function attentionOperands(graph: Graph): ReadonlySet<ValueId> {
  const operands = new Set<ValueId>();
  for (const node of [...graph.nodes].reverse()) {
    if (node.op === 'attention') for (const value of node.operands.slice(0, 3)) if (value !== null) operands.add(value);
    if (node.op === 'reshape' && operands.has(node.results[0]!)) operands.add(node.operands[0]!);
  }
  return operands;
}

/**
 * The role of each layer. `input`: no attention lies before it and it does not feed one directly (patch embedding, prompt
 * encoder). `head`: no attention, no LayerNorm and no residual lies behind it (the mask and quality heads), or it makes
 * pixels of channels behind the last attention (the upscaling). The rest is the trunk.
 */
export function layerRoles(graph: Graph): ReadonlyMap<ValueId, LayerRole> {
  const mixes = (node: Node): boolean => node.op === 'attention' || node.op === 'layer_norm';
  const addsToResidual = (node: Node): boolean => node.op === 'linear' && node.operands[3] != null;
  const before = reachedFrom(graph, (node) => node.op === 'attention');
  const attended = reaching(graph, (node) => node.op === 'attention' || addsToResidual(node));
  const behind = reaching(graph, (node) => mixes(node) || addsToResidual(node));
  /** Channels become pixels (a transposed convolution with kernel = stride). */
  const upscales = (result: ValueId): boolean => {
    const users = graph.nodes.filter((node) => node.operands.includes(result));
    const widthOf = (value: ValueId): Dim | undefined => typeOf(graph, value).shape.at(-1);
    return (
      users.length > 0 && users.every(({ op, results }) => op === 'reshape' && widthOf(results[0]!) !== widthOf(result))
    );
  };
  const feedsAttention = attentionOperands(graph);
  const attends = graph.nodes.some((node) => node.op === 'attention');
  const roleOf = (node: Node): LayerRole => {
    const result = node.results[0]!;
    if (!attends) return 'trunk';
    if (!before.has(node.operands[0]!) && !feedsAttention.has(result)) return 'input';
    if (!attended.has(result) && upscales(result)) return 'head';
    return behind.has(result) || addsToResidual(node) ? 'trunk' : 'head';
  };
  return new Map(graph.nodes.map((node) => [node.results[0]!, roleOf(node)]));
}

/** A layer that could run on integers. */
export interface LayerCandidate {
  readonly node: Layer;
  readonly role: LayerRole;
  /** Calibration may never move a layer's input (no prompt has a mask): its ranges say nothing. */
  readonly varies: boolean;
}

export function layerCandidates(graph: Graph, profile: Profile): readonly LayerCandidate[] {
  const editor = editGraph(graph);
  const roles = layerRoles(graph);
  return graph.nodes
    .filter((node): node is Layer => isQuantizable(editor, node) && profile.has(node.operands[0]!))
    .map((node) => {
      return { node, role: roles.get(node.results[0]!)!, varies: varies(profile.get(node.operands[0]!)!) };
    });
}

/** Plans of weights, by layer. */
export const planLayers = (
  graph: Graph,
  candidates: readonly LayerCandidate[],
  precision: Precision,
): QuantizationPlan['layers'] =>
  new Map(
    candidates.map(({ node }) => {
      const weight = node.operands[1]!;
      const name = valueOf(graph, weight).name || node.source;
      return [node.results[0]!, planWeights(name, graph.constants.get(weight)!.load(), precision)] as const;
    }),
  );

/** Some layers with one precision. */
export interface PrecisionPlan {
  readonly layers: QuantizationPlan['layers'];
  readonly precision: Precision;
}

/** What is in doubt has 8 bits or none: with fewer it would not cost next to nothing. */
const DOUBT_BITS = 8;

/**
 * Which layers run on integers: the trunk always; inputs and heads at 8 bits where quantizing them costs next to nothing,
 * measured one by one on exact inputs.
 */
export async function chooseLayers(
  graph: Graph,
  profile: Profile,
  run: RunSamples,
  { precision, limit }: { readonly precision: Precision; readonly limit: number },
): Promise<{ readonly choices: readonly LayerChoice[]; readonly plans: readonly PrecisionPlan[] }> {
  const candidates = layerCandidates(graph, profile);
  const trunk = candidates.filter(({ role }) => role === 'trunk');
  // Where calibration says nothing of the input of a layer in doubt, it stays in float.
  const doubtful = candidates.filter(({ role, varies }) => role !== 'trunk' && varies);
  const doubt = precisionOf(DOUBT_BITS, DOUBT_BITS, precision);
  const tried = planLayers(graph, doubtful, doubt);
  const layers = doubtful.map(({ node }) => node);
  const measured = await ownErrors(graph, layers, tried, profile, run, doubt, limit);
  const choices = candidates.map(({ node, role }): LayerChoice => {
    const own = measured.get(node.results[0]!);
    return {
      node,
      role,
      ...(own !== undefined && { ownDecibels: own }),
      quantized: role === 'trunk' || (own ?? 0) >= FREE_DECIBELS,
    };
  });
  const quantized = new Set(choices.filter((choice) => choice.quantized).map(({ node }) => node.results[0]!));
  return {
    choices,
    plans: [
      { layers: planLayers(graph, trunk, precision), precision },
      { layers: new Map([...tried].filter(([result]) => quantized.has(result))), precision: doubt },
    ],
  };
}

/** Weight scales: min-max at 8 bits, least squared error below. */
export function planWeights(name: string, { data, shape }: Tensor, { weightBits }: Precision): LayerPlan {
  return {
    bits: weightBits,
    scales: observeWeights(name, data as Float32Array, {
      channels: shape[0]!,
      bits: weightBits,
      observer: weightBits >= 8 ? 'minmax' : 'mse',
    }),
  };
}

/** Each layer computed twice from the same exact input, in one program. */
async function ownErrors(
  graph: Graph,
  layers: readonly Layer[],
  plans: ReadonlyMap<ValueId, LayerPlan>,
  profile: Profile,
  run: RunSamples,
  precision: Precision,
  limit: number,
): Promise<ReadonlyMap<ValueId, number>> {
  if (layers.length === 0) return new Map();
  const editor = editGraph({ ...graph, outputs: [] });
  for (const layer of layers) {
    const [x] = layer.operands as [ValueId];
    const reference = layer.results[0]!;
    const quant = activationQuant(valueOf(graph, x).name, profile.get(x)!, precision);
    editor.at(layer);
    addError(editor, String(reference), reference, quantizedLayer(editor, layer, plans.get(reference)!, quant));
    addSquareSum(editor, `signal_${reference}`, reference);
  }
  const sums = totals();
  await run(editor.finish(), 'layers in doubt', sums.add, limit);
  return new Map(
    layers.map(({ results: [result] }) => [
      result!,
      decibels(sums.get(`signal_${result}`), sums.get(`error_${result}`)),
    ]),
  );
}
