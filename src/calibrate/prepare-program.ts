import { type Graph, type Node, type ValueId, valueOf } from '../ir/graph.js';
import { type ActivationCodes, insertQuantize, type QuantizationPlan } from '../passes/insert-quantize.js';
import { lowerToInteger } from '../passes/lower-to-integer.js';
import { mergeDuplicates } from '../passes/merge-duplicates.js';
import { type Pass, runPipeline } from '../passes/pass.js';
import { ATTENTION } from '../passes/scale-query-key.js';
import { attentionsOf } from './attentions.js';
import { type ClipChoice, type ClipMode, chooseClips } from './choose-clips.js';
import { chooseKeys, type KeyChoice } from './choose-keys.js';
import { chooseMigration, type MigrationChoice } from './choose-migration.js';
import { centerInputs, liftAddends, type OffsetChoice } from './choose-offsets.js';
import { chooseSoftmaxGranularity, type SoftmaxChoice, type SoftmaxMode } from './choose-softmax-granularity.js';
import { chooseValues, type ValueChoice } from './choose-values.js';
import { type KeptAttentions, planKept, withKeptOutputs } from './kept-attentions.js';
import type { KeyMode } from './key-transforms.js';
import { activationQuant, type Precision } from './precision.js';
import { instrument, observedValues, type Profile, profileCollector } from './profile.js';
import type { RunSamples } from './run-samples.js';
import { channelOrders, type KeySummary, summarizeKeys } from './summarize-keys.js';

export interface PrepareOptions {
  /** Of the attentions, and of the layers that candidates for keys are tried with. */
  readonly precision: Precision;
  /** Of the layers behind LayerNorms whose scales may move; undefined: nothing moves. */
  readonly migration: Precision | undefined;
  readonly keys: KeyMode;
  readonly clip: ClipMode;
  readonly softmax: SoftmaxMode;
  /** Whether constants may be taken out of what layers read. */
  readonly offsets: boolean;
  /** Whether the values of attentions may be changed. */
  readonly values: boolean;
  /** Samples that the choices are measured on; ranges are taken from all. */
  readonly trialSamples: number;
}

export type PassObserver = (pass: string, graph: Graph) => void;

/** The keys of an attention as calibration saw them, before their transform and after it. */
export interface KeySummaries {
  readonly before: KeySummary;
  readonly after: KeySummary;
}

/** `votes`: with the test of two peaks for keys, which takes a while. */
async function profileOf(
  graph: Graph,
  run: RunSamples,
  { kept, votes = false }: { readonly kept?: KeptAttentions; readonly votes?: boolean } = {},
): Promise<Profile> {
  const values = observedValues(graph);
  const keys = new Set(votes ? attentionsOf(graph).map(({ operands }) => operands[ATTENTION.k]!) : []);
  const collector = profileCollector(values, keys);
  const instrumented = instrument(graph, values);
  const program = kept ? withKeptOutputs(instrumented, graph, kept) : instrumented;
  return collector.over((add, summed) =>
    run(program, 'ranges', add, undefined, { summed, ...(kept && { kept: kept.values }) }),
  );
}

/** A float program as it is about to be quantized: its exact transforms are folded, its attentions are decided. */
export interface PreparedProgram {
  readonly graph: Graph;
  readonly profile: Profile;
  /** Codes of queries and keys that span less than the observer's range. */
  readonly clipped: ReadonlyMap<ValueId, ActivationCodes>;
  readonly softmaxes: ReadonlyMap<ValueId, SoftmaxChoice>;
  /** Of the attentions. */
  readonly precision: Precision;
  readonly offsets: readonly OffsetChoice[];
  readonly migrations: readonly MigrationChoice[];
  /** By the attention's place. */
  readonly values: ReadonlyMap<number, ValueChoice>;
  readonly keys: readonly KeyChoice[];
  readonly clips: readonly ClipChoice[];
  readonly summaries: readonly (KeySummaries | undefined)[];
}

/**
 * Decides by calibration samples what does not depend on the bits of single layers: transforms the keys, moves scales and
 * chooses the coding of each softmax.
 *
 * @throws for constant, NaN or infinite activations or weights, naming the tensor
 */
