import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadImage, readPicture } from '../image.js';
import type { Graph } from '../ir/graph.js';
import { valueOf } from '../ir/graph.js';
import type { Tensor } from '../ir/types.js';
import { decodeNpy, encodeNpy, readNpz } from '../npy.js';
import { npyOf, tensorOf } from '../npy-tensor.js';
import { type CalibrationFolder, defaultPrompts, type Prompt } from '../prompts.js';
import type { SamModel } from '../sam.js';
import { promptInputs } from '../sam-interface.js';
import type { SampleSet } from './run-on-host.js';
import type { RunSamples } from './run-samples.js';
import { HostError } from './trial-program.js';

const f32 = (shape: readonly number[], data: Float32Array): Tensor => ({ dtype: 'f32', shape, data });

/** Choices between candidates are measured on so many samples; ranges are taken from all. */
const TRIAL_SAMPLES = 16;
/** A picture of full size has the tokens of many small ones, and costs as much: fewer of them decide. */
const TRIAL_PIXELS = TRIAL_SAMPLES * 512 * 512;
const LEAST_TRIAL_SAMPLES = 4;

export function trialSamplesFor(sam: SamModel): number {
  if (sam.role !== 'encoder') return TRIAL_SAMPLES;
  return Math.min(TRIAL_SAMPLES, Math.max(LEAST_TRIAL_SAMPLES, Math.floor(TRIAL_PIXELS / sam.side ** 2)));
}

/** The pictures of a calibration folder, prepared for an encoder. */
export function encoderSamples(sam: Extract<SamModel, { role: 'encoder' }>, pictures: readonly string[]): SampleSet {
  return {
    count: pictures.length,
    name: (index) => pictures[index]!,
    load: async (index) => {
      const { tensor, side } = await loadImage(pictures[index]!, sam.side, sam.framing);
      return new Map([[sam.image, f32([1, 3, side, side], tensor)]]);
    },
  };
}

/** Arrays keyed by input name, one .npz a sample. */
export function arraySamples(files: readonly string[]): SampleSet {
  return {
    count: files.length,
    name: (index) => files[index]!,
    load: async (index) => {
      const arrays = await readNpz(files[index]!);
      return new Map([...arrays].map(([name, array]) => [name, tensorOf(array)] as const));
    },
  };
}

/** Files (.npy) of what an encoder gave, by picture and then by the name of the output. */
export type EncodedPictures = ReadonlyMap<string, ReadonlyMap<string, string>>;

/**
 * Prompts over pictures that were encoded before: a decoder's samples. Without prompts, a grid of points and boxes on each
 * picture.
 */
export async function decoderSamples(
  graph: Graph,
  sam: Extract<SamModel, { role: 'decoder' }>,
  folder: Extract<CalibrationFolder, { kind: 'pictures' }>,
  embeddings: EncodedPictures,
): Promise<SampleSet> {
  const sizes = new Map<string, { width: number; height: number }>();
  for (const picture of folder.pictures) {
    const { width, height } = await readPicture(picture);
    sizes.set(picture, { width, height });
  }
  const prompts: readonly Prompt[] =
    folder.prompts ?? folder.pictures.flatMap((picture) => defaultPrompts(picture, sizes.get(picture)!));
  return {
    count: prompts.length,
    name: (index) => `prompt ${index} of ${prompts[index]!.image}`,
    load: async (index) => {
      const prompt = prompts[index]!;
      const files = embeddings.get(prompt.image);
      const size = sizes.get(prompt.image);
      if (files === undefined || size === undefined)
        throw new HostError(`${prompt.image}: the prompts name a picture that is not in the calibration folder`);
      const given = promptInputs(sam, prompt, size);
      const sample = new Map<string, Tensor>();
      for (const name of graph.inputs.map((id) => valueOf(graph, id).name)) {
        const file = files.get(name);
        const tensor = file === undefined ? given.get(name) : tensorOf(decodeNpy(await readFile(file), file));
        if (tensor === undefined)
          throw new HostError(`the decoder's input '${name}' is neither an output of the encoder nor part of a prompt`);
        sample.set(name, tensor);
      }
      return sample;
    },
  };
}

/** Runs an encoder over its samples and keeps what it gives as .npy in `folder`. */
export async function writeEmbeddings(
  graph: Graph,
  sam: Extract<SamModel, { role: 'encoder' }>,
  run: RunSamples,
  pictures: readonly string[],
  folder: string,
): Promise<EncodedPictures> {
  await mkdir(folder, { recursive: true });
  const written: Promise<void>[] = [];
  const paths = new Map<string, ReadonlyMap<string, string>>();
  await run(graph, 'embeddings', (outputs) => {
    const files = sam.features.map((name, i) => [name, join(folder, `${paths.size}-${i}.npy`)] as const);
    for (const [name, path] of files) written.push(writeFile(path, encodeNpy(npyOf(outputs.get(name)!))));
    paths.set(pictures[paths.size]!, new Map(files));
  });
  await Promise.all(written);
  return paths;
}

/**
 * The samples of a model of a package. A decoder's are prompts on `embeddings`, by picture.
 *
 * @throws for a model that nothing in the folder fits
 */
export async function samplesFor(
  { file, graph }: { readonly file: string; readonly graph: Graph },
  sam: SamModel,
  folder: CalibrationFolder,
  embeddings: EncodedPictures | undefined,
): Promise<SampleSet> {
  if (folder.kind === 'arrays') return arraySamples(folder.files);
  if (sam.role === 'encoder') return encoderSamples(sam, folder.pictures);
  if (sam.role === 'decoder' && embeddings !== undefined) return decoderSamples(graph, sam, folder, embeddings);
  throw new HostError(
    sam.role === 'decoder'
      ? `${file}: a decoder is calibrated on embeddings: compile its encoder with it, or give .npz files of its inputs`
      : `${file}: pictures fit SAM's encoders and decoders only: give .npz files of this model's inputs`,
  );
}
