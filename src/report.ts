import { attentionsOf, kindOf, moduleOf } from './calibrate/attentions.js';
import type { OffsetChoice } from './calibrate/choose-offsets.js';
import { layersIn } from './calibrate/compare-programs.js';
import type { BitChoice } from './calibrate/quantize-mixed.js';
import type { QuantizationReport } from './calibrate/quantize-program.js';
import { decibels } from './calibrate/score.js';
import type { KeySummary } from './calibrate/summarize-keys.js';
import type { Manifest, WrittenPackage } from './codegen/emit-package.js';
import { emitProgram } from './codegen/emit-program.js';
import { countMacs, type MacCount } from './ir/count-macs.js';
import type { Graph } from './ir/graph.js';

export interface ReportModel {
  readonly name: string;
  readonly sourceSha256: string;
  /** What was compiled: quantized, or the float program itself. */
  readonly graph: Graph;
  /** After the canonical pipeline. */
  readonly float: Graph;
  readonly quantization?: QuantizationReport;
}

/** Bytes of one model's weights file and of its arena. */
export interface Sizes {
  readonly weights_bytes: number;
  readonly arena_bytes: number;
}

/** What report.json holds and report.html shows. Decibels are null where nothing was lost or measured: JSON has no infinity. */
export interface Report {
  readonly target: string;
  readonly bits: Manifest['bits'];
  readonly models: readonly ModelReport[];
  readonly attentions: readonly AttentionReport[];
  readonly layers: readonly LayerReport[];
  readonly offsets: readonly OffsetReport[];
  readonly migrations: readonly MigrationReport[];
  readonly outputs: readonly OutputReport[];
  /** Of packages whose layers have bits of their own. */
  readonly bit_choice?: BitChoiceReport;
}

export interface ModelReport extends Sizes {
  readonly name: string;
  readonly source_sha256: string;
  readonly nodes: number;
  /** The same model compiled without quantization; absent where that is what this is. */
  readonly float?: Sizes;
  /** At the largest shapes. */
  readonly macs: readonly MacCount[];
  /** Planned memory over the course of the program, in bytes by node; without each worker's scratch. */
  readonly arena: {
    readonly planned_bytes: number;
    readonly lower_bound_bytes: number;
    readonly live_bytes: readonly number[];
  };
}

export interface SoftmaxReport {
  readonly quantizer: string;
  readonly bits: number;
  readonly tau: number;
  readonly offset: number;
  readonly reference: number;
}

export interface AttentionReport {
  readonly model: string;
  readonly name: string;
  readonly kind: string;
  /** Among all layers and attentions of the model. This and the rest is absent from float builds. */
  readonly place?: number;
  readonly sqnr_db?: number | null;
  readonly own_sqnr_db?: number | null;
  readonly error_share?: number | null;
  readonly bimodal?: boolean;
  readonly flipped_channels?: number;
  /** What was done to the keys. */
  readonly keys?: string;
  readonly keys_refused?: string;
  /** Squared error of the attention's result on the calibration data, by transform. */
  readonly keys_errors?: Readonly<Record<string, number>>;
  readonly key_ranges?: { readonly before: KeySummary; readonly after: KeySummary };
  /** What was done to the values; absent where they could not be changed, or were not tried. */
  readonly values?: string;
  /** Squared error behind the output projection, by transform. */
  readonly values_errors?: Readonly<Record<string, number>>;
  /** Absent where the attention stays in float. `errors` are squared, best first. */
  readonly softmax?: SoftmaxReport & { readonly errors: readonly (SoftmaxReport & { readonly error: number })[] };
}

export interface LayerReport {
  readonly model: string;
  readonly name: string;
  readonly op: string;
  readonly bits: string;
  readonly role: string;
  /** Among all layers and attentions of the model. */
  readonly place: number;
  /** Of its result in the whole quantized program; of a layer in float, what quantizing it alone would have left. */
  readonly sqnr_db: number | null;
  /** Of its result given exact inputs. */
  readonly own_sqnr_db: number | null;
  /** Of what all layers and attentions, each by itself, do to the model's outputs; null where that was not measured. */
  readonly error_share: number | null;
}

export interface OffsetReport extends OffsetChoice {
  readonly model: string;
}

