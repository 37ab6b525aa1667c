/** What a click or a box is to SAM's decoder. Nothing here needs Node.js: the JavaScript bindings are built of the same source. */
import { type Frame, type Point, toModelFrame } from './prepare-image.js';
import type { Size } from './resample.js';

/** 1 inside, 0 outside, 2 and 3 the upper left and lower right corner of a box. */
export type PromptLabel = 0 | 1 | 2 | 3;

/** Points and corners of boxes, in pixels of the original picture. */
export interface PointPrompt {
  readonly points: readonly Point[];
  readonly labels: readonly PromptLabel[];
}

/** What a decoder takes of a prompt, by the names of SAM's own. */
export interface DecoderPrompt {
  /** [1, count, 2], in the model's frame. */
  readonly point_coords: Float32Array;
  /** [1, count]. */
  readonly point_labels: Float32Array;
  readonly count: number;
  /** [2]: height and width of the original picture. */
  readonly orig_im_size: Float32Array;
}

/**
 * The decoder's inputs for a prompt over a picture of `original` pixels. As in SAM's ONNX example, a prompt without a box
 * gets one more point (0, 0) with label −1, unless the model adds what it needs by itself.
 */
export function toDecoderPrompt(
  { points, labels }: PointPrompt,
  original: Size,
  side: number,
  { frame = 'padded', padsPoints = true }: { readonly frame?: Frame; readonly padsPoints?: boolean } = {},
): DecoderPrompt {
  const padding = labels.includes(2) || !padsPoints ? [] : [-1];
  const coords = [...toModelFrame(points, original, side, frame), ...padding.map((): Point => [0, 0])];
  return {
    point_coords: Float32Array.from(coords.flat()),
    point_labels: Float32Array.from([...labels, ...padding]),
    count: coords.length,
    orig_im_size: Float32Array.of(original.height, original.width),
  };
}
