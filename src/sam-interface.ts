import { type PointPrompt, toDecoderPrompt } from './decoder-prompt.js';
import { type Frame, type Framing, resizedSize } from './prepare-image.js';
import type { Size } from './resample.js';

/**
 * What exports of the Segment Anything family call their inputs and outputs, and what they mean by them. Nothing here
 * needs Node.js: the JavaScript bindings of compiled models are built of the same source.
 */

export interface TensorFace {
  readonly name: string;
  /** `f32`, `i64`, … */
  readonly dtype: string;
  /** Numbers, or names and expressions of symbols. */
  readonly shape: readonly (number | string)[];
}

export interface ModelFace {
  readonly inputs: readonly TensorFace[];
  readonly outputs: readonly TensorFace[];
}

export interface EncoderFace {
  readonly image: string;
  /** Side of the square that it sees, in pixels. */
  readonly side: number;
  readonly framing: Framing;
  /** Names of what it gives, the embeddings first. */
  readonly features: readonly string[];
}

export interface DecoderFace {
  /** Side of the model's frame, in pixels. */
  readonly side: number;
  readonly frame: Frame;
  /** Inputs that are outputs of the encoder. */
  readonly features: readonly string[];
  /** Inputs that a prompt gives. */
  readonly prompt: readonly TensorFace[];
  readonly points: TensorFace;
  /** Whether a prompt without a box needs one more point, of label −1. */
  readonly padsPoints: boolean;
  /** Names of outputs; `lowRes` is `masks` itself where those are of the decoder's own size. */
  readonly masks: string;
  readonly scores: string;
  readonly lowRes: string;
}

interface Convention {
  readonly labels: string;
  readonly masks: string;
  /** The first that there is. */
  readonly scores: readonly string[];
  readonly padsPoints: boolean;
}

/** By the name of the points. */
const CONVENTIONS: Readonly<Record<string, Convention>> = {
  // SAM's own ONNX example and those made after it: MobileSAM, EdgeSAM, HQ-SAM, SAM 2.
  point_coords: {
    labels: 'point_labels',
    masks: 'masks',
    scores: ['iou_predictions', 'scores'],
    padsPoints: true,
  },
  // Hugging Face: the graph adds the padding point itself.
  input_points: { labels: 'input_labels', masks: 'pred_masks', scores: ['iou_scores'], padsPoints: false },
  // EfficientSAM: the graph fills prompts up to six points.
  batched_point_coords: {
    labels: 'batched_point_labels',
    masks: 'output_masks',
    scores: ['iou_predictions'],
    padsPoints: false,
  },
};

const EMBEDDINGS = ['image_embeddings', 'image_embed'];
const EFFICIENT_SAM_IMAGE = 'batched_images';
const EFFICIENT_SAM_POINTS = 'batched_point_coords';
/** SAM 2 stretches pictures to its square; the others pad them. */
const SAM2_FEATURE = 'high_res_feats_0';
/** Pixels of the model's frame for one element of the embedding. */
const PATCH = 16;

const hasName = (tensors: readonly TensorFace[], name: string): boolean => tensors.some((one) => one.name === name);

/** What a model is as an encoder: one square picture goes in. */
export function encoderFace({ inputs, outputs }: ModelFace): EncoderFace | undefined {
  const [image] = inputs;
  const [batch, channels, height, width] = image?.shape ?? [];
  if (image === undefined || inputs.length !== 1 || image.shape.length !== 4 || outputs.length === 0) return undefined;
  if (batch !== 1 || channels !== 3 || typeof height !== 'number' || height !== width) return undefined;
  const named = outputs.map(({ name }) => name);
  const first = named.find((name) => EMBEDDINGS.includes(name)) ?? named[0]!;
  return {
    image: image.name,
    side: height,
    framing: image.name === EFFICIENT_SAM_IMAGE ? 'unit' : hasName(outputs, SAM2_FEATURE) ? 'stretched' : 'padded',
    features: [first, ...named.filter((name) => name !== first)],
  };
}

/** What a model is as a decoder: embeddings and points go in. */
export function decoderFace({ inputs, outputs }: ModelFace): DecoderFace | undefined {
  const points = inputs.find(({ name }) => Object.hasOwn(CONVENTIONS, name));
  const embeddings = inputs.find(({ name }) => EMBEDDINGS.includes(name));
  const grid = embeddings?.shape[2];
  if (points === undefined || typeof grid !== 'number') return undefined;
  const { labels, masks, scores, padsPoints } = CONVENTIONS[points.name]!;
  const ofPrompt = [points.name, labels, 'mask_input', 'has_mask_input', 'orig_im_size'];
  return {
    side: grid * PATCH,
    frame: points.name === EFFICIENT_SAM_POINTS ? 'picture' : hasName(inputs, SAM2_FEATURE) ? 'stretched' : 'padded',
    features: inputs.map(({ name }) => name).filter((name) => !ofPrompt.includes(name)),
    prompt: inputs.filter(({ name }) => ofPrompt.includes(name)),
    points,
    padsPoints,
    masks,
    scores: scores.find((name) => hasName(outputs, name)) ?? scores[0]!,
    lowRes: hasName(outputs, 'low_res_masks') ? 'low_res_masks' : masks,
  };
}

