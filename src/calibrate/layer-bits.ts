import { type Graph, typeOf, type ValueId, valueOf } from '../ir/graph.js';
import type { Quantization } from '../ir/types.js';
import { type QuantizableNode, type QuantizationPlan, quantizedLayer } from '../passes/insert-quantize.js';
import type { BitOption } from './assign-bits.js';
import { type LayerCandidate, layerCandidates, planLayers } from './choose-layers.js';
import { correctBias } from './correct-bias.js';
import { activationQuant, type CodeOptions, type Precision, precisionOf } from './precision.js';
import type { PreparedProgram } from './prepare-program.js';
import { propagateErrors, type Trial, type TrialError } from './propagate-errors.js';
import { inputGrams, roundWeights } from './round-weights.js';
import type { RunSamples } from './run-samples.js';

/** Bits of a layer's weights and of its input. */
export const LAYER_BITS = [4, 6, 8] as const;
export type LayerBits = (typeof LAYER_BITS)[number];
/** Layers are followed to the outputs at these bits; at others their own error says how much more or less arrives there. */
const FOLLOWED_BITS = 6;

export interface LayerOption extends BitOption {
  /** Undefined: in float. */
  readonly bits: LayerBits | undefined;
}

/** Layers that read one tensor, as q, k and v do: they share its codes, so they have the same bits. */
export interface LayerGroup {
  readonly layers: readonly LayerCandidate[];
  /** One for each of `LAYER_BITS`, then float. */
  readonly options: readonly LayerOption[];
}

/** A prepared program whose layers may have any bits. */
export interface MixedProgram {
  readonly prepared: PreparedProgram;
  readonly candidates: readonly LayerCandidate[];
  readonly groups: readonly LayerGroup[];
  readonly plans: ReadonlyMap<LayerBits, QuantizationPlan['layers']>;
  /** Signal to noise of each layer at 8 bits, given exact inputs. */
  readonly ownNoise: ReadonlyMap<ValueId, number>;
  /** Relative squared error of the outputs for one of the followed input; undefined where none was followed. */
  readonly inputGain: number | undefined;
}

export interface MixedOptions {
  readonly codes: CodeOptions;
  readonly limit: number;
  /** An input whose error is followed to the outputs: made as large as quantizing it so makes it. */
  readonly input?: { readonly name: string; readonly quant: Quantization };
}

const nameOf = (layer: ValueId, bits: LayerBits): string => `${layer}_${bits}`;
const INPUT = 'input';

/** Plans of all layers at all bits, and what each layer adds to the error of the outputs (relative, squared) at each. */
export async function mixedProgram(
  prepared: PreparedProgram,
  run: RunSamples,
  { codes, limit, input }: MixedOptions,
): Promise<MixedProgram> {
  const { graph, profile } = prepared;
  const candidates = layerCandidates(graph, profile);
  // Where calibration never moves a layer's input its ranges say nothing: it stays in float.
  const chosen = candidates.filter(({ varies }) => varies);
  const plans = await plansOf(prepared, chosen, run, codes, limit);
  const trials = chosen.flatMap(({ node }) =>
    LAYER_BITS.map((bits): Trial => {
      const [x, value] = [node.operands[0]!, node.results[0]!];
      const quant = activationQuant(valueOf(graph, x).name, profile.get(x)!, precisionOf(bits, bits, codes));
      const plan = plans.get(bits)!.get(value)!;
      return {
        name: nameOf(value, bits),
        value,
        emit: (editor) => quantizedLayer(editor, node, plan, quant),
        follow: bits === FOLLOWED_BITS,
      };
    }),
  );
  const followed = input === undefined ? [] : [inputTrial(graph, input)];
  const errors = await propagateErrors(graph, [...trials, ...followed], run, limit);
  const groups = new Map<ValueId, LayerCandidate[]>();
  for (const candidate of chosen) {
    const x = candidate.node.operands[0]!;
    groups.set(x, [...(groups.get(x) ?? []), candidate]);
  }
  return {
    prepared,
    candidates,
    plans,
    groups: [...groups.values()].map((layers) => ({ layers, options: optionsOf(graph, layers, errors) })),
    ownNoise: new Map(chosen.map(({ node: { results } }) => [results[0]!, errors.get(nameOf(results[0]!, 8))!.own])),
    inputGain: input && gainOf(errors.get(INPUT)!),
  };
}

