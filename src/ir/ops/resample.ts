import { splitAt } from './broadcast.js';

/** How `resize` reads x: for each result of an axis, positions and weights (ONNX Resize, reference implementation). */

export interface ResizeAttrs {
  readonly mode: 'nearest' | 'linear' | 'cubic';
  readonly coordinates:
    | 'half_pixel'
    | 'half_pixel_symmetric'
    | 'pytorch_half_pixel'
    | 'align_corners'
    | 'asymmetric'
    | 'tf_crop_and_resize';
  readonly nearest: 'round_prefer_floor' | 'round_prefer_ceil' | 'floor' | 'ceil';
  readonly cubic_a: number;
  readonly exclude_outside: boolean;
  readonly antialias: boolean;
  readonly scales?: readonly number[] | undefined;
  readonly roi?: readonly number[] | undefined;
}

export interface Taps {
  readonly at: readonly number[];
  readonly weights: readonly number[];
}

export interface AxisSampling {
  readonly taps: readonly Taps[];
  /** Results that `tf_crop_and_resize` reads outside x. */
  readonly outside: readonly boolean[];
}

interface Axis {
  readonly size: number;
  readonly inSize: number;
  /** Result size over size of x; the exact one where `scales` gives it. */
  readonly scale: number;
  readonly roi: readonly [number, number];
}

const halfPixel = (o: number, { scale }: Axis): number => (o + 0.5) / scale - 0.5;
/** The size asked for: not whole where `scales` gives it. */
const lengthOf = ({ inSize, scale }: Axis): number => scale * inSize;

/** Where result o of an axis lies in x. */
const COORDINATES: Readonly<Record<ResizeAttrs['coordinates'], (o: number, axis: Axis) => number>> = {
  half_pixel: halfPixel,
  half_pixel_symmetric: (o, axis) => (axis.inSize / 2) * (1 - axis.size / lengthOf(axis)) + halfPixel(o, axis),
  pytorch_half_pixel: (o, axis) => (lengthOf(axis) === 1 ? -0.5 : halfPixel(o, axis)),
  align_corners: (o, axis) => (lengthOf(axis) === 1 ? 0 : (o * (axis.inSize - 1)) / (lengthOf(axis) - 1)),
  asymmetric: (o, { scale }) => o / scale,
  tf_crop_and_resize: (o, axis) => {
    const [start, end] = axis.roi;
    const last = axis.inSize - 1;
    if (lengthOf(axis) === 1) return 0.5 * (start + end) * last;
    return (o * (end - start) * last) / (lengthOf(axis) - 1) + start * last;
  },
};

const f = Math.fround;
/** (o + shift)·step + offset, each operation in float32: the bilinear kernel's [step, shift, offset]. */
const BILINEAR: { readonly [K in ResizeAttrs['coordinates']]?: (axis: Axis) => readonly [number, number, number] } = {
  half_pixel: ({ scale }) => [1 / scale, 0.5, -0.5],
  pytorch_half_pixel: (axis) => (lengthOf(axis) === 1 ? [0, 0.5, 0] : [1 / axis.scale, 0.5, -0.5]),
  align_corners: (axis) => [lengthOf(axis) === 1 ? 0 : (axis.inSize - 1) / (lengthOf(axis) - 1), 0, 0],
  asymmetric: ({ scale }) => [1 / scale, 0, 0],
};

/**
 * Whether a resize of float32 is the bilinear kernel's, which computes in float32: linear along one axis or two
 * neighbouring ones. The others compute in float64. (Leaving out what lies outside changes nothing there: its weight
 * goes to the border, where clamping puts it.)
 */
export function isBilinear(
  { mode, antialias, coordinates, scales }: ResizeAttrs,
  from: readonly number[],
  to: readonly number[],
): boolean {
  const resized = from.flatMap((dim, axis) => (dim === to[axis] && (scales?.[axis] ?? 1) === 1 ? [] : [axis]));
  const neighbours = resized.length === 1 || (resized.length === 2 && resized[1]! - resized[0]! === 1);
  return mode === 'linear' && !antialias && BILINEAR[coordinates] !== undefined && neighbours;
}

function bilinearTaps(o: number, axis: Axis, [step, shift, offset]: readonly [number, number, number]): Taps {
  const last = axis.inSize - 1;
  const position = f(f(f(o + shift) * f(step)) + offset);
  const inside = Math.max(Math.min(position, last), 0);
  const low = Math.floor(inside);
  const weight = f(inside - low);
  return { at: [low, Math.min(low + 1, last)], weights: [f(1 - weight), weight] };
}

