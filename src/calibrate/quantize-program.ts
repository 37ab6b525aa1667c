import { countMacs } from '../ir/count-macs.js';
import type { Graph, ValueId } from '../ir/graph.js';
import type { QuantizationPlan } from '../passes/insert-quantize.js';
import { type AttentionKind, attentionsOf, kindOf, moduleOf } from './attentions.js';
import type { KeyChoice } from './choose-keys.js';
import { chooseLayers, type LayerChoice, type PrecisionPlan } from './choose-layers.js';
import type { MigrationChoice } from './choose-migration.js';
import type { OffsetChoice } from './choose-offsets.js';
import type { SoftmaxChoice } from './choose-softmax-granularity.js';
import type { ValueChoice } from './choose-values.js';
import { comparePrograms, type LayerComparison, layersIn } from './compare-programs.js';
import { type CodedLayers, correctBias } from './correct-bias.js';
import { layerMoments } from './layer-moments.js';
import {
  type KeySummaries,
  type PassObserver,
  type PreparedProgram,
  type PrepareOptions,
  planOf,
  prepareProgram,
  quantizedGraph,
} from './prepare-program.js';
import { type Contribution, contributions } from './propagate-errors.js';
import { reconstructLayers } from './reconstruct-layers.js';
import { inputGrams, roundWeights } from './round-weights.js';
import type { RunSamples } from './run-samples.js';

/** Whether scales move out of LayerNorms. */
export const SCALE_MODES = ['auto', 'none'] as const;
export type ScaleMode = (typeof SCALE_MODES)[number];
/** Whether constants are taken out of what layers read, below 8 bits. */
export const OFFSET_MODES = ['auto', 'none'] as const;
export type OffsetMode = (typeof OFFSET_MODES)[number];
/** Whether the values of attentions are centred and mixed, below 8 bits. */
export const VALUE_MODES = ['auto', 'none'] as const;
export type ValueMode = (typeof VALUE_MODES)[number];
/** How weights below 8 bits become codes. */
export const ROUNDING_MODES = ['auto', 'nearest', 'second-order', 'reconstruct'] as const;
export type RoundingMode = (typeof ROUNDING_MODES)[number];

export interface QuantizeOptions extends Omit<PrepareOptions, 'migration' | 'offsets' | 'values'> {
  readonly scales: ScaleMode;
  readonly offsets: OffsetMode;
  readonly values: ValueMode;
  readonly rounding: RoundingMode;
  readonly onPass?: PassObserver;
}

/** Where a layer or an attention stands among all of them, and what became of its result. */
export interface LayerResult {
  readonly place: number;
  /** In the whole quantized program; undefined where it stayed in float. */
  readonly sqnrDecibels: number | undefined;
  /** What it does by itself, all else exact; undefined where it stayed in float. */
  readonly alone: Contribution | undefined;
}

/** What was decided and what it cost, for report.json. */
export interface QuantizationReport {
  readonly attentions: readonly {
    readonly name: string;
    readonly kind: AttentionKind;
    readonly keys: KeyChoice;
    /** Undefined where the values were left alone. */
    readonly values: ValueChoice | undefined;
    readonly softmax: SoftmaxChoice | undefined;
    readonly summaries: KeySummaries | undefined;
    readonly result: LayerResult;
  }[];
  /** Constants taken out of what layers read. */
  readonly offsets: readonly OffsetChoice[];
  /** Scales moved from LayerNorms into the layers behind them. */
  readonly migrations: readonly MigrationChoice[];
  /** With the bits of weights and input; none in float. */
  readonly layers: readonly (LayerChoice & { readonly bits?: number; readonly result: LayerResult })[];
  readonly comparison: { readonly layers: readonly LayerComparison[]; readonly outputs: ReadonlyMap<string, number> };
}

/**
 * Multiply-accumulates of the float programs that a report runs. It decides nothing: of costly models it takes fewer samples,
 * and a model of more products than this is not measured layer by layer.
 */
const REPORT_MACS = 2 ** 41;

const reportSamples = (graph: Graph, limit: number): number =>
  Math.min(
    limit,
    Math.floor(REPORT_MACS / countMacs(graph).reduce((sum, { integer, float }) => sum + integer + float, 1)),
  );

/** Samples that each layer's part in the error is measured on: it is a share, and every layer costs half a program. */
const CONTRIBUTION_SAMPLES = 4;

type Comparison = QuantizationReport['comparison'];

const NOT_COMPARED: Comparison = { layers: [], outputs: new Map() };

/**
 * Compares a quantized program with the prepared one that it was made of, as a whole and layer by layer.
 *
 * @param known their comparison, where it has been made
 */
