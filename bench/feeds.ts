import { existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { loadImage, readPicture, toModelFrame } from '../src/image.js';
import { readModel } from '../src/ir/onnx/read-model.js';
import { type NpyArray, readNpy, writeNpy } from '../src/npy.js';
import { type Feeds, onnxruntime } from './contenders.js';
import type { ModelFiles } from './models.js';

const f32 = (shape: readonly number[], data: Float32Array): NpyArray => ({ dtype: 'f32', shape, data });

async function writeFeeds(arrays: Readonly<Record<string, NpyArray>>, folder: string): Promise<Map<string, string>> {
  mkdirSync(folder, { recursive: true });
  const feeds = new Map<string, string>();
  for (const [name, array] of Object.entries(arrays)) {
    const path = join(folder, `${name}.npy`);
    await writeNpy(path, array);
    feeds.set(name, path);
  }
  return feeds;
}

/** A picture, prepared as the encoder takes it. */
export async function encoderFeeds(encoder: string, picture: string, folder: string): Promise<Feeds> {
  const [input] = readModel(encoder).graph.inputs;
  const side = input?.shape?.[2];
  if (input === undefined || typeof side !== 'number') throw new Error(`${encoder}: not an encoder`);
  const { tensor } = await loadImage(picture, side);
  return writeFeeds({ [input.name]: f32([1, 3, side, side], tensor) }, join(folder, 'inputs'));
}

/** Points of the prompt, in parts of the picture: four clicks, and SAM's padding point. */
const CLICKS = [
  [0.5, 0.5],
  [0.4, 0.6],
  [0.6, 0.45],
  [0.1, 0.9],
] as const;
const LABELS = [1, 1, 1, 0, -1];

/**
 * Five points over the picture's embeddings (made by onnxruntime's float encoder). `low-res` asks for masks of the size of
 * `low_res_masks`, `resized` for masks of the size of the picture.
 */
export async function decoderFeeds(
  { encoder, decoder }: ModelFiles,
  image: Feeds,
  picture: string,
  part: string,
  folder: string,
): Promise<Feeds> {
  const embeddings = join(folder, 'embeddings.npy');
  if (!existsSync(embeddings)) {
    const out = join(folder, 'embeddings');
    await onnxruntime('float', encoder, 1).run(image, { repeat: 0, out });
    renameSync(join(out, 'image_embeddings.npy'), embeddings);
  }
  const mask = readModel(decoder).graph.inputs.find(({ name }) => name === 'mask_input')?.shape?.[2];
  if (typeof mask !== 'number') throw new Error(`${decoder}: not a decoder`);
  const original = await readPicture(picture);
  const side = 4 * mask;
  const points = toModelFrame(
    CLICKS.map(([x, y]) => [x * original.width, y * original.height]),
    original,
    side,
  );
  const size = part === 'low-res' ? [mask, mask] : [original.height, original.width];
  const feeds = await writeFeeds(
    {
      point_coords: f32([1, LABELS.length, 2], Float32Array.from([...points.flat(), 0, 0])),
      point_labels: f32([1, LABELS.length], Float32Array.from(LABELS)),
      mask_input: f32([1, 1, mask, mask], new Float32Array(mask * mask)),
      has_mask_input: f32([1], Float32Array.of(0)),
      orig_im_size: f32([2], Float32Array.from(size)),
    },
    join(folder, `inputs-${part}`),
  );
  return feeds.set('image_embeddings', embeddings);
}

export async function readScalar(path: string): Promise<number> {
  return Number((await readNpy(path)).data[0]);
}

/** Signal to noise in decibels of the outputs in `folder` against those in `reference`, by their names. */
export async function signalToNoise(reference: string, folder: string): Promise<Record<string, number>> {
  const result: Record<string, number> = {};
  for (const name of readdirSync(reference).filter((file) => file.endsWith('.npy'))) {
    const [expected, found] = [await readNpy(join(reference, name)), await readNpy(join(folder, name))];
    if (String(found.shape) !== String(expected.shape)) throw new Error(`${folder}/${name}: shape ${found.shape}`);
    let [signal, noise] = [0, 0];
    for (let i = 0; i < expected.data.length; i++) {
      const value = Number(expected.data[i]);
      signal += value * value;
      noise += (Number(found.data[i]) - value) ** 2;
    }
    result[name.replace('.npy', '')] = noise === 0 ? 999 : 10 * Math.log10(signal / noise);
  }
  return result;
}
