import { basename } from 'node:path';
import sharp from 'sharp';
import type { ExampleMask } from '../calibrate/example-masks.js';
import { readPicture } from '../image.js';
import { intersectionOverUnion, type Mask } from '../mask.js';
import type { Prompt } from '../prompts.js';
import type { Size } from '../resample.js';
import { type Html, html } from './escape.js';
import { percentText } from './format.js';

/** Longest side, in pixels. */
const SIDE = 320;
/** The page's colours in its light form: float, quantized. */
const FLOAT = [226, 106, 32] as const;
const QUANTIZED = [37, 99, 235] as const;

/** A segmented calibration picture, ready to be shown. */
export interface ExamplePicture {
  readonly name: string;
  /** IoU of the two masks. */
  readonly agreement: number;
  readonly width: number;
  readonly height: number;
  /** data: URLs. */
  readonly float: string;
  readonly quantized: string;
  readonly difference: string;
}

/** Draws the masks of each example over its picture, and where they differ. */
export const drawExamples = (examples: readonly ExampleMask[]): Promise<readonly ExamplePicture[]> =>
  Promise.all(
    examples.map(async ({ prompt, float, quantized }) => {
      const { rgb, width, height } = await readPicture(prompt.image);
      const factor = Math.min(1, SIDE / Math.max(width, height));
      const size = { width: Math.max(1, Math.round(width * factor)), height: Math.max(1, Math.round(height * factor)) };
      const small = await sharp(rgb, { raw: { width, height, channels: 3 } })
        .resize(size.width, size.height, { fit: 'fill' })
        .raw()
        .toBuffer();
      const marks = Buffer.from(marksSvg(prompt, size, size.width / width));
      const [own, other] = [shrunk(float, size), shrunk(quantized, size)];
      const drawing = (tint: (i: number) => readonly number[] | undefined, pale = false): Promise<string> =>
        encode(tinted(small, tint, pale), size, marks);
      return {
        name: basename(prompt.image),
        agreement: intersectionOverUnion(float, quantized),
        ...size,
        float: await drawing((i) => (own[i] ? FLOAT : undefined)),
        quantized: await drawing((i) => (other[i] ? QUANTIZED : undefined)),
        difference: await drawing((i) => (own[i] === other[i] ? undefined : own[i] ? FLOAT : QUANTIZED), true),
      };
    }),
  );

/** The mask at the pixels of a smaller picture. */
function shrunk({ inside, width, height }: Mask, size: Size): Uint8Array {
  return Uint8Array.from({ length: size.width * size.height }, (_, i) => {
    const x = Math.floor((((i % size.width) + 0.5) * width) / size.width);
    const y = Math.floor(((Math.floor(i / size.width) + 0.5) * height) / size.height);
    return inside[y * width + x]!;
  });
}

/** Tinted where `tint` gives a colour; grey elsewhere, and pale where `pale`. */
function tinted(rgb: Uint8Array, tint: (i: number) => readonly number[] | undefined, pale: boolean): Uint8Array {
  const own = pale ? 0.1 : 0.35;
  return rgb.map((value, at) => {
    const i = Math.floor(at / 3);
    const colour = tint(i);
    if (colour) return Math.round(own * value + (1 - own) * colour[at % 3]!);
    const grey = (rgb[3 * i]! + rgb[3 * i + 1]! + rgb[3 * i + 2]!) / 3;
    return Math.round(pale ? 160 + 0.3 * grey : 30 + 0.8 * grey);
  });
}

/** Points and the box of a prompt. */
function marksSvg({ points, labels }: Prompt, { width, height }: Size, factor: number): string {
  const marks = points.map(([px, py], i) => {
    const [x, y] = [px * factor, py * factor];
    const [right, bottom] = points[i + 1] ?? [px, py];
    if (labels[i] === 3) return '';
    if (labels[i] === 2)
      return `<rect x="${x}" y="${y}" width="${right * factor - x}" height="${bottom * factor - y}" fill="none" stroke="#fff" stroke-width="2" stroke-dasharray="6 3"/>`;
    return `<circle cx="${x}" cy="${y}" r="5" fill="${labels[i] === 1 ? '#16a34a' : '#dc2626'}" stroke="#fff" stroke-width="2"/>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${marks.join('')}</svg>`;
}

async function encode(pixels: Uint8Array, { width, height }: Size, marks: Buffer): Promise<string> {
  const jpeg = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .composite([{ input: marks }])
    .jpeg({ quality: 82, mozjpeg: false })
    .toBuffer();
  return `data:image/jpeg;base64,${jpeg.toString('base64')}`;
}

/** Calibration pictures with the mask of the float models, that of the quantized ones, and where they differ. */
export function pictureSection(pictures: readonly ExamplePicture[]): Html {
  if (pictures.length === 0) return html``;
  const figures = pictures.map(({ name, agreement, width, height, ...drawings }) => {
    const image = (url: string, what: string): Html =>
      html`<img src="${url}" width="${width}" height="${height}" alt="${what} of ${name}">`;
    return html`<figure class="card"><figcaption><b>${name}</b>: the masks agree to ${percentText(agreement)} (IoU)</figcaption>
      <div class="pictures">${image(drawings.float, 'Float mask')}${image(drawings.quantized, 'Quantized mask')}${image(drawings.difference, 'Difference of the masks')}</div></figure>`;
  });
  return html`<h2 id="pictures">Pictures</h2>
    <p class="quiet">Calibration pictures by the <span class="swatch float"></span> float models, by the <span class="swatch"></span> quantized ones, and where the two differ, in the colour of the one whose mask it is.</p>
    <div class="examples">${figures}</div>`;
}
