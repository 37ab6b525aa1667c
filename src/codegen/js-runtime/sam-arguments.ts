import type { PointPrompt, PromptLabel } from '../../decoder-prompt.js';
import { type Pixels, type Point, resizedSize } from '../../prepare-image.js';
import { SamArgumentError } from './errors.js';

/** A decoded picture, row by row from the upper left corner: 4 bytes a pixel (RGBA, as ImageData has it; alpha is ignored) or 3 (RGB). */
export interface SamImage {
  readonly data: Uint8ClampedArray | Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** What is asked for: points or a box or both, in pixels of the picture, x to the right and y downwards. */
export interface SamPrompt<Embedding> {
  readonly points?: readonly (readonly [x: number, y: number])[];
  /** 1 inside, 0 outside; one for each point. Default: all inside. */
  readonly labels?: readonly (0 | 1)[];
  readonly box?: readonly [x0: number, y0: number, x1: number, y1: number];
  /** Low-resolution logits of an earlier answer, which this one refines. */
  readonly mask?: Float32Array;
  /** The picture; default: the last one encoded. */
  readonly embedding?: Embedding;
}

/** What a decoder takes. */
export interface PromptLimits {
  /** At most, SAM's padding point counted. */
  readonly points: number;
  readonly side: number;
  /** Shape of the mask that goes in; undefined where none does. */
  readonly mask: readonly number[] | undefined;
}

const LARGEST_SIDE = 1 << 16;

const fail = (message: string): never => {
  throw new SamArgumentError(message);
};

const isByteArray = (value: unknown): value is Uint8Array | Uint8ClampedArray =>
  ArrayBuffer.isView(value) && /^Uint8(Clamped)?Array$/.test(Object.prototype.toString.call(value).slice(8, -1));

/** @throws SamArgumentError */
export function checkImage(image: unknown, side: number): Pixels {
  if (typeof image !== 'object' || image === null) return fail('image: { data, width, height } is expected');
  const { data, width, height } = image as Readonly<Record<string, unknown>>;
  if (!isByteArray(data)) return fail('image.data: Uint8Array or Uint8ClampedArray is expected');
  const isSide = (value: unknown): value is number =>
    Number.isSafeInteger(value) && Number(value) > 0 && Number(value) <= LARGEST_SIDE;
  if (!isSide(width) || !isSide(height))
    return fail(
      `image: width and height have to be whole numbers from 1 to ${LARGEST_SIDE}, not ${width} and ${height}`,
    );
  const pixels = width * height;
  if (data.length !== pixels * 4 && data.length !== pixels * 3)
    return fail(
      `image.data: ${data.length} bytes for ${width} × ${height} pixels; ${pixels * 4} (RGBA) or ${pixels * 3} (RGB) are expected`,
    );
  const resized = resizedSize({ width, height }, side);
  if (resized.width === 0 || resized.height === 0)
    return fail(`image: ${width} × ${height} pixels is too narrow for a model of ${side} × ${side}`);
  if (data.length === pixels * 3)
    return { width, height, rgb: new Uint8Array(data.buffer, data.byteOffset, data.length) };
  const rgb = new Uint8Array(pixels * 3);
  for (let i = 0, from = 0, to = 0; i < pixels; i++, from += 4, to += 3) {
    rgb[to] = data[from] ?? 0;
    rgb[to + 1] = data[from + 1] ?? 0;
    rgb[to + 2] = data[from + 2] ?? 0;
  }
  return { width, height, rgb };
}

const isPoint = (value: unknown): value is Point =>
  Array.isArray(value) && value.length === 2 && value.every(Number.isFinite);

const KEYS: readonly string[] = ['points', 'labels', 'box', 'mask', 'embedding', 'logits'];

interface CheckedPrompt<Embedding> extends PointPrompt {
  readonly embedding: Embedding;
  readonly mask: Float32Array | undefined;
}

/**
 * @param last the picture that is meant where the prompt names none
 * @throws SamArgumentError
 */
export function checkPrompt<Embedding extends { readonly embeddings: unknown }>(
  prompt: SamPrompt<Embedding>,
  last: Embedding | undefined,
  limits: PromptLimits,
): CheckedPrompt<Embedding> {
  if (typeof prompt !== 'object' || prompt === null) return fail('prompt: { points, labels, box, mask } is expected');
  for (const key of Object.keys(prompt))
    if (!KEYS.includes(key)) fail(`prompt: no field '${key}'; there are: ${KEYS.join(', ')}`);
  const points: readonly unknown[] = listOf(prompt.points, 'points');
  const labels: readonly unknown[] =
    prompt.labels === undefined ? points.map(() => 1) : listOf(prompt.labels, 'labels');
  points.forEach((point, i) => {
    if (!isPoint(point)) fail(`prompt.points[${i}]: [x, y] of finite numbers is expected`);
  });
  if (labels.length !== points.length) fail(`prompt: ${points.length} points but ${labels.length} labels`);
  labels.forEach((label, i) => {
    if (label !== 0 && label !== 1) fail(`prompt.labels[${i}]: 1 (inside) or 0 (outside) is expected`);
  });
  const corners = checkBox(prompt.box);
  const count = points.length + (corners.length > 0 ? 2 : 1);
  if (points.length + corners.length === 0) fail('prompt: points or a box are needed');
  if (count > limits.points)
    fail(
      `prompt: ${count} points (a box counts as two, no box as one), this build takes ${limits.points}; compile with --dim num_points=1..${count}`,
    );
  const embedding = prompt.embedding ?? last;
  if (embedding === undefined) return fail('prompt: no picture has been encoded');
  if (typeof embedding !== 'object' || !('embeddings' in embedding))
    return fail('prompt.embedding: what encode() gave is expected');
  return {
    embedding,
    points: [...(points as readonly Point[]), ...corners],
    labels: [...(labels as readonly PromptLabel[]), ...(corners.length > 0 ? ([2, 3] as const) : [])],
    mask: checkMask(prompt.mask, limits.mask),
  };
}

function listOf(value: unknown, name: string): readonly unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : fail(`prompt.${name}: a list is expected`);
}

function checkBox(box: unknown): readonly Point[] {
  if (box === undefined) return [];
  if (!Array.isArray(box) || box.length !== 4 || !box.every((value): value is number => Number.isFinite(value)))
    return fail('prompt.box: [x0, y0, x1, y1] of finite numbers is expected');
  const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = box;
  if (x1 <= x0 || y1 <= y0) return fail(`prompt.box: [${box.join(', ')}] is empty; x0 < x1 and y0 < y1 are expected`);
  return [
    [x0, y0],
    [x1, y1],
  ];
}

function checkMask(mask: unknown, shape: readonly number[] | undefined): Float32Array | undefined {
  if (mask === undefined) return undefined;
  if (shape === undefined) return fail('prompt.mask: this model takes none');
  const elements = shape.reduce((product, dim) => product * dim, 1);
  if (!(mask instanceof Float32Array) || mask.length !== elements)
    return fail(`prompt.mask: Float32Array of ${elements} logits is expected, as lowResMasks has them`);
  return mask;
}
