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
import type { Tensor } from './ir/types.js';
import { type Mask, maskOfLogits } from './mask.js';
import type { Prompt } from './prompts.js';
import {
  candidatesOf,
  type DecoderFace,
  decoderFace,
  type EncoderFace,
  encoderFace,
  missingFeatures,
  pointsDimension,
  promptInputs,
} from './sam-interface.js';
import { UserError } from './user-error.js';

/** A built package with the two models of SAM or of its kin. */
export interface SamPackage {
  readonly compiled: CompiledPackage;
  readonly encoder: ManifestModel & { readonly face: EncoderFace };
  readonly decoder: ManifestModel & { readonly face: DecoderFace };
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
  /** Paths of what the encoder gave (.npy), by the names of its outputs. */
  readonly features: ReadonlyMap<string, string>;
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
  const [encoder] = models.flatMap((model) => withFace(model, encoderFace(model)));
  const [decoder] = models.flatMap((model) => withFace(model, decoderFace(model)));
  if (encoder === undefined || decoder === undefined)
    throw new UserError(
      `${folder}: has ${models.map(({ name }) => name).join(', ')}, but an encoder (one image [1, 3, side, side]) and a decoder (image_embeddings, point_coords, point_labels, … or the names that Hugging Face, SAM 2 and EfficientSAM give them) compiled together are needed`,
    );
  const missing = missingFeatures(encoder.face, decoder.face);
  if (missing.length > 0)
    throw new UserError(
      `${folder}: the decoder takes ${missing.map((name) => `'${name}'`).join(', ')}, which the encoder does not give: its outputs are ${encoder.face.features.map((name) => `'${name}'`).join(', ')}`,
    );
  await buildPackage(compiled);
  return { compiled, encoder, decoder };
}

const withFace = <Face>(model: ManifestModel, face: Face | undefined): readonly (ManifestModel & { face: Face })[] =>
  face === undefined ? [] : [{ ...model, face }];

/** Runs the encoder; its files go to `scratch`. */
export async function encodePicture(
  { compiled, encoder }: SamPackage,
  picture: Picture,
  scratch: string,
  options?: RunOptions,
): Promise<EncodedPicture> {
  const { image: input, side, framing, features } = encoder.face;
  const image: Tensor = { dtype: 'f32', shape: [1, 3, side, side], data: prepareImage(picture, side, framing).tensor };
  const { files, statistics } = await runModel(compiled, encoder.name, new Map([[input, image]]), scratch, options);
  return { features: new Map(features.map((name) => [name, files.get(name)!])), ms: least(statistics.ms) };
}

/** Runs the decoder for a prompt over an encoded picture. */
export async function decodePrompt(
  { compiled, decoder }: SamPackage,
  { features }: Pick<EncodedPicture, 'features'>,
  picture: Pick<Picture, 'width' | 'height'>,
  prompt: Pick<Prompt, 'points' | 'labels'>,
  scratch: string,
  options?: RunOptions,
): Promise<Segmentation> {
  const { outputs, statistics } = await runModel(
    compiled,
    decoder.name,
    decoderInputs(decoder, features, picture, prompt),
    scratch,
    options,
  );
  return { ...segmentationOf(decoder.face, outputs, picture, compiled.folder), ms: least(statistics.ms) };
}

/** Masks and their predicted IoU from a decoder's outputs. */
export function segmentationOf(
  decoder: DecoderFace,
  outputs: ReadonlyMap<string, Pick<Tensor, 'shape' | 'data'>>,
  { width, height }: Pick<Picture, 'width' | 'height'>,
  source: string,
): Omit<Segmentation, 'ms'> {
  const candidates = candidatesOf(decoder, outputs, { width, height });
  if (typeof candidates === 'string') throw new UserError(`${source}: ${candidates}`);
  return {
    predictedIou: candidates.scores,
    masks: candidates.logits.map((logits) => maskOfLogits(logits, { width, height })),
  };
}

/** The candidate with the highest predicted IoU; the first of equals. */
export const bestCandidate = (predictedIou: Float32Array): number => predictedIou.indexOf(Math.max(...predictedIou));

/** What the encoder gave and the prompt, by the decoder's inputs. */
function decoderInputs(
  { face, symbols }: SamPackage['decoder'],
  features: ReadonlyMap<string, string>,
  picture: Pick<Picture, 'width' | 'height'>,
  prompt: Pick<Prompt, 'points' | 'labels'>,
): ReadonlyMap<string, RunInput> {
  const given = promptInputs(face, prompt, picture);
  const count = given.get(face.points.name)?.shape.at(-2) ?? 0;
  const symbol = symbols.find(({ name }) => name === pointsDimension(face));
  if (symbol !== undefined && count > symbol.max)
    throw new UserError(
      `${count} points (with SAM's padding point), but this build takes at most ${symbol.max}: compile with --dim ${symbol.name}=1..${count}`,
    );
  return new Map<string, RunInput>([...face.features.map((name) => [name, features.get(name)!] as const), ...given]);
}

const least = (ms: readonly number[]): number => Math.min(...ms);
