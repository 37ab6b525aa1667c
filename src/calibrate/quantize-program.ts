import { type Graph, type ValueId, valueOf } from '../ir/graph.js';
import type { Quantization } from '../ir/types.js';
import { insertQuantize, type QuantizationPlan } from '../passes/insert-quantize.js';
import { lowerToInteger } from '../passes/lower-to-integer.js';
import { mergeDuplicates } from '../passes/merge-duplicates.js';
import { type Pass, runPipeline } from '../passes/pass.js';
import { ATTENTION } from '../passes/scale-query-key.js';
import { type AttentionKind, attentionsOf, kindOf, moduleOf } from './attentions.js';
import { chooseKeys, type KeyChoice } from './choose-keys.js';
import { chooseLayers, type LayerChoice } from './choose-layers.js';
import { chooseMigration, type MigrationChoice } from './choose-migration.js';
import { chooseSoftmaxGranularity, type SoftmaxChoice, type SoftmaxMode } from './choose-softmax-granularity.js';
import { comparePrograms, type LayerComparison, layersIn } from './compare-programs.js';
import { correctBias } from './correct-bias.js';
import type { KeyMode } from './key-transforms.js';
import { activationQuant, type Precision } from './precision.js';
import { instrument, observedValues, type Profile, profileCollector } from './profile.js';
import { roundWeights } from './round-weights.js';
import type { RunSamples } from './run-samples.js';
import { channelOrders, type KeySummary, summarizeKeys } from './summarize-keys.js';

export interface QuantizeOptions {
  readonly precision: Precision;
  readonly keys: KeyMode;
  readonly softmax: SoftmaxMode;
  /** Samples that the choices are measured on; ranges are taken from all. */
  readonly trialSamples: number;
  readonly onPass?: (pass: string, graph: Graph) => void;
}

/** Where a layer or an attention stands among all of them, and what became of its result. */
export interface LayerResult {
  readonly place: number;
  /** In the whole quantized program; undefined where it stayed in float. */
  readonly sqnrDecibels: number | undefined;
}

/** What was decided and what it cost, for report.json. */
export interface QuantizationReport {
  readonly attentions: readonly {
    readonly name: string;
    readonly kind: AttentionKind;
    readonly keys: KeyChoice;
    readonly softmax: SoftmaxChoice | undefined;
    /** The keys as calibration saw them, before their transform and after it. */
    readonly summaries: { readonly before: KeySummary; readonly after: KeySummary } | undefined;
    readonly result: LayerResult;
  }[];
  /** Scales moved from LayerNorms into the layers behind them. */
  readonly migrations: readonly MigrationChoice[];
  readonly layers: readonly (LayerChoice & { readonly result: LayerResult })[];
  readonly comparison: { readonly layers: readonly LayerComparison[]; readonly outputs: ReadonlyMap<string, number> };
}

async function profileOf(graph: Graph, run: RunSamples): Promise<Profile> {
  const values = observedValues(graph);
  const keys = new Set(attentionsOf(graph).map(({ operands }) => operands[ATTENTION.k]!));
  const collector = profileCollector(values, keys);
  await run(instrument(graph, values), 'ranges', collector.add);
  return collector.finish();
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
  let graph = float;
  let migrations: readonly MigrationChoice[] = [];
  let profile = await profileOf(graph, run);
  // At 8 bits uneven channels of a LayerNorm cost next to nothing.
  if (precision.activationBits < 8) {
    const migrated = await chooseMigration(graph, profile, run, { precision, limit });
    if (migrated.choices.some(({ strength }) => strength > 0)) {
      graph = migrated.graph;
      profile = await profileOf(graph, run);
    }
    migrations = migrated.choices;
  }
  const orders = channelOrders(graph, profile);
  const keysBefore = summarizeKeys(graph, profile, orders);
  const keyed = await chooseKeys(graph, profile, run, { mode: options.keys, precision, limit });
  if (keyed.choices.some(({ transform }) => transform !== 'none')) {
    graph = keyed.graph;
    profile = await profileOf(graph, run);
  }

  const softmaxes = await chooseSoftmaxGranularity(graph, profile, run, { mode: options.softmax, precision, limit });
  const { choices, layers: nearest } = await chooseLayers(graph, profile, run, { precision, limit });
  const rounded = precision.weightBits < 8 ? await roundWeights(graph, nearest, run, limit) : nearest;
  const layers =
    precision.weightBits < 8 ? await correctBias(graph, rounded, profile, run, { precision, limit }) : rounded;
  const plan: QuantizationPlan = {
    layers,
    softmaxes: new Map([...softmaxes].map(([value, choice]) => [value, choice.softmax] as const)),
    activations: activationsOf(graph, profile, layers, softmaxes, precision),
  };
  const passes: readonly Pass[] = [
    { name: 'insert-quantize', run: (program) => insertQuantize(program, plan) },
    mergeDuplicates,
    { name: 'lower-to-integer', run: lowerToInteger },
  ];
  const quantized = runPipeline(graph, passes, { dumpAfter: 'all', ...(onPass && { onDump: onPass }) });
  // With the float program as it was transformed, which equals `float`: moved keys compare with moved keys.
  const comparison = await comparePrograms(graph, quantized, run, limit);
  const measured = new Map(comparison.layers.map(({ key, sqnrDecibels }) => [key, sqnrDecibels] as const));
  const results = new Map(
    layersIn(graph).map(({ key, node }, place): [ValueId, LayerResult] => [
      node.results[0]!,
      { place, sqnrDecibels: measured.get(key) },
    ]),
  );
  const keysAfter = summarizeKeys(graph, profile, orders);
  return {
    graph: quantized,
    report: {
      attentions: attentionsOf(graph).map((attention, i) => ({
        name: moduleOf(attention.source),
        kind: kindOf(graph, attention),
        keys: keyed.choices[i]!,
        softmax: softmaxes.get(attention.results[0]!),
        summaries: bothOf(keysBefore[i], keysAfter[i]),
        result: results.get(attention.results[0]!)!,
      })),
      migrations,
      layers: choices.map((choice) => ({ ...choice, result: results.get(choice.node.results[0]!)! })),
      comparison,
    },
  };
}

const bothOf = <T>(before: T | undefined, after: T | undefined): { before: T; after: T } | undefined =>
  before !== undefined && after !== undefined ? { before, after } : undefined;

/** Quantizations of the activations that quantized layers and attentions read. */
function activationsOf(
  graph: Graph,
  profile: Profile,
  layers: QuantizationPlan['layers'],
  softmaxes: ReadonlyMap<ValueId, unknown>,
  precision: Precision,
): ReadonlyMap<ValueId, Quantization> {
  const read = graph.nodes.flatMap((node) => {
    if (layers.has(node.results[0]!)) return [node.operands[0]!];
    return softmaxes.has(node.results[0]!) ? (node.operands.slice(0, 3) as ValueId[]) : [];
  });
  return new Map(
    [...new Set(read)].map((value) => {
      const seen = profile.get(value);
      if (seen === undefined) throw new Error(`value ${valueOf(graph, value).name} was not profiled`);
      return [value, activationQuant(valueOf(graph, value).name, seen, precision)] as const;
    }),
  );
}