const NEAREST: Readonly<Record<ResizeAttrs['nearest'], (position: number) => number>> = {
  round_prefer_floor: (position) => Math.ceil(position - 0.5),
  round_prefer_ceil: (position) => Math.floor(position + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

/** Keys' cubic convolution kernel with coefficient a. */
export function cubicKernel(distance: number, a: number): number {
  const d = Math.abs(distance);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

/** Weights by distance and the reach of the kernel, in units of x; wider by 1/scale when shrinking with antialias. */
function kernelTaps(attrs: ResizeAttrs, base: number, fraction: number, scale: number): Taps {
  const linear = attrs.mode === 'linear';
  const shrink = attrs.antialias ? Math.min(scale, 1) : 1;
  const first = Math.floor(-(linear ? 1 : 2) / shrink) + 1;
  const positions = Array.from({ length: 2 - 2 * first }, (_, i) => first + i);
  const weights = positions.map((i) => {
    const distance = (i - fraction) * shrink;
    return linear ? Math.max(0, 1 - Math.abs(distance)) : cubicKernel(distance, attrs.cubic_a);
  });
  const at = positions.map((i) => base + i);
  return attrs.antialias ? normalised({ at, weights }) : { at, weights };
}

function normalised({ at, weights }: Taps): Taps {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return { at, weights: weights.map((weight) => weight / total) };
}

function tapsAt(attrs: ResizeAttrs, position: number, { inSize, scale }: Axis): Taps {
  const last = inSize - 1;
  const clamp = (i: number): number => Math.min(Math.max(i, 0), last);
  const base = Math.floor(position);
  const fraction = position - base;
  if (attrs.mode === 'nearest') {
    return { at: [clamp(NEAREST[attrs.nearest](position))], weights: [1] };
  }
  const taps = kernelTaps(attrs, base, fraction, scale);
  const kept = attrs.exclude_outside
    ? normalised({ at: taps.at, weights: taps.weights.map((w, i) => (taps.at[i] === clamp(taps.at[i]!) ? w : 0)) })
    : taps;
  return { at: kept.at.map(clamp), weights: kept.weights };
}

/** How axis `axis`, from inSize to size, is read; in the arithmetic of the bilinear kernel where `bilinear`. */
export function axisSampling(
  attrs: ResizeAttrs,
  axis: number,
  inSize: number,
  size: number,
  bilinear: boolean,
): AxisSampling {
  const rank = (attrs.roi?.length ?? 0) / 2;
  const scale = attrs.scales?.[axis] ?? size / inSize;
  const own: Axis = { size, inSize, scale, roi: [attrs.roi?.[axis] ?? 0, attrs.roi?.[rank + axis] ?? 1] };
  const positions = Array.from({ length: size }, (_, o) => COORDINATES[attrs.coordinates](o, own));
  const constants = bilinear ? BILINEAR[attrs.coordinates]?.(own) : undefined;
  if (constants)
    return { taps: positions.map((_, o) => bilinearTaps(o, own, constants)), outside: positions.map(() => false) };
  const crops = attrs.coordinates === 'tf_crop_and_resize';
  return {
    taps: positions.map((position) => tapsAt(attrs, position, own)),
    outside: positions.map((position) => crops && (position < 0 || position > inSize - 1)),
  };
}

const isIdentity = (taps: readonly Taps[], extent: number): boolean =>
  taps.length === extent &&
  taps.every(({ at, weights }, o) => weights.every((weight, i) => weight === 0 || (weight === 1 && at[i] === o)));

/** values [outer, extent, inner] → [outer, taps, inner]: Σ weight·value along an axis, in the order of the taps. */
export function resample(
  values: Float64Array<ArrayBuffer>,
  shape: readonly number[],
  axis: number,
  taps: readonly Taps[],
  round: (x: number) => number,
): Float64Array<ArrayBuffer> {
  const { outer, extent, inner } = splitAt(shape, axis);
  if (isIdentity(taps, extent)) return values;
  const result = new Float64Array(outer * taps.length * inner);
  for (let o = 0, to = 0; o < outer; o++)
    for (const { at, weights } of taps)
      for (let i = 0; i < inner; i++, to++) {
        let sum = weights.length === 1 ? values[(o * extent + at[0]!) * inner + i]! : 0;
        if (weights.length > 1)
          for (let t = 0; t < at.length; t++)
            sum = round(sum + round(values[(o * extent + at[t]!) * inner + i]! * weights[t]!));
        result[to] = sum;
      }
  return result;
}
