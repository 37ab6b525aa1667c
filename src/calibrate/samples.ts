import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadImage, readPicture } from '../image.js';
import type { Graph } from '../ir/graph.js';
import { typeOf, valueOf } from '../ir/graph.js';
import { evaluateScalar } from '../ir/scalar.js';
import { allocate, elementCount, type Tensor } from '../ir/types.js';
import { decodeNpy, encodeNpy, readNpz } from '../npy.js';
import { npyOf, tensorOf } from '../npy-tensor.js';
import { type CalibrationFolder, defaultPrompts, type Prompt, toDecoderPrompt } from '../prompts.js';
import type { SamModel } from '../sam.js';
import { HostError, type Sample, type SampleSet } from './run-on-host.js';
import type { RunSamples } from './run-samples.js';

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
      const { tensor, side } = await loadImage(pictures[index]!, sam.side);
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

/**
 * Prompts over pictures whose embeddings were computed before: a decoder's samples. Without prompts, a grid of points and
 * boxes on each picture. `embeddings` gives the path of the .npy of a picture.
 */
export async function decoderSamples(
  graph: Graph,
  side: number,
  folder: Extract<CalibrationFolder, { kind: 'pictures' }>,
  embeddings: ReadonlyMap<string, string>,
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
      const path = embeddings.get(prompt.image);
      const size = sizes.get(prompt.image);
      if (path === undefined || size === undefined)
        throw new HostError(`${prompt.image}: the prompts name a picture that is not in the calibration folder`);
      const { point_coords, point_labels, count, orig_im_size } = toDecoderPrompt(prompt, size, side);
      const given = new Map<string, Tensor>([
        ['image_embeddings', tensorOf(decodeNpy(await readFile(path), path))],
        ['point_coords', f32([1, count, 2], point_coords)],
        ['point_labels', f32([1, count], point_labels)],
        ['orig_im_size', f32([2], orig_im_size)],
      ]);
      return completed(graph, given, count);
    },
  };
}

/** Zeros for the inputs that a prompt does not give (`mask_input`, `has_mask_input`). */
function completed(graph: Graph, given: ReadonlyMap<string, Tensor>, points: number): Sample {
  const sample = new Map<string, Tensor>();
  for (const id of graph.inputs) {
    const { name, type } = { name: valueOf(graph, id).name, type: typeOf(graph, id) };
    const shape = type.shape.map((dim) => evaluateScalar(dim, { symbol: () => points, element: () => 0 }));
    const zeros = { dtype: type.dtype, shape, data: allocate(type.dtype, elementCount(shape)) };
    sample.set(name, given.get(name) ?? zeros);
  }
  return sample;
}

/** Runs an encoder over its samples and keeps each embedding as a .npy in `folder`; by picture. */
export async function writeEmbeddings(
  graph: Graph,
  sam: Extract<SamModel, { role: 'encoder' }>,
  run: RunSamples,
  pictures: readonly string[],
  folder: string,
): Promise<ReadonlyMap<string, string>> {
  await mkdir(folder, { recursive: true });
  const written: Promise<void>[] = [];
  const paths = new Map<string, string>();
  await run(graph, 'embeddings', (outputs) => {
    const path = join(folder, `${paths.size}.npy`);
    written.push(writeFile(path, encodeNpy(npyOf(outputs.get(sam.embeddings)!))));
    paths.set(pictures[paths.size]!, path);
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
  embeddings: ReadonlyMap<string, string> | undefined,
): Promise<SampleSet> {
  if (folder.kind === 'arrays') return arraySamples(folder.files);
  if (sam.role === 'encoder') return encoderSamples(sam, folder.pictures);
  if (sam.role === 'decoder' && embeddings !== undefined) return decoderSamples(graph, sam.side, folder, embeddings);
  throw new HostError(
    sam.role === 'decoder'
      ? `${file}: a decoder is calibrated on embeddings: compile its encoder with it, or give .npz files of its inputs`
      : `${file}: pictures fit SAM's encoders and decoders only: give .npz files of this model's inputs`,
  );
}
