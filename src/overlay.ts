import sharp from 'sharp';
import type { Picture } from './image.js';
import type { Mask } from './mask.js';
import type { Prompt } from './prompts.js';
import { resampleBilinear, type Size } from './resample.js';
import { UserError } from './user-error.js';

const TINT = [30, 144, 255] as const;
const TINT_SHARE = 0.45;
const INSIDE_MARK = '#22c55e';
const OUTSIDE_MARK = '#ef4444';
/** Smaller pictures are enlarged by a whole factor, so that contour and markers stay fine. */
const LEAST_SIDE = 768;

/** Draws a mask, tinted and outlined, and the prompt that it answers over its picture, and writes a PNG. */
export async function writeOverlay(
  path: string,
  picture: Picture,
  mask: Mask,
  prompt: Pick<Prompt, 'points' | 'labels'>,
): Promise<void> {
  if (mask.width !== picture.width || mask.height !== picture.height) {
    throw new UserError(
      `${picture.path}: ${picture.width} × ${picture.height} pixels, but its mask has ${mask.width} × ${mask.height}`,
    );
  }
  const factor = Math.max(1, Math.ceil(LEAST_SIDE / Math.max(picture.width, picture.height)));
  const size = { width: picture.width * factor, height: picture.height * factor };
  const line = Math.max(2, Math.round(Math.max(size.width, size.height) / 400));

  const pixels = resampleBilinear(picture.rgb, 3, picture, size);
  const { width, height } = size;
  const soft = await sharp(
    resampleBilinear(
      mask.inside.map((inside) => inside * 255),
      1,
      mask,
      size,
    ),
    {
      raw: { width, height, channels: 1 },
    },
  )
    .blur(line)
    .toColourspace('b-w')
    .raw()
    .toBuffer();
  // A straight edge blurred with deviation σ falls by 1 / (σ √2π) a pixel, which gives the distance from the edge.
  const distanceOfLevel = line * Math.sqrt(2 * Math.PI);
  for (let i = 0; i < width * height; i++) {
    const level = soft[i]! / 255 - 0.5;
    const distance = Math.abs(level * distanceOfLevel);
    const contour = clamp(line / 2 + 0.5 - distance);
    const tint = TINT_SHARE * clamp(0.5 + level * distanceOfLevel);
    for (let channel = 0; channel < 3; channel++) {
      const tinted = mix(pixels[3 * i + channel]!, TINT[channel]!, tint);
      pixels[3 * i + channel] = Math.round(mix(tinted, 255, 0.95 * contour));
    }
  }
  const markers = Buffer.from(markersSvg(prompt, size, factor, line));
  await sharp(pixels, { raw: { width, height, channels: 3 } })
    .composite([{ input: markers }])
    .png()
    .toFile(path);
}

const clamp = (x: number): number => Math.min(1, Math.max(0, x));
const mix = (from: number, to: number, share: number): number => from + (to - from) * share;

/** A dot with a plus or a minus for each point, a dashed frame for a box. */
function markersSvg(
  { points, labels }: Pick<Prompt, 'points' | 'labels'>,
  size: Size,
  factor: number,
  line: number,
): string {
  const radius = 4 * line;
  const shapes = points.map(([px, py], i) => {
    const [x, y] = [px * factor, py * factor];
    const label = labels[i];
    if (label === 3) return '';
    if (label === 2) {
      const [right, bottom] = points[i + 1] ?? [px, py];
      const frame = `x="${x}" y="${y}" width="${right * factor - x}" height="${bottom * factor - y}" rx="${line}" fill="none"`;
      return `<rect ${frame} stroke="#fff" stroke-width="${2 * line}"/>
        <rect ${frame} stroke="${INSIDE_MARK}" stroke-width="${line}" stroke-dasharray="${4 * line} ${2 * line}"/>`;
    }
    const arm = radius * 0.55;
    const sign = `M${x - arm} ${y}H${x + arm}${label === 1 ? `M${x} ${y - arm}V${y + arm}` : ''}`;
    return `<circle cx="${x}" cy="${y}" r="${radius}" fill="${label === 1 ? INSIDE_MARK : OUTSIDE_MARK}" stroke="#fff" stroke-width="${line}"/>
      <path d="${sign}" stroke="#fff" stroke-width="${line}" stroke-linecap="round"/>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${size.height}">${shapes.join('')}</svg>`;
}
