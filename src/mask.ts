import sharp from 'sharp';
import type { Size } from './resample.js';
import { UserError } from './user-error.js';

/** A mask over a picture: 1 inside, 0 outside, [height, width]. */
export interface Mask extends Size {
  readonly inside: Uint8Array;
}

/** The mask of a decoder's output [height, width]: logits above SAM's `mask_threshold`. NaN is outside. */
export function maskOfLogits(logits: Float32Array, { width, height }: Size, threshold = 0): Mask {
  if (logits.length !== width * height) {
    throw new Error(`maskOfLogits: ${logits.length} logits given for ${width} × ${height} pixels`);
  }
  return { width, height, inside: Uint8Array.from(logits, (logit) => (logit > threshold ? 1 : 0)) };
}

/** Reads a picture of a mask: brighter than middle grey is inside. */
export async function readMask(path: string): Promise<Mask> {
  try {
    const { data, info } = await sharp(path)
      .removeAlpha()
      .toColourspace('b-w')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== 1) throw new UserError(`${info.channels} channels`);
    return { width: info.width, height: info.height, inside: Uint8Array.from(data, (grey) => (grey > 127 ? 1 : 0)) };
  } catch (cause) {
    throw new UserError(`${path}: cannot be read as a mask: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  }
}

/** Writes a grey PNG, 255 inside and 0 outside. */
export async function writeMask(path: string, mask: Mask): Promise<void> {
  const { width, height } = mask;
  const grey = mask.inside.map((inside) => inside * 255);
  await sharp(grey, { raw: { width, height, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toFile(path);
}

/** Pixels inside both over pixels inside either; 1 for two empty masks. */
export function intersectionOverUnion(a: Mask, b: Mask): number {
  if (a.width !== b.width || a.height !== b.height) {
    throw new Error(`masks of ${a.width} × ${a.height} and ${b.width} × ${b.height} pixels cannot be compared`);
  }
  let intersection = 0;
  let union = 0;
  for (let i = 0; i < a.inside.length; i++) {
    intersection += a.inside[i]! & b.inside[i]!;
    union += a.inside[i]! | b.inside[i]!;
  }
  return union === 0 ? 1 : intersection / union;
}
