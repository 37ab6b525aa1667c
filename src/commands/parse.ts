import { InvalidArgumentError } from 'commander';
import type { Point } from '../image.js';
import type { Bounds } from '../ir/scalar.js';
import { UserError } from '../user-error.js';

/** Option values from text. A form that cannot be read is wrong usage. */

/** `num_points=1..8` or `num_points=4`; a name may hold `=`. */
export function parseDim(text: string, before: Readonly<Record<string, Bounds>> = {}): Record<string, Bounds> {
  const match = /^(.+)=(\d+)(?:\.\.(\d+))?$/.exec(text);
  if (!match) throw new InvalidArgumentError('expected <symbol>=<min>..<max>, for instance num_points=1..8');
  const [, name = '', least, most = least] = match;
  const bounds = { min: Number(least), max: Number(most) };
  if (bounds.max < bounds.min || bounds.max < 1) throw new UserError(`--dim ${text}: the bounds are not in order`);
  return { ...before, [name]: bounds };
}

/** `<input>=<file>`, at the first `=`. */
export function parseBinding(text: string): readonly [name: string, file: string] {
  const at = text.indexOf('=');
  if (at < 1 || at === text.length - 1) throw new InvalidArgumentError('expected <input>=<file.npy>');
  return [text.slice(0, at), text.slice(at + 1)];
}

export const collectBindings = (
  text: string,
  before: readonly (readonly [string, string])[] = [],
): readonly (readonly [string, string])[] => [...before, parseBinding(text)];

function numbers(text: string, count: readonly number[], form: string): readonly number[] {
  const parts = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (!count.includes(parts.length) || !parts.every(Number.isFinite))
    throw new InvalidArgumentError(`expected ${form}`);
  return parts;
}

export interface LabelledPoint {
  readonly point: Point;
  readonly label: 0 | 1;
}

/** `x,y` inside the object, or `x,y,0` outside of it. */
export function collectPoints(text: string, before: readonly LabelledPoint[] = []): readonly LabelledPoint[] {
  const [x = 0, y = 0, label = 1] = numbers(text, [2, 3], 'x,y or x,y,label (1 inside, 0 outside)');
  if (label !== 0 && label !== 1) throw new InvalidArgumentError('a label is 1 (inside) or 0 (outside)');
  return [...before, { point: [x, y], label }];
}

export type Box = readonly [Point, Point];

/** `x0,y0,x1,y1`: upper left and lower right corner. */
export function parseBox(text: string): Box {
  const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = numbers(text, [4], 'x0,y0,x1,y1');
  if (x0 > x1 || y0 > y1) throw new InvalidArgumentError('the upper left corner comes first');
  return [
    [x0, y0],
    [x1, y1],
  ];
}

export function parseCount(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new InvalidArgumentError('expected a whole number from 1');
  return Number(text);
}

/** A part of 1: `0.01`. */
export function parseDrop(text: string): number {
  const drop = /^\d*\.?\d+(e-?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  if (!(drop > 0 && drop < 1)) throw new InvalidArgumentError('expected a number between 0 and 1, for instance 0.01');
  return drop;
}

/** `1500000`, `1.5MB` or `900kB`; 1 kB is 1000 bytes. */
export function parseBytes(text: string): number {
  const [, digits = '', unit = ''] = /^(\d+(?:\.\d+)?)(kB|MB)?$/.exec(text) ?? [];
  const bytes = Math.floor(Number(digits) * ({ kB: 1e3, MB: 1e6 }[unit] ?? 1));
  if (!(bytes > 0)) throw new InvalidArgumentError('expected a number of bytes, for instance 1500000 or 1.5MB');
  return bytes;
}

export const collect = (text: string, before: readonly string[] = []): readonly string[] => [...before, text];