export async function reportOn(
  { graph, softmaxes, offsets, migrations, values, keys, summaries }: PreparedProgram,
  choices: readonly LayerChoice[],
  plan: QuantizationPlan,
  quantized: Graph,
  run: RunSamples,
  limit: number,
  known?: Comparison,
): Promise<QuantizationReport> {
  // With the float program as it was transformed, which equals the model's: moved keys compare with moved keys.
  const samples = reportSamples(graph, limit);
  const comparison = known ?? (samples > 0 ? await comparePrograms(graph, quantized, run, samples) : NOT_COMPARED);
  const measured = new Map(comparison.layers.map(({ key, sqnrDecibels }) => [key, sqnrDecibels] as const));
  const alone: ReadonlyMap<ValueId, Contribution> =
    samples > 0 ? await contributions(graph, plan, run, Math.min(samples, CONTRIBUTION_SAMPLES)) : new Map();
  const results = new Map(
    layersIn(graph).map(
      (
        {
          key,
          node: {
            results: [result],
          },
        },
        place,
      ): [ValueId, LayerResult] => [result!, { place, sqnrDecibels: measured.get(key), alone: alone.get(result!) }],
    ),
  );
  return {
    attentions: attentionsOf(graph).map((attention, i) => ({
      name: moduleOf(attention.source),
      kind: kindOf(graph, attention),
      keys: keys[i]!,
      values: values.get(i),
      softmax: softmaxes.get(attention.results[0]!),
      summaries: summaries[i],
      result: results.get(attention.results[0]!)!,
    })),
    offsets,
    migrations,
    layers: choices.map((choice) => {
      const layer = choice.node.results[0]!;
      const bits = plan.layers.get(layer)?.bits;
      return { ...choice, ...(bits !== undefined && { bits }), result: results.get(layer)! };
    }),
    comparison,
  };
}

/**
 * Quantizes a program by what its calibration samples show: transforms the keys, chooses the coding of each softmax and
 * the layers that run on integers, inserts the integer ops and fuses them.
 *
 * @throws for constant, NaN or infinite activations or weights, naming the tensor
 */
export async function quantizeProgram(
  float: Graph,
  run: RunSamples,
  options: QuantizeOptions,
): Promise<{ readonly graph: Graph; readonly report: QuantizationReport }> {
  const { precision, trialSamples: limit, onPass } = options;
  // At 8 bits the others gain too little for what it takes to find them.
  const few = precision.activationBits < 8;
  const prepared = await prepareProgram(float, run, {
    ...options,
    migration: options.scales === 'auto' ? precision : undefined,
    offsets: few && options.offsets === 'auto',
    values: few && options.values === 'auto',
  });
  const { graph, profile } = prepared;
  const { choices, plans } = await chooseLayers(graph, profile, run, { precision, limit });
  const { plan, comparison } = await roundedPlan(prepared, plans, options.rounding, run, limit);
  const quantized = quantizedGraph(graph, plan, onPass);
  return { graph: quantized, report: await reportOn(prepared, choices, plan, quantized, run, limit, comparison) };
}

/**
 * A program's plan, with the weights of layers below 8 bits rounded; or that of the ways to round them whose program's
 * outputs are nearest to the float ones.
 */
async function roundedPlan(
  prepared: PreparedProgram,
  plans: readonly PrecisionPlan[],
  mode: RoundingMode,
  run: RunSamples,
  limit: number,
): Promise<{ readonly plan: QuantizationPlan; readonly comparison?: Comparison }> {
  const { graph } = prepared;
  const planFrom = (rounded: QuantizationPlan['layers']): QuantizationPlan =>
    planOf(
      prepared,
      new Map([...plans.flatMap(({ layers }) => [...layers]), ...rounded]),
      (layer) => plans.find(({ layers }) => layers.has(layer))!.precision,
    );
  const nearest = planFrom(new Map());
  const few = new Map(plans.filter(({ precision }) => precision.weightBits < 8).flatMap(({ layers }) => [...layers]));
  if (mode === 'nearest' || few.size === 0) return { plan: nearest };
  const coded: CodedLayers = { layers: few, codesOf: (x) => nearest.activations.get(x)! };
  const ways = {
    'second-order': () => refined(graph, coded, run, limit),
    reconstruct: () => reconstructed(graph, coded, run, limit),
  };
  if (mode !== 'auto') return { plan: planFrom(await ways[mode]()) };
  const samples = Math.max(1, reportSamples(graph, limit));
  const tried = async (way: () => Promise<QuantizationPlan['layers']>) => {
    const plan = planFrom(await way());
    const comparison = await comparePrograms(graph, quantizedGraph(graph, plan), run, samples);
    return { plan, comparison, score: [...comparison.outputs.values()].reduce((sum, value) => sum + value, 0) };
  };
  const [first, second] = [await tried(ways.reconstruct), await tried(ways['second-order'])];
  return first.score >= second.score ? first : second;
}

/** Layers with their weights rounded and their biases corrected by what the samples show. */
async function refined(
  graph: Graph,
  { layers, codesOf }: CodedLayers,
  run: RunSamples,
  limit: number,
): Promise<QuantizationPlan['layers']> {
  const rounded = roundWeights(graph, layers, await inputGrams(graph, layers, run, limit));
  const [corrected] = await correctBias(graph, [{ layers: rounded, codesOf }], run, limit);
  return corrected!;
}

/** Layers reconstructed from the codes that they read. */
async function reconstructed(
  graph: Graph,
  { layers, codesOf }: CodedLayers,
  run: RunSamples,
  limit: number,
): Promise<QuantizationPlan['layers']> {
  return reconstructLayers(graph, layers, await layerMoments(graph, layers, codesOf, run, limit));
}
