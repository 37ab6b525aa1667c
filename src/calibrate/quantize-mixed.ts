import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TargetName } from '../codegen/targets.js';
import { decodeNpy } from '../npy.js';
import { type CalibrationFolder, readCalibrationFolder } from '../prompts.js';
import { describeSam } from '../sam.js';
import type { Assignment } from './assign-bits.js';
import { type BitBound, BoundError, type TriedAssignment, underBytes, underDrop } from './choose-bits.js';
import { exampleMasks, givesMasks, type Pictures } from './example-masks.js';
import { LAYER_BITS, type LayerBits, type MixedOptions, type MixedProgram, mixedProgram } from './layer-bits.js';
import { type DropMeter, openDropMeter } from './measure-drop.js';
import { type ChosenProgram, type MixedModel, mixedPackage, type PackageGroup } from './mixed-package.js';
import { precisionOf } from './precision.js';
import { prepareProgram, quantizedGraph } from './prepare-program.js';
import type { FloatModel, QuantizedModel, QuantizeModelsOptions } from './quantize-package.js';
import { reportOn } from './quantize-program.js';
import { openHostRunner } from './run-on-host.js';
import type { RunSamples } from './run-samples.js';
import { type EncodedPictures, samplesFor, trialSamplesFor, writeEmbeddings } from './samples.js';
import { decibels } from './score.js';
import { openKernelObjects } from './trial-program.js';

/** Attentions have no weights: nothing gets smaller below 8 bits. */
const ATTENTION_BITS = 8;
/** Scales of LayerNorms move as they should at the bits in the middle. */
const MIGRATION_BITS = 6;
/** The embeddings' error is followed through the decoder at a size at which most encoders leave it. */
const EMBEDDING_BITS = 6;

export interface MixedModelsOptions extends Omit<QuantizeModelsOptions, 'bits'> {
  readonly bound: BitBound;
  /** Packing differs a little between targets. */
  readonly target: TargetName;
}

/** What was chosen between, for the report. */
export interface BitChoice {
  readonly bound: BitBound;
  readonly chosen: TriedAssignment;
  /** In the order they were built. */
  readonly tried: readonly TriedAssignment[];
  /** Bytes of the package's weights with all of these layers at one number of bits. */
  readonly uniformBytes: ReadonlyMap<LayerBits, number>;
  readonly groups: readonly (PackageGroup & { readonly bits: LayerBits | undefined })[];
}

/** A model ready for its bits, and what runs its trials. */
interface Prepared extends MixedModel {
  readonly float: FloatModel;
  readonly run: RunSamples;
  readonly limit: number;
}

type SamPair = Parameters<typeof exampleMasks>[0];

/** The pair of a package, where its masks can be measured on the folder's pictures. */
interface MeasuredPair {
  readonly sam: SamPair;
  readonly encoder: FloatModel;
  readonly decoder: FloatModel;
  readonly folder: Pictures;
}

function measuredPair(models: readonly FloatModel[], folder: CalibrationFolder): MeasuredPair | undefined {
  const described = models.map((model) => ({ model, sam: describeSam(model.graph) }));
  const encoder = described.find(({ sam }) => sam.role === 'encoder');
  const decoder = described.find(({ sam }) => sam.role === 'decoder');
  if (encoder?.sam.role !== 'encoder' || decoder?.sam.role !== 'decoder') return undefined;
  if (folder.kind !== 'pictures' || !givesMasks(decoder.sam, decoder.model.graph)) return undefined;
  return {
    sam: { encoder: encoder.sam, decoder: decoder.sam },
    encoder: encoder.model,
    decoder: decoder.model,
    folder,
  };
}

/**
 * Quantizes the models of a package, each layer at the bits that keep a bound on the whole package at least cost: on the drop
 * of its masks, with the fewest bytes; or on its bytes, with the least error. A decoder is calibrated on the embeddings of
 * the float encoder.
 *
 * @throws BoundError for a bound that cannot be kept or measured, and what `quantizeModels` throws
 */
export async function quantizeMixed(
  models: readonly FloatModel[],
  options: MixedModelsOptions,
): Promise<{ readonly models: readonly QuantizedModel[]; readonly choice: BitChoice }> {
  const folder = await readCalibrationFolder(options.calibration);
  const pair = measuredPair(models, folder);
  if ('maxDrop' in options.bound && pair === undefined)
    throw new BoundError(
      '--max-drop is measured on masks: it needs an encoder and a decoder with masks and iou_predictions, and pictures to calibrate on; bound other models with --max-bytes',
    );
  const scratch = await mkdtemp(join(tmpdir(), 'sam-qc-mixed-'));
  const disposals: (() => Promise<void>)[] = [() => rm(scratch, { recursive: true, force: true })];
  try {
    const objects = await openKernelObjects(join(scratch, 'kernels'));
    const place = { scratch, objects };
    let embeddings: EncodedPictures | undefined;
    const prepared: Prepared[] = [];
    for (const { model, sam } of encodersFirst(models)) {
      const samples = await samplesFor(model, sam, folder, embeddings);
      const { run, dispose } = await openHostRunner(samples, objects, (label, done, total) =>
        options.onProgress?.(`${model.name}: ${label}`, done, total),
      );
      disposals.push(dispose);
      const limit = trialSamplesFor(sam);
      const input =
        sam.role === 'decoder' && embeddings ? await embeddingInput(embeddings, sam.features[0]!) : undefined;
      const program = await programOf(model, run, limit, options, input);
      prepared.push({ name: model.name, role: sam.role, float: model, program, run, limit });
      if (sam.role === 'encoder' && folder.kind === 'pictures' && models.length > 1)
        embeddings = await writeEmbeddings(model.graph, sam, run, folder.pictures, join(scratch, 'float'));
    }
    const onProgress = options.onProgress ?? (() => {});
    const meter =
      pair &&
      embeddings &&
      (await openDropMeter(pair.sam, { decoder: pair.decoder.graph, embeddings }, pair.folder, place, onProgress));
    const { choice, programs } = await choose(prepared, meter, options);
    const results = new Map<FloatModel, QuantizedModel>();
    for (const [i, own] of prepared.entries()) results.set(own.float, await finished(own, programs[i]!, options));
    const examples =
      pair &&
      (await exampleMasks(
        pair.sam,
        { encoder: pair.encoder.graph, decoder: pair.decoder.graph, ...(embeddings && { embeddings }) },
        { encoder: results.get(pair.encoder)!.graph, decoder: results.get(pair.decoder)!.graph },
        pair.folder,
        place,
        onProgress,
      ));
    return {
      models: models.map((model) => ({
        ...results.get(model)!,
        ...(examples && model === pair?.decoder && { examples }),
      })),
      choice,
    };
  } finally {
    for (const dispose of disposals) await dispose();
  }
}

