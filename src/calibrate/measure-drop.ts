import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { readPicture } from '../image.js';
import type { Graph } from '../ir/graph.js';
import { intersectionOverUnion, type Mask, readMask } from '../mask.js';
import { defaultPrompts, type Prompt } from '../prompts.js';
import type { Size } from '../resample.js';
import { bestMask, type CalibrationPlace, type Pictures, type Sam } from './example-masks.js';
import { openHostRunner, type Progress } from './run-on-host.js';
import { decoderSamples, type EncodedPictures, encoderSamples, writeEmbeddings } from './samples.js';

/** Prompts that a drop is measured on, spread over those of the folder. */
const MOST_PROMPTS = 128;

/** What quantization takes from the masks of the calibration prompts. */
export interface Drop {
  /** Mean over the prompts of the IoU with the true mask that the float models have and the quantized ones have not. */
  readonly mean: number;
  /** Of the mean. */
  readonly standardError: number;
  readonly prompts: number;
  /** How many of them came with a true mask; the float models' mask stands in for the others. */
  readonly withTruth: number;
}

/** The bound is kept with one standard error to spare: what is measured is a sample of what the models will see. */
export const upperDrop = ({ mean, standardError }: Drop): number => mean + standardError;

export function dropOf(losses: readonly number[], withTruth: number): Drop {
  const n = losses.length;
  const mean = losses.reduce((sum, loss) => sum + loss, 0) / n;
  const variance = losses.reduce((sum, loss) => sum + (loss - mean) ** 2, 0) / Math.max(1, n - 1);
  return { mean, standardError: Math.sqrt(variance / n), prompts: n, withTruth };
}

export interface DropMeter {
  /** The drop of a quantized pair, the decoder on the quantized encoder's embeddings. */
  readonly measure: (encoder: Graph, decoder: Graph) => Promise<Drop>;
}

/** So many of them at most, evenly spread. */
function spread<T>(items: readonly T[], most: number): readonly T[] {
  const count = Math.min(most, items.length);
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)]!);
}

async function promptsOf({ pictures, prompts }: Pictures): Promise<readonly Prompt[]> {
  if (prompts !== undefined) return spread(prompts, MOST_PROMPTS);
  const sized = await Promise.all(pictures.map(readPicture));
  return spread(
    sized.flatMap(({ path, width, height }) => defaultPrompts(path, { width, height })),
    MOST_PROMPTS,
  );
}

/**
 * Segments the calibration prompts with the float models, to compare quantized ones with.
 *
 * @param embeddings of the float encoder, by picture
 */
export async function openDropMeter(
  sam: { readonly encoder: Sam<'encoder'>; readonly decoder: Sam<'decoder'> },
  float: { readonly decoder: Graph; readonly embeddings: EncodedPictures },
  folder: Pictures,
  { scratch, objects }: CalibrationPlace,
  onProgress: Progress,
): Promise<DropMeter> {
  const prompts = await promptsOf(folder);
  const asked: Pictures = { ...folder, pictures: [...new Set(prompts.map(({ image }) => image))], prompts };
  const sizes = new Map<string, Size>();
  for (const picture of asked.pictures) {
    const { width, height } = await readPicture(picture);
    sizes.set(picture, { width, height });
  }

  const masksOf = async (decoder: Graph, embeddings: EncodedPictures, label: string): Promise<Mask[]> => {
    const samples = await decoderSamples(decoder, sam.decoder, asked, embeddings);
    const { run, dispose } = await openHostRunner(samples, objects, (_, done, total) => onProgress(label, done, total));
    const masks: Mask[] = [];
    const add = (outputs: Parameters<Parameters<typeof run>[2]>[0]): void => {
      const mask = bestMask(sam.decoder, outputs, sizes.get(prompts[masks.length]!.image)!);
      if (mask === undefined) throw new Error('the decoder gives no masks of the pictures’ sizes');
      masks.push(mask);
    };
    await run(decoder, label, add).finally(dispose);
    return masks;
  };
  const own = await masksOf(float.decoder, float.embeddings, 'float masks');
  const truths = await Promise.all(prompts.map(({ mask }, i) => (mask === undefined ? own[i]! : readMask(mask))));
  const reached = own.map((mask, i) => intersectionOverUnion(mask, truths[i]!));
  const withTruth = prompts.filter(({ mask }) => mask !== undefined).length;

  return {
    measure: async (encoder, decoder) => {
      const { run, dispose } = await openHostRunner(
        encoderSamples(sam.encoder, asked.pictures),
        objects,
        (_, done, total) => onProgress('embeddings of a choice', done, total),
      );
      const kept = await mkdtemp(join(scratch, 'choice-'));
      const embeddings = await writeEmbeddings(encoder, sam.encoder, run, asked.pictures, kept).finally(dispose);
      const masks = await masksOf(decoder, embeddings, 'masks of a choice');
      const losses = masks.map((mask, i) => reached[i]! - intersectionOverUnion(mask, truths[i]!));
      return dropOf(losses, withTruth);
    },
  };
}
