/** SAM's preprocessing. Nothing here needs Node.js: the JavaScript bindings of compiled models are built of the same source. */
import { resampleBilinear, type Size } from './resample.js';
import { UserError } from './user-error.js';

/** x to the right and y downwards from the upper left corner, in pixels. */
export type Point = readonly [x: number, y: number];

/** 8-bit RGB [height, width, 3]. */
export interface Pixels extends Size {
  readonly rgb: Uint8Array;
}

/**
 * How a picture becomes an encoder's input. `padded` (SAM): its longest side resized, normalised, zeros right of it and
 * below; `stretched` (SAM 2): both sides resized, normalised; `unit` (EfficientSAM): both sides resized, 0 … 1.
 */
export type Framing = 'padded' | 'stretched' | 'unit';

/** What points are given in: the model's frame, the picture padded or stretched to it, or the picture's own pixels. */
export type Frame = 'padded' | 'stretched' | 'picture';

/** A picture as an image encoder takes it. */
export interface ModelImage {
  /** [1, 3, side, side] */
  readonly tensor: Float32Array;
  readonly side: number;
  readonly original: Size;
  /** The part of the tensor that the picture fills. */
  readonly resized: Size;
}

/** Mean and standard deviation of each channel of 8-bit RGB over ImageNet; SAM's `pixel_mean` and `pixel_std`. */
export const PIXEL_MEAN = [123.675, 116.28, 103.53] as const;
export const PIXEL_STD = [58.395, 57.12, 57.375] as const;

/** SAM's `ResizeLongestSide.get_preprocess_shape`. */
export function resizedSize({ width, height }: Size, side: number): Size {
  const scale = side / Math.max(width, height);
  return { width: Math.floor(width * scale + 0.5), height: Math.floor(height * scale + 0.5) };
}

/**
 * The preprocessing of SAM and its kin: resized (bilinear, antialiased, 8 bits), normalised, padded as `framing` says.
 *
 * @param label what errors call the picture
 * @throws where its shorter side would be less than a pixel
 */
export function preparePixels(picture: Pixels, side: number, label: string, framing: Framing = 'padded'): ModelImage {
  const original = { width: picture.width, height: picture.height };
  const resized = framing === 'padded' ? resizedSize(original, side) : { width: side, height: side };
  if (resized.width === 0 || resized.height === 0) {
    throw new UserError(
      `${label}: ${picture.width} × ${picture.height} pixels is too narrow for a model of ${side} × ${side}`,
    );
  }
  const rgb = resampleBilinear(picture.rgb, 3, original, resized);
  const tensor = new Float32Array(3 * side * side);
  for (let channel = 0; channel < 3; channel++) {
    const [mean, std] = framing === 'unit' ? [0, 255] : [PIXEL_MEAN[channel]!, PIXEL_STD[channel]!];
    for (let y = 0; y < resized.height; y++) {
      const row = (channel * side + y) * side;
      for (let x = 0; x < resized.width; x++) {
        tensor[row + x] = (rgb[(y * resized.width + x) * 3 + channel]! - mean) / std;
      }
    }
  }
  return { tensor, side, original, resized };
}

/** Moves points from pixels of the original picture to the model's frame: SAM's `ResizeLongestSide.apply_coords` where it is padded. */
export function toModelFrame(points: readonly Point[], original: Size, side: number, frame: Frame = 'padded'): Point[] {
  if (frame === 'picture') return [...points];
  const resized = frame === 'padded' ? resizedSize(original, side) : { width: side, height: side };
  return points.map(([x, y]) => [x * (resized.width / original.width), y * (resized.height / original.height)]);
}