export interface MigrationReport {
  readonly model: string;
  readonly name: string;
  /** 0: nothing moved. */
  readonly strength: number;
  /** Squared error of the layers behind the LayerNorm, by strength. */
  readonly errors: Readonly<Record<string, number>>;
}

export interface OutputReport {
  readonly model: string;
  readonly name: string;
  readonly sqnr_db: number | null;
}

/** Loss of IoU on the calibration prompts. */
export interface DropReport {
  readonly mean: number;
  readonly standard_error: number;
  readonly prompts: number;
  /** Prompts with a true mask; the float models' mask stands in for the others. */
  readonly with_truth: number;
}

/** A package that was built in search of the bits. */
export interface TriedReport {
  readonly weights_bytes: number;
  /** Signal to noise of the outputs, as the layers' own errors add up. */
  readonly predicted_db: number | null;
  readonly drop?: DropReport;
}

export interface BitChoiceReport {
  readonly bound: { readonly max_drop: number } | { readonly max_bytes: number };
  readonly chosen: TriedReport;
  readonly tried: readonly TriedReport[];
  /** Weights with all of these layers at one number of bits. */
  readonly uniform_bytes: Readonly<Record<string, number>>;
  /** Layers that read one tensor have the same bits. */
  readonly groups: readonly {
    readonly model: string;
    readonly layers: readonly string[];
    readonly bits: string;
    /** Of its weights. */
    readonly bytes: number;
    /** By bits: signal to noise of the outputs with only these layers quantized; null: nothing lost. */
    readonly predicted_db: Readonly<Record<string, number | null>>;
  }[];
}

/** Everything that the two reports tell, from one source. */
export function packageReport(
  models: readonly ReportModel[],
  { manifest, plans }: Pick<WrittenPackage, 'manifest' | 'plans'>,
  choice?: BitChoice,
): Report {
  const { bits } = manifest;
  return {
    target: manifest.target,
    bits,
    models: models.map(({ name, sourceSha256, graph, float }, i): ModelReport => {
      const { weights_bytes, arena_bytes, nodes } = manifest.models[i]!;
      const plan = plans[i]!;
      return {
        name,
        source_sha256: sourceSha256,
        nodes,
        weights_bytes,
        arena_bytes,
        ...(bits !== 'f32' && { float: floatSizes(float, manifest.target) }),
        macs: countMacs(graph),
        arena: { planned_bytes: plan.bytes, lower_bound_bytes: plan.lowerBound, live_bytes: plan.liveBytes },
      };
    }),
    attentions: models.flatMap(attentionsReport),
    layers: models.flatMap((model) => layersReport(model, bits)),
    offsets: models.flatMap(({ name: model, quantization }) =>
      (quantization?.offsets ?? []).map((choice) => ({ model, ...choice })),
    ),
    migrations: models.flatMap(({ name: model, quantization }) =>
      (quantization?.migrations ?? []).map(({ name, strength, errors }) => ({ model, name, strength, errors })),
    ),
    outputs: models.flatMap(({ name: model, quantization }) =>
      [...(quantization?.comparison.outputs ?? [])].map(([name, sqnr]) => ({ model, name, sqnr_db: finite(sqnr) })),
    ),
    ...(choice && { bit_choice: bitChoiceReport(choice) }),
  };
}

/** report.json: lists of numbers on one line each. */
export const reportJson = (report: Report): string =>
  `${JSON.stringify(report, null, 2).replace(/\[\n\s+(-?[\d.e+-]+(?:,\n\s+-?[\d.e+-]+)*)\n\s*\]/g, (_, list: string) => `[${list.replace(/,\n\s+/g, ', ')}]`)}\n`;

/** What the float build of a model would take. */
function floatSizes(graph: Graph, target: WrittenPackage['manifest']['target']): Sizes {
  const { weights, arenaBytes } = emitProgram(graph, { name: 'model', target, exact: false });
  return { weights_bytes: weights.bytes(), arena_bytes: arenaBytes };
}

