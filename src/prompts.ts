import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { PointPrompt, PromptLabel } from './decoder-prompt.js';
import type { Point } from './prepare-image.js';
import type { Size } from './resample.js';
import { messageOf, UserError } from './user-error.js';

export { type DecoderPrompt, type PromptLabel, toDecoderPrompt } from './decoder-prompt.js';

export interface Prompt extends PointPrompt {
  /** Path of the picture. */
  readonly image: string;
  /** Path of the picture of the true mask. */
  readonly mask?: string;
}

export interface PromptWithMask extends Prompt {
  readonly mask: string;
}

/**
 * Reads and checks a prompts file: `[{ "image", "mask", "points": [[x, y], …], "labels": [1, 0, 2, 3, …] }, …]`. Pictures and masks are looked for in
 * `folder`, then beside the file.
 *
 * @throws naming the file, the entry and the cause
 */
export async function readPrompts(file: string, folder: string = dirname(file)): Promise<Prompt[]> {
  let text: string;
  let entries: unknown;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new UserError(`${file}: cannot be read: ${messageOf(cause)}`, { cause });
  }
  try {
    entries = JSON.parse(text);
  } catch (cause) {
    throw new UserError(`${file}: not JSON: ${messageOf(cause)}`, { cause });
  }
  if (!Array.isArray(entries))
    throw new UserError(`${file}: a list of prompts is expected, e.g. [{ "image": "a.png", … }]`);
  if (entries.length === 0) throw new UserError(`${file}: the list of prompts is empty`);
  const folders = [...new Set([folder, dirname(file)])];
  const prompts: Prompt[] = [];
  for (const [index, entry] of entries.entries()) {
    try {
      prompts.push(await checkPrompt(entry, folders));
    } catch (cause) {
      throw new UserError(`${file}: entry ${index}: ${messageOf(cause)}`, { cause });
    }
  }
  return prompts;
}

/** For measuring: the same, where an entry without a mask is an error. */
export async function readPromptsWithMasks(file: string, folder?: string): Promise<PromptWithMask[]> {
  return (await readPrompts(file, folder)).map((prompt, index) => {
    if (prompt.mask === undefined) throw new UserError(`${file}: entry ${index}: "mask" is missing`);
    return { ...prompt, mask: prompt.mask };
  });
}

async function checkPrompt(entry: unknown, folders: readonly string[]): Promise<Prompt> {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) throw new UserError('an object is expected');
  const { image, mask, points, labels } = entry as Readonly<Record<string, unknown>>;
  if (typeof image !== 'string' || image === '') throw new UserError('"image" has to be the name of a picture');
  if (mask !== undefined && (typeof mask !== 'string' || mask === ''))
    throw new UserError('"mask" has to be the name of a picture');
  const checked = { ...checkPoints(points, labels), image: await locate('picture', image, folders) };
  return mask === undefined ? checked : { ...checked, mask: await locate('mask', mask, folders) };
}

function checkPoints(points: unknown, labels: unknown): Pick<Prompt, 'points' | 'labels'> {
  if (!Array.isArray(points) || points.length === 0)
    throw new UserError('"points" has to be a list of at least one [x, y]');
  points.forEach((point: unknown, i) => {
    if (!Array.isArray(point) || point.length !== 2 || !point.every(Number.isFinite)) {
      throw new UserError(`point ${i}: [x, y] is expected, not ${JSON.stringify(point)}`);
    }
  });
  if (!Array.isArray(labels)) throw new UserError('"labels" has to be a list of one label a point');
  if (labels.length !== points.length) throw new UserError(`${points.length} points but ${labels.length} labels`);
  labels.forEach((label: unknown, i) => {
    if (label !== 0 && label !== 1 && label !== 2 && label !== 3) {
      throw new UserError(
        `label ${i}: ${JSON.stringify(label)} is none of 0 (outside), 1 (inside), 2 and 3 (corners of a box)`,
      );
    }
    if (label === 2 && labels[i + 1] !== 3)
      throw new UserError(`label ${i}: 2, a first corner, is not followed by 3, the second`);
    if (label === 3 && labels[i - 1] !== 2)
      throw new UserError(`label ${i}: 3, a second corner, does not follow 2, the first`);
  });
  if (labels.filter((label) => label === 2).length > 1) throw new UserError('more than one box');
  const corner = labels.indexOf(2);
  if (corner >= 0) {
    const [[x0, y0], [x1, y1]] = [points[corner] as Point, points[corner + 1] as Point];
    if (x0 > x1 || y0 > y1)
      throw new UserError(`box ${x0},${y0},${x1},${y1}: the first corner has to be the upper left one`);
  }
  return { points: points as Point[], labels: labels as PromptLabel[] };
}

