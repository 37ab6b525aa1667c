import type { ManifestModel } from './codegen/emit-package.js';
import {
  buildPackage,
  type CompiledPackage,
  openPackage,
  type RunInput,
  type RunOptions,
  runModel,
} from './compiled-package.js';
import { type Picture, prepareImage } from './image.js';
import { allocate, DTYPES, elementCount, type Tensor } from './ir/types.js';
import { type Mask, maskOfLogits } from './mask.js';
import { type Prompt, toDecoderPrompt } from './prompts.js';
import { UserError } from './user-error.js';

/** A built package with SAM's two models. */
export interface SamPackage {
  readonly compiled: CompiledPackage;
  readonly encoder: ManifestModel;
  readonly decoder: ManifestModel;
  /** Side of the square that the encoder sees, in pixels. */
  readonly side: number;
}

/** What a decoder makes of a prompt. */
export interface Segmentation {
  /** [candidates]. */
  readonly predictedIou: Float32Array;
  /** One for each candidate, of the original picture's size. */
  readonly masks: readonly Mask[];
  readonly ms: number;
}

export interface EncodedPicture {
  /** Path of the embeddings' .npy. */
  readonly embeddings: string;
  readonly ms: number;
}

/**
 * Opens a package and builds it where that has not been done.
 *
 * @throws UserError for a folder without an encoder and a decoder
 */
export async function openSam(folder: string): Promise<SamPackage> {
  const compiled = await openPackage(folder);
  const { models } = compiled.manifest;
  const encoder = models.find(({ inputs }) => inputs.length === 1 && imageSide(inputs[0]?.shape) !== undefined);
  const decoder = models.find(({ inputs }) =>
    ['image_embeddings', 'point_coords', 'point_labels'].every((name) => inputs.some((input) => input.name === name)),
  );
  const side = imageSide(encoder?.inputs[0]?.shape);
  if (encoder === undefined || decoder === undefined || side === undefined)
    throw new UserError(
      `${folder}: has ${models.map(({ name }) => name).join(', ')}, but an encoder (one image [1, 3, side, side]) and a decoder (image_embeddings, point_coords, point_labels, …) compiled together are needed`,
    );
  await buildPackage(compiled);
  return { compiled, encoder, decoder, side };
}

function imageSide(shape: readonly (number | string)[] | undefined): number | undefined {
  const [batch, channels, height, width] = shape ?? [];
  const isImage =
    shape?.length === 4 && batch === 1 && channels === 3 && typeof height === 'number' && height === width;
  return isImage ? height : undefined;
}

/** Runs the encoder; its files go to `scratch`. */
export async function encodePicture(
  { compiled, encoder, side }: SamPackage,
  picture: Picture,
  scratch: string,
  options?: RunOptions,
): Promise<EncodedPicture> {
  const image: Tensor = { dtype: 'f32', shape: [1, 3, side, side], data: prepareImage(picture, side).tensor };
  const { files, statistics } = await runModel(
    compiled,
    encoder.name,
    new Map([[encoder.inputs[0]!.name, image]]),
    scratch,
    options,
  );
  const embeddings = files.get('image_embeddings') ?? [...files.values()][0];
  if (embeddings === undefined) throw new UserError(`${compiled.folder}: the encoder has no output`);
  return { embeddings, ms: least(statistics.ms) };
}

/** Runs the decoder for a prompt over an encoded picture. */
export async function decodePrompt(
  { compiled, decoder, side }: SamPackage,
  { embeddings }: Pick<EncodedPicture, 'embeddings'>,
  picture: Pick<Picture, 'width' | 'height'>,
  prompt: Pick<Prompt, 'points' | 'labels'>,
  scratch: string,
  options?: RunOptions,
): Promise<Segmentation> {
  const { outputs, statistics } = await runModel(
    compiled,
    decoder.name,
    decoderInputs(decoder, side, embeddings, picture, prompt),
    scratch,
    options,
  );
  return { ...segmentationOf(outputs, picture, compiled.folder), ms: least(statistics.ms) };
}

/** Masks and their predicted IoU from a decoder's outputs, by SAM's names. */
export function segmentationOf(
  outputs: ReadonlyMap<string, Pick<Tensor, 'shape' | 'data'>>,
  { width, height }: Pick<Picture, 'width' | 'height'>,
  source: string,
): Omit<Segmentation, 'ms'> {
  const masks = outputs.get('masks');
  const iou = outputs.get('iou_predictions');
  if (!(masks?.data instanceof Float32Array) || !(iou?.data instanceof Float32Array))
    throw new UserError(`${source}: the decoder has no outputs 'masks' and 'iou_predictions' of float32`);
  const logits = masks.data;
  const pixels = width * height;
  if (logits.length !== iou.data.length * pixels)
    throw new UserError(
      `${source}: masks of shape [${masks.shape.join(', ')}] for ${iou.data.length} predictions over ${width} × ${height} pixels`,
    );
  return {
    predictedIou: iou.data,
    masks: Array.from(iou.data, (_, i) =>
      maskOfLogits(logits.subarray(i * pixels, (i + 1) * pixels), { width, height }),
    ),
  };
}

/** The candidate with the highest predicted IoU; the first of equals. */
export const bestCandidate = (predictedIou: Float32Array): number => predictedIou.indexOf(Math.max(...predictedIou));

/** The prompt by the decoder's inputs; zeros for what it does not give (`mask_input`, `has_mask_input`). */
function decoderInputs(
  decoder: ManifestModel,
  side: number,
  embeddings: string,
  picture: Pick<Picture, 'width' | 'height'>,
  prompt: Pick<Prompt, 'points' | 'labels'>,
): ReadonlyMap<string, RunInput> {
  const { point_coords, point_labels, orig_im_size, count } = toDecoderPrompt(prompt, picture, side);
  const limit = decoder.symbols.find(({ name }) => decoder.inputs.some(({ shape }) => shape[1] === name))?.max;
  if (limit !== undefined && count > limit)
    throw new UserError(
      `${count} points (with SAM's padding point), but this build takes at most ${limit}: compile with --dim num_points=1..${count}`,
    );
  const f32 = (shape: readonly number[], data: Float32Array): Tensor => ({ dtype: 'f32', shape, data });
  const given = new Map<string, RunInput>([
    ['image_embeddings', embeddings],
    ['point_coords', f32([1, count, 2], point_coords)],
    ['point_labels', f32([1, count], point_labels)],
    ['orig_im_size', f32([2], orig_im_size)],
  ]);
  for (const { name, dtype: code, shape } of decoder.inputs) {
    const dtype = DTYPES.find((candidate) => candidate === code);
    if (given.has(name) || dtype === undefined) continue;
    const dims = shape.map((dim) => (typeof dim === 'number' ? dim : count));
    given.set(name, { dtype, shape: dims, data: allocate(dtype, elementCount(dims)) });
  }
  return given;
}

const least = (ms: readonly number[]): number => Math.min(...ms);