export async function prepareProgram(float: Graph, run: RunSamples, options: PrepareOptions): Promise<PreparedProgram> {
  const { precision, migration, trialSamples: limit } = options;
  let graph = float;
  let migrations: readonly MigrationChoice[] = [];
  const kept = planKept(graph, limit);
  let profile = await profileOf(graph, run, { kept, votes: true });
  // Until keys are chosen nothing changes them in exact arithmetic.
  const orders = channelOrders(graph, profile);
  const before = summarizeKeys(graph, profile, orders);
  const votes = attentionsOf(graph).map(({ operands }) => profile.get(operands[ATTENTION.k]!)?.bimodality);
  const offsets: OffsetChoice[] = [];
  for (const takeOut of options.offsets ? [liftAddends, centerInputs] : []) {
    const { graph: without, choices } = await takeOut(graph, profile, run, { precision, limit });
    if (choices.some(({ taken }) => taken)) {
      graph = without;
      profile = await profileOf(graph, run);
    }
    offsets.push(...choices);
  }
  // The values that are kept stay what they are: scales move between what comes before them.
  if (migration !== undefined) {
    const migrated = await chooseMigration(graph, profile, run, { precision: migration, limit });
    if (migrated.choices.some(({ strength }) => strength > 0)) {
      graph = migrated.graph;
      profile = await profileOf(graph, run);
    }
    migrations = migrated.choices;
  }
  let values: ReadonlyMap<number, ValueChoice> = new Map();
  if (options.values) {
    const valued = await chooseValues(graph, profile, run, { precision, limit, kept });
    if ([...valued.choices.values()].some(({ transform }) => transform !== 'none')) {
      graph = valued.graph;
      profile = await profileOf(graph, run, { kept });
    }
    values = valued.choices;
  }
  const keyed = await chooseKeys(graph, profile, run, { mode: options.keys, precision, limit, kept, votes });
  graph = keyed.graph;
  profile = keyed.profile ?? (await profileOf(graph, run, { votes: true }));
  const known = { precision, limit, kept: keyed.kept };
  const { choices: clips, codes: clipped } = await chooseClips(graph, profile, run, { mode: options.clip, ...known });
  const search = { mode: options.softmax, clipped, ...known };
  const softmaxes = await chooseSoftmaxGranularity(graph, profile, run, search);
  const after = summarizeKeys(graph, profile, orders);
  const summaries = keyed.choices.map((_, i) => bothOf(before[i], after[i]));
  return {
    graph,
    profile,
    clipped,
    softmaxes,
    precision,
    offsets,
    migrations,
    values,
    keys: keyed.choices,
    clips,
    summaries,
  };
}

/** What calibration decided about a prepared program, once its layers have their bits. */
export const planOf = (
  { graph, profile, clipped, softmaxes, precision }: PreparedProgram,
  layers: QuantizationPlan['layers'],
  precisionOf: (layer: ValueId) => Precision,
): QuantizationPlan => ({
  layers,
  softmaxes: new Map([...softmaxes].map(([value, choice]) => [value, choice.softmax] as const)),
  activations: new Map([
    ...activationsOf(graph, profile, ({ results: [result] }) => {
      if (layers.has(result!)) return precisionOf(result!);
      return softmaxes.has(result!) ? precision : undefined;
    }),
    ...clipped,
  ]),
});

/** The integer program that a plan makes of a prepared one. */
export function quantizedGraph(graph: Graph, plan: QuantizationPlan, onPass?: PassObserver): Graph {
  const passes: readonly Pass[] = [
    { name: 'insert-quantize', run: (program) => insertQuantize(program, plan) },
    mergeDuplicates,
    { name: 'lower-to-integer', run: lowerToInteger },
  ];
  return runPipeline(graph, passes, { dumpAfter: 'all', ...(onPass && { onDump: onPass }) });
}

const bothOf = (before: KeySummary | undefined, after: KeySummary | undefined): KeySummaries | undefined =>
  before !== undefined && after !== undefined ? { before, after } : undefined;

/** Quantizations of the activations that quantized layers and attentions read; the finest where readers differ. */
function activationsOf(
  graph: Graph,
  profile: Profile,
  precisionOf: (node: Node) => Precision | undefined,
): ReadonlyMap<ValueId, ActivationCodes> {
  const read = new Map<ValueId, Precision>();
  for (const node of graph.nodes) {
    const precision = precisionOf(node);
    if (precision === undefined) continue;
    for (const value of node.operands.slice(0, node.op === 'attention' ? 3 : 1) as ValueId[]) {
      const other = read.get(value);
      if (other === undefined || other.activationBits < precision.activationBits) read.set(value, precision);
    }
  }
  return new Map(
    [...read].map(([value, precision]) => {
      const seen = profile.get(value);
      if (seen === undefined) throw new Error(`value ${valueOf(graph, value).name} was not profiled`);
      return [value, activationQuant(valueOf(graph, value).name, seen, precision)] as const;
    }),
  );
}