function attentionsReport({ name: model, graph, quantization }: ReportModel): readonly AttentionReport[] {
  if (quantization === undefined)
    return attentionsOf(graph).map((attention) => ({
      model,
      name: moduleOf(attention.source),
      kind: kindOf(graph, attention),
    }));
  return quantization.attentions.map(({ name, kind, keys, values, softmax, summaries, result }) => ({
    model,
    name,
    kind,
    place: result.place,
    sqnr_db: finite(result.sqnrDecibels),
    own_sqnr_db: finite(result.alone?.ownDecibels),
    error_share: result.alone?.share ?? null,
    bimodal: keys.bimodal,
    flipped_channels: keys.flippedChannels,
    keys: keys.transform,
    ...(keys.refused !== undefined && { keys_refused: keys.refused }),
    keys_errors: keys.errors,
    ...(values && { values: values.transform, values_errors: values.errors }),
    ...(summaries && { key_ranges: { before: shortened(summaries.before), after: shortened(summaries.after) } }),
    ...(softmax && {
      softmax: { ...softmax.softmax, errors: softmax.errors.map(({ softmax: tried, error }) => ({ ...tried, error })) },
    }),
  }));
}

function layersReport({ name: model, graph, quantization }: ReportModel, bits: Report['bits']): readonly LayerReport[] {
  if (quantization === undefined) return bits === 'f32' ? [] : keptLayers(model, graph, bits);
  return quantization.layers.map(({ node, role, ownDecibels, result, bits: own }) => ({
    model,
    name: node.source,
    op: node.op,
    bits: bitsName(own),
    role,
    place: result.place,
    sqnr_db: finite(own === undefined ? ownDecibels : result.sqnrDecibels),
    own_sqnr_db: finite(result.alone?.ownDecibels),
    error_share: result.alone?.share ?? null,
  }));
}

/** Of a model that was quantized before: what of it runs on integers. Nothing was measured. */
const keptLayers = (model: string, graph: Graph, bits: Report['bits']): readonly LayerReport[] =>
  layersIn(graph).map(({ node }, place) => ({
    model,
    name: node.source,
    op: node.op.replace('integer_', ''),
    bits: node.op.startsWith('integer_') ? bits : 'f32',
    role: 'given',
    place,
    sqnr_db: null,
    own_sqnr_db: null,
    error_share: null,
  }));

const bitsName = (bits: number | undefined): string => (bits === undefined ? 'f32' : `w${bits}a${bits}`);

function bitChoiceReport({ bound, chosen, tried, uniformBytes, groups }: BitChoice): BitChoiceReport {
  const triedReport = ({ weightsBytes, assignment, drop }: BitChoice['chosen']): TriedReport => ({
    weights_bytes: weightsBytes,
    predicted_db: finite(decibels(1, assignment.error)),
    ...(drop && {
      drop: {
        mean: drop.mean,
        standard_error: drop.standardError,
        prompts: drop.prompts,
        with_truth: drop.withTruth,
      },
    }),
  });
  return {
    bound: 'maxDrop' in bound ? { max_drop: bound.maxDrop } : { max_bytes: bound.maxBytes },
    chosen: triedReport(chosen),
    tried: tried.map(triedReport),
    uniform_bytes: Object.fromEntries([...uniformBytes].map(([bits, bytes]) => [bitsName(bits), bytes] as const)),
    groups: groups.map(({ model, layers, bits, options }) => ({
      model,
      layers: layers.map(({ node }) => node.source),
      bits: bitsName(bits),
      bytes: options.find((option) => option.bits === bits)?.bytes ?? 0,
      predicted_db: Object.fromEntries(
        options.map(({ bits: own, error }) => [bitsName(own), finite(decibels(1, error))] as const),
      ),
    })),
  };
}

const finite = (x: number | undefined): number | null => (x !== undefined && Number.isFinite(x) ? x : null);

const significant = (x: number): number => Number(x.toPrecision(5));

/** Five digits are more than a drawing shows. */
function shortened(keys: KeySummary): KeySummary {
  const { count, min, mean, max } = keys.channels;
  return {
    ...keys,
    shares: keys.shares.map(significant),
    peaks: keys.peaks.map(({ value, density }) => ({ value: significant(value), density: significant(density) })),
    channels: { count, min: min.map(significant), mean: mean.map(significant), max: max.map(significant) },
  };
}
