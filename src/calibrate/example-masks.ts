import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readPicture } from '../image.js';
import type { Graph } from '../ir/graph.js';
import type { Tensor } from '../ir/types.js';
import { type Mask, maskOfLogits } from '../mask.js';
import { type CalibrationFolder, defaultPrompts, type Prompt } from '../prompts.js';
import type { Size } from '../resample.js';
import type { SamModel } from '../sam.js';
import { candidatesOf, type DecoderFace } from '../sam-interface.js';
import { openHostRunner, type Progress, type SampleSet } from './run-on-host.js';
import type { RunSamples } from './run-samples.js';
import { decoderSamples, type EncodedPictures, encoderSamples, writeEmbeddings } from './samples.js';
import type { KernelObjects } from './trial-program.js';

/** A calibration picture as the float models and the quantized ones segment it. */
export interface ExampleMask {
  /** Its picture's path, and what is pointed at. */
  readonly prompt: Prompt;
  /** Of the candidates with the highest predicted IoU. */
  readonly float: Mask;
  readonly quantized: Mask;
}

/** Both models of one kind, float or quantized. */
export interface SamGraphs {
  readonly encoder: Graph;
  readonly decoder: Graph;
  /** Embeddings that were computed before, by picture. */
  readonly embeddings?: EncodedPictures;
}

/** A folder for what lives as long as a calibration, and the kernels that it has compiled. */
export interface CalibrationPlace {
  readonly scratch: string;
  readonly objects: KernelObjects;
}

const EXAMPLES = 4;

/** The first prompt of each of the first pictures. */
async function examplePrompts({ pictures, prompts }: Pictures): Promise<readonly Prompt[]> {
  const chosen = pictures.flatMap((picture) => prompts?.find(({ image }) => image === picture) ?? []);
  if (prompts !== undefined) return chosen.slice(0, EXAMPLES);
  const sizes = await Promise.all(pictures.slice(0, EXAMPLES).map(readPicture));
  return sizes.map((picture) => defaultPrompts(picture.path, picture)[0]!);
}

export type Pictures = Extract<CalibrationFolder, { kind: 'pictures' }>;
export type Sam<R extends SamModel['role']> = Extract<SamModel, { role: R }>;

/** True where masks can be measured: the decoder gives them and their scores. */
export const givesMasks = ({ masks, scores }: Sam<'decoder'>, decoder: Graph): boolean =>
  [masks, scores].every((name) => decoder.outputs.some((output) => output.name === name));

/**
 * Segments a few calibration pictures with the float models and with the quantized ones, each decoder on its own
 * encoder's embeddings. Empty where the decoder's outputs are not masks and their scores.
 */
export async function exampleMasks(
  sam: { readonly encoder: Sam<'encoder'>; readonly decoder: Sam<'decoder'> },
  float: SamGraphs,
  quantized: SamGraphs,
  folder: Pictures,
  { scratch, objects }: CalibrationPlace,
  onProgress: Progress,
): Promise<readonly ExampleMask[]> {
  const prompts = await examplePrompts(folder);
  const examples: Pictures = { kind: 'pictures', pictures: prompts.map(({ image }) => image), prompts };
  const sizes: readonly Size[] = await Promise.all(examples.pictures.map(readPicture));
  if (!givesMasks(sam.decoder, float.decoder) || prompts.length === 0) return [];

  const segment = async (graphs: SamGraphs, name: string): Promise<readonly (Mask | undefined)[]> => {
    const withRunner = async <T>(samples: SampleSet, use: (run: RunSamples) => Promise<T>): Promise<T> => {
      const { run, dispose } = await openHostRunner(samples, objects, (_, done, total) =>
        onProgress(`${name} masks for the report`, done, total),
      );
      return use(run).finally(dispose);
    };
    const embeddings =
      graphs.embeddings ??
      (await withRunner(encoderSamples(sam.encoder, examples.pictures), async (run) => {
        const own = join(scratch, name);
        await mkdir(own, { recursive: true });
        return writeEmbeddings(graphs.encoder, sam.encoder, run, examples.pictures, own);
      }));
    const masks: (Mask | undefined)[] = [];
    const samples = await decoderSamples(graphs.decoder, sam.decoder, examples, embeddings);
    await withRunner(samples, (run) =>
      run(graphs.decoder, 'masks', (outputs) => void masks.push(bestMask(sam.decoder, outputs, sizes[masks.length]!))),
    );
    return masks;
  };
  const [before, after] = [await segment(float, 'float'), await segment(quantized, 'quantized')];
  return prompts.flatMap((prompt, i): ExampleMask[] => {
    const [own, other] = [before[i], after[i]];
    return own && other ? [{ prompt, float: own, quantized: other }] : [];
  });
}

/** The candidate with the highest predicted IoU, over the original picture; undefined where the outputs are not such. */
export function bestMask(decoder: DecoderFace, outputs: ReadonlyMap<string, Tensor>, size: Size): Mask | undefined {
  const candidates = candidatesOf(decoder, outputs, size);
  if (typeof candidates === 'string') return undefined;
  const { scores, logits } = candidates;
  return maskOfLogits(logits[scores.indexOf(Math.max(...scores))]!, size);
}