async function locate(what: string, name: string, folders: readonly string[]): Promise<string> {
  for (const folder of folders) {
    const path = join(folder, name);
    if (
      await stat(path).then(
        (found) => found.isFile(),
        () => false,
      )
    )
      return path;
  }
  throw new UserError(`${what} ${JSON.stringify(name)} is not in ${folders.join(' or ')}`);
}

/** Prompts for a picture that nobody has clicked on: points in the middle of it and of its quarters, a box of half its width and one of most of it, a pair of points. */
export function defaultPrompts(image: string, { width, height }: Size): Prompt[] {
  const at = (x: number, y: number): Point => [x * width, y * height];
  const shapes: readonly (readonly [readonly Point[], readonly PromptLabel[]])[] = [
    [[at(0.5, 0.5)], [1]],
    [[at(0.25, 0.25)], [1]],
    [[at(0.75, 0.25)], [1]],
    [[at(0.25, 0.75)], [1]],
    [[at(0.75, 0.75)], [1]],
    [
      [at(0.25, 0.25), at(0.75, 0.75)],
      [2, 3],
    ],
    [
      [at(0.05, 0.05), at(0.95, 0.95)],
      [2, 3],
    ],
    [
      [at(0.5, 0.4), at(0.1, 0.9)],
      [1, 0],
    ],
  ];
  return shapes.map(([points, labels]) => ({ image, points, labels }));
}

const PICTURE = /\.(png|jpe?g|webp|tiff?|gif|avif)$/i;
const MASK = /^(.+)-mask\d*\.[a-z]+$/i;

/** What a folder holds to calibrate on: pictures with prompts for some of them (none without a prompts.json), or arrays keyed by input name. */
export type CalibrationFolder =
  | { readonly kind: 'pictures'; readonly pictures: readonly string[]; readonly prompts: readonly Prompt[] | undefined }
  | { readonly kind: 'arrays'; readonly files: readonly string[] };

/**
 * Lists a calibration folder, in the order of names. Masks (named by prompts.json, or `<picture>-mask<n>`) are not pictures.
 *
 * @throws where it is missing, empty, holds both kinds, or its prompts.json is wrong
 */
export async function readCalibrationFolder(folder: string): Promise<CalibrationFolder> {
  let names: string[];
  try {
    names = (await readdir(folder)).sort();
  } catch (cause) {
    throw new UserError(`${folder}: calibration folder cannot be read: ${messageOf(cause)}`, { cause });
  }
  const pictureNames = names.filter((name) => PICTURE.test(name));
  const arrayNames = names.filter((name) => name.endsWith('.npz'));
  if (pictureNames.length > 0 && arrayNames.length > 0) {
    throw new UserError(
      `${folder}: holds pictures (${pictureNames[0]}) and arrays (${arrayNames[0]}); calibrate on one kind`,
    );
  }
  if (arrayNames.length > 0) return { kind: 'arrays', files: arrayNames.map((name) => join(folder, name)) };
  if (pictureNames.length === 0)
    throw new UserError(`${folder}: no pictures (png, jpg, …) and no .npz files to calibrate on`);

  const prompts = names.includes('prompts.json') ? await readPrompts(join(folder, 'prompts.json')) : undefined;
  const masks = new Set(prompts?.map(({ mask }) => mask));
  const stems = new Set(pictureNames.map((name) => name.replace(PICTURE, '')));
  const pictures = pictureNames
    .filter((name) => !stems.has(MASK.exec(name)?.[1] ?? ''))
    .map((name) => join(folder, name))
    .filter((path) => !masks.has(path));
  return { kind: 'pictures', pictures, prompts };
}