const encodersFirst = (models: readonly FloatModel[]) =>
  models
    .map((model) => ({ model, sam: describeSam(model.graph) }))
    .sort((a, b) => Number(a.sam.role !== 'encoder') - Number(b.sam.role !== 'encoder'));

async function programOf(
  { graph }: FloatModel,
  run: RunSamples,
  limit: number,
  { observer, steps, keys, scales, clip, softmax }: MixedModelsOptions,
  input: MixedOptions['input'],
): Promise<MixedProgram> {
  const codes = { observer, steps };
  const precision = precisionOf(ATTENTION_BITS, ATTENTION_BITS, codes);
  const migration = scales === 'auto' ? precisionOf(MIGRATION_BITS, MIGRATION_BITS, codes) : undefined;
  const prepared = await prepareProgram(graph, run, {
    precision,
    migration,
    // Attentions stay at 8 bits, and what layers read is not yet known in bits.
    offsets: false,
    values: false,
    keys,
    clip,
    softmax,
    trialSamples: limit,
  });
  return mixedProgram(prepared, run, { codes, limit, ...(input && { input }) });
}

/** The embeddings, a decoder's input `name`, at few bits over their whole range. */
async function embeddingInput(embeddings: EncodedPictures, name: string): Promise<MixedOptions['input']> {
  let largest = 0;
  for (const files of embeddings.values()) {
    const path = files.get(name)!;
    for (const value of decodeNpy(await readFile(path), path).data as Float32Array)
      largest = Math.max(largest, Math.abs(value));
  }
  const zeroPoint = 2 ** (EMBEDDING_BITS - 1);
  return {
    name,
    quant: { scale: Math.fround(largest / (zeroPoint - 1)), zeroPoint, bits: EMBEDDING_BITS },
  };
}

/** The assignment that keeps the bound, what else was built on the way, and its programs. */
async function choose(
  prepared: readonly Prepared[],
  meter: DropMeter | undefined,
  { bound, observer, steps, target }: MixedModelsOptions,
): Promise<{ readonly choice: BitChoice; readonly programs: readonly ChosenProgram[] }> {
  const { groups, front, uniform, bitsOf, build, weigh } = mixedPackage(prepared, { observer, steps }, target);
  const graphOf = (programs: readonly ChosenProgram[], role: MixedModel['role']) =>
    programs[prepared.findIndex((model) => model.role === role)]!.graph;
  const dropOf = async (own: DropMeter, assignment: Assignment) => {
    const programs = build(assignment);
    const drop = await own.measure(graphOf(programs, 'encoder'), graphOf(programs, 'decoder'));
    return { assignment, weightsBytes: weigh(programs), drop };
  };
  const search = async (): Promise<{ chosen: TriedAssignment; tried: readonly TriedAssignment[] }> => {
    if ('maxDrop' in bound && meter)
      return underDrop(front, bound.maxDrop, uniform(8).error, (assignment) => dropOf(meter, assignment));
    const most = 'maxBytes' in bound ? bound.maxBytes : Number.POSITIVE_INFINITY;
    const found = underBytes(front, most, (assignment) => weigh(build(assignment)));
    const chosen = meter ? await dropOf(meter, found.assignment) : { ...found, drop: undefined };
    return { chosen, tried: [chosen] };
  };
  const { chosen, tried } = await search();
  const bits = bitsOf(chosen.assignment);
  // What the sizes of assignments do not count is the same in all of them, but for padding.
  const fixed = chosen.weightsBytes - chosen.assignment.bytes;
  return {
    choice: {
      bound,
      chosen,
      tried,
      uniformBytes: new Map(LAYER_BITS.map((own) => [own, uniform(own).bytes + fixed] as const)),
      groups: groups.map((group, i) => ({ ...group, bits: bits[i] })),
    },
    programs: build(chosen.assignment),
  };
}

async function finished(
  { float, program, run, limit }: Prepared,
  { plan, graph }: ChosenProgram,
  { onPass }: MixedModelsOptions,
): Promise<QuantizedModel> {
  const { prepared, candidates, ownNoise } = program;
  const choices = candidates.map(({ node, role }) => {
    const [result] = node.results;
    const noise = ownNoise.get(result!);
    const own = noise === undefined ? undefined : decibels(1, noise);
    return { node, role, ...(own !== undefined && { ownDecibels: own }), quantized: plan.layers.has(result!) };
  });
  if (onPass) quantizedGraph(prepared.graph, plan, (pass, after) => onPass(float.name, pass, after));
  return { ...float, graph, report: await reportOn(prepared, choices, plan, graph, run, limit) };
}