async function plansOf(
  { graph, profile }: PreparedProgram,
  chosen: readonly LayerCandidate[],
  run: RunSamples,
  codes: CodeOptions,
  limit: number,
): Promise<MixedProgram['plans']> {
  const nearest = new Map(
    LAYER_BITS.map((bits) => [bits, planLayers(graph, chosen, precisionOf(bits, bits, codes))] as const),
  );
  const low = LAYER_BITS.filter((bits) => bits < 8);
  const grams = await inputGrams(graph, nearest.get(8)!, run, limit);
  const rounded = low.map((bits) => ({
    layers: roundWeights(graph, nearest.get(bits)!, grams),
    codesOf: (x: ValueId) => activationQuant(valueOf(graph, x).name, profile.get(x)!, precisionOf(bits, bits, codes)),
  }));
  const corrected = await correctBias(graph, rounded, run, limit);
  return new Map([...nearest, ...low.map((bits, i) => [bits, corrected[i]!] as const)]);
}

function inputTrial(graph: Graph, { name, quant }: NonNullable<MixedOptions['input']>): Trial {
  const value = graph.inputs.find((id) => valueOf(graph, id).name === name);
  if (value === undefined) throw new Error(`no input is called ${name}`);
  return {
    name: INPUT,
    value,
    emit: (editor) => editor.emitOne('dequantize', [editor.emitOne('quantize', [value], { quant })], { quant }),
    follow: true,
  };
}

/** What arrives at the outputs of an error, as a multiple of it; 1 where it was too much work to find out. */
const gainOf = ({ own, output }: TrialError): number => (output === undefined || own === 0 ? 1 : output / own);

const sizeOf = (graph: Graph, { operands }: QuantizableNode): { readonly n: number; readonly k: number } => {
  const [n = 1, ...others] = typeOf(graph, operands[1]!).shape as readonly number[];
  return { n, k: others.reduce((a, b) => a * b, 1) };
};

function optionsOf(
  graph: Graph,
  layers: readonly LayerCandidate[],
  errors: ReadonlyMap<string, TrialError>,
): readonly LayerOption[] {
  const sum = (of: (node: QuantizableNode) => number): number => layers.reduce((all, { node }) => all + of(node), 0);
  const errorAt = (node: QuantizableNode, bits: LayerBits): number => {
    const of = (at: LayerBits): TrialError => errors.get(nameOf(node.results[0]!, at))!;
    return gainOf(of(FOLLOWED_BITS)) * of(bits).own;
  };
  const quantized = LAYER_BITS.map((bits) => ({
    bits,
    // Codes, and for each output channel a bias and a multiplier of 4 bytes.
    bytes: sum((node) => {
      const { n, k } = sizeOf(graph, node);
      return Math.ceil((n * k * bits) / 8) + 8 * n;
    }),
    error: sum((node) => errorAt(node, bits)),
  }));
  const float = {
    bits: undefined,
    bytes: sum((node) => {
      const { n, k } = sizeOf(graph, node);
      return 4 * n * k + 4 * n;
    }),
    error: 0,
  };
  return [...quantized, float];
}

/** The layers of a program with the bits that were chosen for each group, and the precision of each layer's input. */
export function layersWith(
  { groups, plans }: MixedProgram,
  bits: readonly (LayerBits | undefined)[],
  codes: CodeOptions,
): { readonly layers: QuantizationPlan['layers']; readonly precisionOf: (layer: ValueId) => Precision } {
  const bitsOf = new Map(
    groups.flatMap(({ layers }, i) => layers.map(({ node }) => [node.results[0]!, bits[i]] as const)),
  );
  const quantized = [...bitsOf].flatMap(([layer, own]) => (own === undefined ? [] : [[layer, own] as const]));
  return {
    layers: new Map(quantized.map(([layer, own]) => [layer, plans.get(own)!.get(layer)!] as const)),
    precisionOf: (layer) => precisionOf(bitsOf.get(layer) ?? 8, bitsOf.get(layer) ?? 8, codes),
  };
}
