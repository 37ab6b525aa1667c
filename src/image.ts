import sharp from 'sharp';
import { type Framing, type ModelImage, type Pixels, preparePixels } from './prepare-image.js';
import { UserError } from './user-error.js';

export { type ModelImage, PIXEL_MEAN, PIXEL_STD, type Point, resizedSize, toModelFrame } from './prepare-image.js';

/** A decoded picture: 8-bit RGB [height, width, 3], turned upright as its EXIF orientation says. */
export interface Picture extends Pixels {
  readonly path: string;
}

/** @throws naming the file, where it is missing or not a picture */
export async function readPicture(path: string): Promise<Picture> {
  try {
    const { data, info } = await sharp(path)
      .autoOrient()
      .toColourspace('srgb')
      .removeAlpha()
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== 3) throw new UserError(`${info.channels} channels`);
    return { path, width: info.width, height: info.height, rgb: data };
  } catch (cause) {
    throw new UserError(`${path}: cannot be read as a picture: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  }
}

/** {@link preparePixels}, for a picture from a file, which errors name. */
export const prepareImage = (picture: Picture, side: number, framing?: Framing): ModelImage =>
  preparePixels(picture, side, picture.path, framing);

export async function loadImage(path: string, side: number, framing?: Framing): Promise<ModelImage> {
  return prepareImage(await readPicture(path), side, framing);
}
