import type { Point } from '../../../prepare-image.js';
import type { PagePrompt } from './protocol.js';

const FILL = [47, 139, 255, 105] as const;
const EDGE = [255, 255, 255, 255] as const;

/** A mask with an outline, over a transparent ground. */
export function maskImage(mask: Uint8Array, width: number, height: number): ImageData {
  const image = new ImageData(width, height);
  const { data } = image;
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++) {
      if (mask[i] !== 1) continue;
      const border =
        (x > 0 && mask[i - 1] === 0) ||
        (x < width - 1 && mask[i + 1] === 0) ||
        (y > 0 && mask[i - width] === 0) ||
        (y < height - 1 && mask[i + width] === 0);
      data.set(border ? EDGE : FILL, i * 4);
    }
  return image;
}

/** White inside, black outside: what is downloaded. */
export async function maskPng(mask: Uint8Array, width: number, height: number): Promise<Blob> {
  const canvas = new OffscreenCanvas(width, height);
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  mask.forEach((inside, i) => {
    pixels[i] = inside === 1 ? 0xffffffff : 0xff000000;
  });
  canvas.getContext('2d')?.putImageData(image, 0, 0);
  return canvas.convertToBlob({ type: 'image/png' });
}

const SVG = 'http://www.w3.org/2000/svg';

function shape(name: string, attributes: Readonly<Record<string, string>>): SVGElement {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

/** Points and the box, in per cent of the picture so that they stay where they are at any size. */
export function drawMarks(svg: SVGElement, { points, labels, box }: PagePrompt, width: number, height: number): void {
  const at = ([x, y]: Point): readonly [string, string] => [`${(x / width) * 100}%`, `${(y / height) * 100}%`];
  const marks = points.map((point, i) => {
    const [cx, cy] = at(point);
    return shape('circle', { cx, cy, r: '7', class: labels[i] === 1 ? 'inside' : 'outside' });
  });
  if (box !== undefined) {
    const [x, y] = at([box[0], box[1]]);
    const [w, h] = at([box[2] - box[0], box[3] - box[1]]);
    marks.unshift(shape('rect', { x, y, width: w, height: h }));
  }
  svg.replaceChildren(...marks);
}
