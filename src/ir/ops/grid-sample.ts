import { attr, defineOp, operand, requireTensor, requireType, TypeMismatch } from '../op.js';
import { roundHalfEven } from '../scalar.js';
import { elementCount } from '../types.js';
import { FLOAT_TYPES, requireDType, requireEqual, requireRank, showShape } from './check.js';
import { floatsOf, roundStored, zeros } from './elements.js';
import { cubicKernel } from './resample.js';

interface Sampling {
  readonly mode: 'linear' | 'nearest' | 'cubic';
  readonly padding: 'zeros' | 'border' | 'reflection';
  readonly align_corners: boolean;
}

/** An element and its weight. */
interface Tap {
  readonly offset: number;
  readonly weight: number;
}

/** v mirrored at low and high until it is between them. */
function reflect(v: number, low: number, high: number): number {
  const beyond = v < low ? low - v : v > high ? v - high : 0;
  if (beyond === 0) return v;
  const range = high - low;
  if (range <= 0) return low;
  const times = Math.floor(beyond / range);
  const rest = beyond - times * range;
  return v < low === (times % 2 === 0) ? low + rest : high - rest;
}

/** The elements around coordinate u ∈ [−1, 1] of an axis; those in the zeros around x are left out. */
function tapsAt({ mode, padding, align_corners }: Sampling, u: number, extent: number): Tap[] {
  const last = extent - 1;
  const [low, high] = align_corners ? [0, last] : [-0.5, extent - 0.5];
  const clamp = (v: number, least: number, most: number): number => Math.min(Math.max(v, least), most);
  const inside: Readonly<Record<Sampling['padding'], (v: number) => number>> = {
    zeros: (v) => v,
    border: (v) => clamp(v, 0, last),
    reflection: (v) => reflect(v, low, high),
  };
  const exact = align_corners ? ((u + 1) / 2) * last : ((u + 1) * extent - 1) / 2;
  const wanted = mode === 'nearest' ? roundHalfEven(exact) : exact;
  const finite = Number.isNaN(wanted) ? -1e9 : clamp(wanted, -1e9, 1e9);
  const position = finite < low || finite > high ? inside[padding](finite) : finite;
  const KERNELS: Readonly<Record<Sampling['mode'], readonly [number, number, (distance: number) => number]>> = {
    nearest: [0, 1, () => 1],
    linear: [0, 2, (distance) => Math.max(0, 1 - Math.abs(distance))],
    cubic: [-1, 4, (distance) => cubicKernel(distance, -0.75)],
  };
  const [before, count, kernel] = KERNELS[mode];
  const base = (mode === 'nearest' ? roundHalfEven(position) : Math.floor(position)) + before;
  return Array.from({ length: count }, (_, i) => ({
    offset: Math.trunc(inside[padding](base + i)),
    weight: kernel(base + i - position),
  })).filter(({ offset, weight }) => offset >= 0 && offset <= last && weight !== 0);
}

/** Products of the taps of every axis, as row-major offsets in the spatial shape. */
const combine = (axes: readonly (readonly Tap[])[], extents: readonly number[]): readonly Tap[] =>
  axes.reduce<readonly Tap[]>(
    (outer, taps, axis) =>
      outer.flatMap(({ offset, weight }) =>
        taps.map((tap) => ({ offset: offset * extents[axis]! + tap.offset, weight: weight * tap.weight })),
      ),
    [{ offset: 0, weight: 1 }],
  );

export const grid_sample = defineOp({
  summary:
    'x [b, c, spatial…], grid [b, out…, r] → [b, c, out…]: x at the points of the grid, whose r coordinates are in [−1, 1], last axis first. ONNX GridSample.',
  operands: [operand('x'), operand('grid')],
  attrs: {
    mode: attr.enum('linear', 'nearest', 'cubic'),
    padding: attr.enum('zeros', 'border', 'reflection'),
    align_corners: attr.bool,
  },
  infer: (types, _, context) => {
    const x = requireType(types, 0, 'x');
    const grid = requireType(types, 1, 'grid');
    requireDType(x, 'x', FLOAT_TYPES);
    requireDType(grid, 'grid', FLOAT_TYPES);
    const rank = x.shape.length - 2;
    if (rank < 1) throw new TypeMismatch(`x: expected [b, c, spatial…], found shape ${showShape(x.shape)}`);
    requireRank(grid, 'grid', rank + 2);
    requireEqual(x.shape[0]!, grid.shape[0]!, 'batch of grid', context);
    requireEqual(rank, grid.shape.at(-1)!, 'coordinates of grid, one for each spatial axis', context);
    return [{ dtype: x.dtype, shape: [...x.shape.slice(0, 2), ...grid.shape.slice(1, -1)] }];
  },
  evaluate: (operands, attrs, { types: [type] }) => {
    const [x, grid] = [requireTensor(operands, 0), requireTensor(operands, 1)];
    const result = zeros(x.dtype, type!.shape);
    const [from, points, to] = [floatsOf(x.data), floatsOf(grid.data), floatsOf(result.data)];
    const extents = x.shape.slice(2);
    const rank = extents.length;
    const plane = elementCount(extents);
    const [batch, channels] = [x.shape[0]!, x.shape[1]!];
    const count = elementCount(type!.shape.slice(2));
    for (let b = 0; b < batch; b++)
      for (let point = 0; point < count; point++) {
        const at = (b * count + point) * rank;
        const taps = extents.map((extent, axis) => tapsAt(attrs, points[at + rank - 1 - axis]!, extent));
        const terms = combine(taps, extents);
        for (let channel = 0; channel < channels; channel++) {
          const start = (b * channels + channel) * plane;
          let sum = 0;
          for (const { offset, weight } of terms) sum += weight * from[start + offset]!;
          to[(b * channels + channel) * count + point] = sum;
        }
      }
    return [roundStored(result)];
  },
});