/** Inputs of the decoder that neither the encoder nor a prompt gives. */
export const missingFeatures = (encoder: EncoderFace, decoder: DecoderFace): readonly string[] =>
  decoder.features.filter((name) => !encoder.features.includes(name));

/** The symbol that stands for the number of points, or the number. */
export const pointsDimension = ({ points }: DecoderFace): number | string | undefined => points.shape.at(-2);

export interface PromptTensor {
  readonly dtype: 'f32' | 'i32' | 'i64';
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array | BigInt64Array;
}

/**
 * The decoder's inputs for a prompt over a picture of `original` pixels: zeros for a mask where none is given.
 *
 * @throws for an input of a type that prompts have not
 */
export function promptInputs(
  decoder: DecoderFace,
  prompt: PointPrompt,
  original: Size,
  mask?: Float32Array,
): ReadonlyMap<string, PromptTensor> {
  const { point_coords, point_labels, orig_im_size, count } = toDecoderPrompt(prompt, original, decoder.side, decoder);
  return new Map(
    decoder.prompt.map((input): [string, PromptTensor] => {
      const { name, shape } = input;
      const batch = (own: number): readonly number[] => new Array<number>(shape.length - own).fill(1);
      if (name === decoder.points.name) return [name, typed(input, [...batch(2), count, 2], point_coords)];
      if (name === 'orig_im_size') return [name, typed(input, [2], orig_im_size)];
      const known = shape.map((dim) => (typeof dim === 'number' ? dim : 1));
      const length = known.reduce((a, b) => a * b, 1);
      if (name === 'mask_input') return [name, typed(input, known, mask ?? new Float32Array(length))];
      if (name === 'has_mask_input')
        return [name, typed(input, known, new Float32Array(length).fill(mask === undefined ? 0 : 1))];
      return [name, typed(input, [...batch(1), count], point_labels)];
    }),
  );
}

function typed({ name, dtype }: TensorFace, shape: readonly number[], data: Float32Array): PromptTensor {
  if (dtype === 'f32') return { dtype, shape, data };
  if (dtype === 'i32') return { dtype, shape, data: Int32Array.from(data) };
  if (dtype === 'i64') return { dtype, shape, data: BigInt64Array.from(data, (value) => BigInt(Math.trunc(value))) };
  throw new Error(`input '${name}' is ${dtype}; prompts are f32, i32 or i64`);
}

/** What a decoder says of a prompt, over the original picture. */
export interface Candidates {
  /** Predicted IoU of each. */
  readonly scores: Float32Array;
  /** Logits [height, width] of each. */
  readonly logits: readonly Float32Array[];
}

/** The candidates from a decoder's outputs; or what is wrong with those. Masks of another size are resized. */
export function candidatesOf(
  decoder: DecoderFace,
  outputs: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: unknown }>,
  original: Size,
): Candidates | string {
  const [masks, scores] = [outputs.get(decoder.masks), outputs.get(decoder.scores)];
  if (!(masks?.data instanceof Float32Array) || !(scores?.data instanceof Float32Array))
    return `the decoder has no outputs '${decoder.masks}' and '${decoder.scores}' of float32`;
  const { data } = masks;
  const count = scores.data.length;
  const size = { height: masks.shape.at(-2) ?? 0, width: masks.shape.at(-1) ?? 0 };
  const pixels = size.width * size.height;
  if (pixels === 0 || data.length !== count * pixels)
    return `masks of shape [${masks.shape.join(', ')}] for ${count} predictions`;
  return {
    scores: scores.data.slice(),
    logits: Array.from({ length: count }, (_, i) =>
      toPicture(decoder, data.subarray(i * pixels, (i + 1) * pixels), size, original),
    ),
  };
}

/** Logits over the model's frame, resampled over the picture: bilinear between the centres of their pixels. */
function toPicture({ frame, side }: DecoderFace, logits: Float32Array, from: Size, to: Size): Float32Array {
  if (from.width === to.width && from.height === to.height) return logits;
  const shown = frame === 'padded' ? resizedSize(to, side) : { width: side, height: side };
  const columns = axis(from.width, (shown.width / side) * from.width, to.width);
  const rows = axis(from.height, (shown.height / side) * from.height, to.height);
  const result = new Float32Array(to.width * to.height);
  for (let y = 0; y < to.height; y++) {
    const { low: top, high: bottom, part: down } = rows[y]!;
    for (let x = 0; x < to.width; x++) {
      const { low, high, part } = columns[x]!;
      const upper = mix(logits[top * from.width + low]!, logits[top * from.width + high]!, part);
      const lower = mix(logits[bottom * from.width + low]!, logits[bottom * from.width + high]!, part);
      result[y * to.width + x] = mix(upper, lower, down);
    }
  }
  return result;
}

const mix = (a: number, b: number, part: number): number => a + (b - a) * part;

/** For each of `count` pixels, its neighbours among the first `used` of `length` and how far it is towards the second. */
function axis(length: number, used: number, count: number) {
  return Array.from({ length: count }, (_, i) => {
    const at = Math.min(Math.max(((i + 0.5) * used) / count - 0.5, 0), length - 1);
    const low = Math.floor(at);
    return { low, high: Math.min(low + 1, length - 1), part: at - low };
  });
}
