import { type InferContext, TypeMismatch } from '../op.js';
import { type Dim, decideEqual } from '../scalar.js';
import { elementCount, stridesOf } from '../types.js';
import { requireEqual, showShape } from './check.js';

/** Shape of numpy broadcasting; the shapes are aligned at their last axis and an axis of 1 stretches. */
export function broadcastShapes(shapes: readonly (readonly Dim[])[], context: InferContext): readonly Dim[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) =>
    shapes.reduce<Dim>((dim, shape) => {
      const other = shape[axis - rank + shape.length] ?? 1;
      if (other === 1) return dim;
      if (dim === 1) return other;
      return requireEqual(dim, other, `broadcasting ${shapes.map(showShape).join(' with ')}`, context);
    }, 1),
  );
}

/** Throws unless `from` stretches to exactly `to`. */
export function requireBroadcastsTo(
  from: readonly Dim[],
  to: readonly Dim[],
  name: string,
  context: InferContext,
): void {
  if (from.length > to.length)
    throw new TypeMismatch(`${name}: ${showShape(from)} has more axes than ${showShape(to)}, to which it is broadcast`);
  from.forEach((dim, axis) => {
    const target = to[axis + to.length - from.length]!;
    if (dim !== 1 && decideEqual(dim, target, context.bounds) !== true)
      throw new TypeMismatch(`${name}: ${showShape(from)} does not broadcast to ${showShape(to)}`);
  });
}

/** Strides, in elements, with which a tensor of `shape` is read along `to`: 0 on stretched axes. */
export function broadcastStrides(shape: readonly number[], to: readonly number[]): number[] {
  const own = stridesOf(shape);
  return to.map((_, axis) => {
    const at = axis - to.length + shape.length;
    return at < 0 || shape[at] === 1 ? 0 : own[at]!;
  });
}

/**
 * For every element of a row-major tensor of `shape`, in order, the offset Σ index·stride + start in another one.
 * An Int32Array while the offsets fit: they index typed arrays, whose lengths are below 2^31 here.
 */
export function stridedOffsets(shape: readonly number[], strides: readonly number[], start = 0): Int32Array {
  const offsets = new Int32Array(elementCount(shape));
  if (offsets.length === 0) return offsets;
  offsets[0] = start;
  // Axis by axis from the last: the block of the inner axes is repeated, shifted by one stride each time.
  let block = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const extent = shape[axis]!;
    const stride = strides[axis]!;
    for (let i = 1, to = block; i < extent; i++)
      for (let j = 0; j < block; j++, to++) offsets[to] = offsets[j]! + i * stride;
    block *= extent;
  }
  return offsets;
}

/** Offsets in a tensor of `shape` for every element of `to`; undefined where they are 0, 1, 2, … */
export const broadcastOffsets = (shape: readonly number[], to: readonly number[]): Int32Array | undefined =>
  elementCount(shape) === elementCount(to) ? undefined : stridedOffsets(to, broadcastStrides(shape, to));

/** Splits a shape at an axis: Π before, the axis, Π after. */
export function splitAt(shape: readonly number[], axis: number): { outer: number; extent: number; inner: number } {
  return {
    outer: elementCount(shape.slice(0, axis)),
    extent: shape[axis]!,
    inner: elementCount(shape.slice(axis + 1)),
  };
}
