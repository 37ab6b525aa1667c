import type { Tensor } from '../../src/ir/types.js';
import { seededUniform, smoothField } from './random.js';

/** Inputs of the family's models, seeded. A seed is one picture with one prompt. */

export type Feeds = ReadonlyMap<string, Tensor>;

export const f32 = (shape: readonly number[], data: Float32Array): Tensor => ({ dtype: 'f32', shape, data });
export const i64 = (shape: readonly number[], values: readonly number[]): Tensor => ({
  dtype: 'i64',
  shape,
  data: BigInt64Array.from(values.map(BigInt)),
});

export const image = (name: string, side: number, seed: number): Feeds =>
  new Map([[name, f32([1, 3, side, side], smoothField(`image ${seed}`, 3, side))]]);

/** A picture of 0 … 1. */
export const unitImage = (name: string, height: number, width: number, seed: number): Feeds => {
  const side = Math.max(height, width);
  const field = smoothField(`image ${seed}`, 3, side);
  const data = new Float32Array(3 * height * width);
  for (let i = 0; i < data.length; i++) {
    const [x, y, c] = [i % width, Math.floor(i / width) % height, Math.floor(i / (width * height))];
    data[i] = Math.min(1, Math.max(0, 0.5 + 0.2 * field[(c * side + y) * side + x]!));
  }
  return new Map([[name, f32([1, 3, height, width], data)]]);
};

/** [1, channels, side, side] of what an encoder might give. */
export const features = (name: string, channels: number, side: number, seed: number): readonly [string, Tensor] => [
  name,
  f32([1, channels, side, side], smoothField(`${name} ${seed}`, channels, side)),
];

/** Points in a square of `side` pixels: one to four clicks inside or outside, then the padding point of SAM where `pads`. */
export function clicks(
  side: number,
  seed: number,
  pads = true,
): { readonly coords: Float32Array; readonly labels: readonly number[] } {
  const next = seededUniform(`clicks ${seed}`);
  const count = 1 + (seed % 4);
  const coords = Array.from({ length: 2 * count }, () => (0.5 + 0.45 * next()) * side);
  const labels = Array.from({ length: count }, (_, i) => (i === 0 || next() > 0 ? 1 : 0));
  return pads
    ? { coords: Float32Array.from([...coords, 0, 0]), labels: [...labels, -1] }
    : { coords: Float32Array.from(coords), labels };
}

/** The inputs of SAM's ONNX decoder; every second prompt brings a mask. */
export function samPrompt(grid: number, seed: number, size: readonly [number, number]): Feeds {
  const { coords, labels } = clicks(16 * grid, seed);
  const mask = smoothField(`mask ${seed}`, 1, 4 * grid);
  return new Map([
    ['point_coords', f32([1, labels.length, 2], coords)],
    ['point_labels', f32([1, labels.length], Float32Array.from(labels))],
    ['mask_input', f32([1, 1, 4 * grid, 4 * grid], seed % 2 === 0 ? mask : mask.fill(0))],
    ['has_mask_input', f32([1], Float32Array.of(seed % 2 === 0 ? 1 : 0))],
    ['orig_im_size', f32([2], Float32Array.from(size))],
  ]);
}

export const merged = (...parts: readonly Feeds[]): Feeds => new Map(parts.flatMap((part) => [...part]));
