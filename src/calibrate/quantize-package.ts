import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Graph } from '../ir/graph.js';
import { readCalibrationFolder } from '../prompts.js';
import { describeSam } from '../sam.js';
import { openTemporaryFolder } from '../temporary-folder.js';
import type { ClipMode } from './choose-clips.js';
import type { SoftmaxMode } from './choose-softmax-granularity.js';
import { type ExampleMask, exampleMasks } from './example-masks.js';
import type { KeyMode } from './key-transforms.js';
import type { Observer } from './observers.js';
import { precisionOf, type StepMode } from './precision.js';
import {
  type OffsetMode,
  type QuantizationReport,
  quantizeProgram,
  type RoundingMode,
  type ScaleMode,
  type ValueMode,
} from './quantize-program.js';
import { openHostRunner, type Progress } from './run-on-host.js';
import { type EncodedPictures, samplesFor, trialSamplesFor, writeEmbeddings } from './samples.js';
import { openKernelObjects } from './trial-program.js';

export interface FloatModel {
  readonly name: string;
  readonly file: string;
  /** After the canonical pipeline. */
  readonly graph: Graph;
  /** The integer program of a model that was quantized before: it stays as it is. */
  readonly kept?: Graph | undefined;
}

export interface QuantizedModel extends FloatModel {
  /** Absent where the model was quantized before. */
  readonly report?: QuantizationReport;
  /** Of a decoder that was calibrated on pictures beside its encoder. */
  readonly examples?: readonly ExampleMask[];
}

export interface QuantizeModelsOptions {
  /** Bits of weights and activations. */
  readonly bits: { readonly weights: number; readonly activations: number };
  readonly calibration: string;
  readonly keys: KeyMode;
  readonly values: ValueMode;
  readonly scales: ScaleMode;
  readonly offsets: OffsetMode;
  readonly clip: ClipMode;
  readonly rounding: RoundingMode;
  readonly softmax: SoftmaxMode;
  readonly observer: Observer;
  readonly steps: StepMode;
  readonly onProgress?: Progress;
  readonly onPass?: (model: string, pass: string, graph: Graph) => void;
}

/**
 * Quantizes the models of a package. Encoders come first: a decoder is calibrated on the embeddings of the quantized
 * encoder beside it, and the prompts of the calibration folder.
 *
 * @throws for a folder without samples, a model that nothing there fits, and what `quantizeProgram` throws
 */
export async function quantizeModels(
  models: readonly FloatModel[],
  options: QuantizeModelsOptions,
): Promise<readonly QuantizedModel[]> {
  const folder = await readCalibrationFolder(options.calibration);
  const { path: scratch, remove } = await openTemporaryFolder(join(tmpdir(), 'sam-qc-embeddings-'));
  const results = new Map<FloatModel, QuantizedModel>();
  let embeddings: EncodedPictures | undefined;
  try {
    const objects = await openKernelObjects(join(scratch, 'kernels'));
    const described = models.map((model) => ({ model, sam: describeSam(model.graph) }));
    const inOrder = [...described].sort((a, b) => Number(a.sam.role !== 'encoder') - Number(b.sam.role !== 'encoder'));
    for (const { model, sam } of inOrder) {
      const samples = await samplesFor(model, sam, folder, embeddings);
      const { run, dispose } = await openHostRunner(samples, objects, (label, done, total) =>
        options.onProgress?.(`${model.name}: ${label}`, done, total),
      );
      try {
        const result = model.kept
          ? { graph: model.kept }
          : await quantizeProgram(model.graph, run, {
              precision: precisionOf(options.bits.weights, options.bits.activations, options),
              keys: options.keys,
              values: options.values,
              scales: options.scales,
              offsets: options.offsets,
              clip: options.clip,
              rounding: options.rounding,
              softmax: options.softmax,
              trialSamples: trialSamplesFor(sam),
              onPass: (pass, program) => options.onPass?.(model.name, pass, program),
            });
        results.set(model, { ...model, ...result });
        const wanted = described.some((other) => other.sam.role === 'decoder');
        if (sam.role === 'encoder' && folder.kind === 'pictures' && wanted)
          embeddings = await writeEmbeddings(result.graph, sam, run, folder.pictures, scratch);
      } finally {
        await dispose();
      }
    }
    const encoder = described.find(({ sam }) => sam.role === 'encoder');
    const decoder = described.find(({ sam }) => sam.role === 'decoder');
    if (
      encoder?.sam.role === 'encoder' &&
      decoder?.sam.role === 'decoder' &&
      embeddings &&
      folder.kind === 'pictures'
    ) {
      const own = results.get(decoder.model)!;
      const examples = await exampleMasks(
        { encoder: encoder.sam, decoder: decoder.sam },
        { encoder: encoder.model.graph, decoder: decoder.model.graph },
        { encoder: results.get(encoder.model)!.graph, decoder: own.graph, embeddings },
        folder,
        { scratch, objects },
        options.onProgress ?? (() => {}),
      );
      results.set(decoder.model, { ...own, examples });
    }
  } finally {
    await remove();
  }
  return models.map((model) => results.get(model)!);
}
