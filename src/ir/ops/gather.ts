import { attr, defineOp, type InferContext, operand, requireTensor, requireType, TypeMismatch } from '../op.js';
import type { Dim } from '../scalar.js';
import { elementCount, stridesOf, type Tensor, type TensorType } from '../types.js';
import { splitAt, stridedOffsets } from './broadcast.js';
import {
  INDEX_TYPES,
  requireAtMost,
  requireAxis,
  requireDType,
  requireEqual,
  requireRank,
  requireRankAtLeast,
  showShape,
} from './check.js';
import { elementsOf, numbersOf, take, zeros } from './elements.js';

export function requireIndices(types: readonly (TensorType | undefined)[], index: number): TensorType {
  const indices = requireType(types, index, 'indices');
  requireDType(indices, 'indices', INDEX_TYPES);
  return indices;
}

/** The length k of the index tuples in the last axis of `indices`; at most the rank of what they index. */
export function tupleLength(indices: TensorType, rank: number): number {
  requireRankAtLeast(indices, 'indices', 1);
  const length = indices.shape.at(-1)!;
  if (typeof length !== 'number' || length > rank)
    throw new TypeMismatch(`indices: expected a last axis of at most ${rank}, found shape ${showShape(indices.shape)}`);
  return length;
}

/** Indices as numbers from 0 to extent − 1, negative ones counted from the end. Throws for others. */
export function resolveIndices(indices: Tensor, extent: number): Int32Array {
  const resolved = Int32Array.from(numbersOf(indices));
  for (let i = 0; i < resolved.length; i++) {
    const index = resolved[i]!;
    if (index < -extent || index >= extent)
      throw new TypeMismatch(`indices: expected −${extent} ≤ index < ${extent}, found ${index}`);
    if (index < 0) resolved[i] = index + extent;
  }
  return resolved;
}

/** Offsets in a tensor of `shape` of […, indices[…, i, …], …] along an axis, for each element of indices. */
export function elementOffsets(shape: readonly number[], indices: Tensor, axis: number): Int32Array {
  const strides = stridesOf(shape);
  indices.shape.forEach((dim, at) => {
    if (at !== axis && dim > shape[at]!)
      throw new TypeMismatch(`indices: axis ${at} of ${showShape(indices.shape)} exceeds that of ${showShape(shape)}`);
  });
  const offsets = stridedOffsets(
    indices.shape,
    strides.map((stride, at) => (at === axis ? 0 : stride)),
  );
  const resolved = resolveIndices(indices, shape[axis]!);
  return offsets.map((offset, i) => offset + resolved[i]! * strides[axis]!);
}

/** Offsets in a tensor of `shape` of the slices that index tuples [i…, k] choose, and the length of a slice. */
export function tupleOffsets(shape: readonly number[], indices: Tensor): { starts: Int32Array; run: number } {
  const k = indices.shape.at(-1)!;
  const strides = stridesOf(shape);
  const values = numbersOf(indices);
  const starts = new Int32Array(elementCount(indices.shape.slice(0, -1)));
  for (let i = 0; i < starts.length; i++)
    for (let axis = 0; axis < k; axis++) {
      const index = values[i * k + axis]!;
      const extent = shape[axis]!;
      if (index < -extent || index >= extent)
        throw new TypeMismatch(`indices: expected −${extent} ≤ index < ${extent} on axis ${axis}, found ${index}`);
      starts[i] = starts[i]! + (index < 0 ? index + extent : index) * strides[axis]!;
    }
  return { starts, run: elementCount(shape.slice(k)) };
}

/** What index elements along `axis` ask of the other axes: none longer than that of x. */
export function requireElementIndices(x: TensorType, indices: TensorType, axis: number, context: InferContext): void {
  requireAxis(axis, x.shape.length);
  requireRank(indices, 'indices', x.shape.length);
  indices.shape.forEach((dim, at) => {
    if (at !== axis) requireAtMost(dim, x.shape[at]!, `indices, axis ${at} of ${showShape(indices.shape)}`, context);
  });
}

export const gather = defineOp({
  summary:
    'x [a…, n, b…], indices [i…] → [a…, i…, b…]: slices of x along an axis; negative indices count from the end. ONNX Gather.',
  operands: [operand('x'), operand('indices')],
  attrs: { axis: attr.int },
  infer: (types, { axis }) => {
    const x = requireType(types, 0, 'x');
    const indices = requireIndices(types, 1);
    requireAxis(axis, x.shape.length);
    return [{ ...x, shape: [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)] }];
  },
  evaluate: (operands, { axis }, { types: [type] }) => {
    const x = requireTensor(operands, 0);
    const { outer, extent, inner } = splitAt(x.shape, axis);
    const indices = resolveIndices(requireTensor(operands, 1), extent);
    const result = zeros(x.dtype, type!.shape);
    // Elements of every type move alike.
    const [from, to] = [x.data as Float32Array, result.data as Float32Array];
    for (let o = 0, at = 0; o < outer; o++)
      for (const index of indices) {
        const start = (o * extent + index) * inner;
        to.set(from.subarray(start, start + inner), at);
        at += inner;
      }
    return [result];
  },
});

export const gather_elements = defineOp({
  summary: 'result[…, i, …] = x[…, indices[…, i, …], …] along an axis; the shape of indices. ONNX GatherElements.',
  operands: [operand('x'), operand('indices')],
  attrs: { axis: attr.int },
  infer: (types, { axis }, context) => {
    const x = requireType(types, 0, 'x');
    const indices = requireIndices(types, 1);
    requireElementIndices(x, indices, axis, context);
    return [{ ...x, shape: indices.shape }];
  },
  evaluate: (operands, { axis }) => {
    const x = requireTensor(operands, 0);
    const indices = requireTensor(operands, 1);
    return [take(x, elementOffsets(x.shape, indices, axis), indices.shape)];
  },
});

export const gather_nd = defineOp({
  summary: 'x [b…, n…, c…], indices [b…, i…, k] → [b…, i…, c…]: slices of x at tuples of k indices. ONNX GatherND.',
  operands: [operand('x'), operand('indices')],
  attrs: { batch_dims: attr.int },
  infer: (types, { batch_dims }, context) => {
    const x = requireType(types, 0, 'x');
    const indices = requireIndices(types, 1);
    if (!Number.isInteger(batch_dims) || batch_dims < 0 || batch_dims > x.shape.length)
      throw new TypeMismatch(`batch_dims: expected 0 to ${x.shape.length}, found ${batch_dims}`);
    requireRankAtLeast(indices, 'indices', batch_dims + 1);
    const k = tupleLength(indices, x.shape.length - batch_dims);
    const batch = x.shape
      .slice(0, batch_dims)
      .map((dim, axis): Dim => requireEqual(dim, indices.shape[axis]!, `indices, axis ${axis}`, context));
    return [{ ...x, shape: [...batch, ...indices.shape.slice(batch_dims, -1), ...x.shape.slice(batch_dims + k)] }];
  },
  evaluate: (operands, { batch_dims }, { types: [type] }) => {
    const x = requireTensor(operands, 0);
    const indices = requireTensor(operands, 1);
    const batches = elementCount(x.shape.slice(0, batch_dims));
    const { starts, run } = tupleOffsets(x.shape.slice(batch_dims), indices);
    const own = elementCount(x.shape.slice(batch_dims));
    const perBatch = starts.length / Math.max(1, batches);
    const result = zeros(x.dtype, type!.shape);
    const [from, to] = [elementsOf(x.data), elementsOf(result.data)];
    for (let i = 0; i < starts.length; i++) {
      const start = Math.floor(i / perBatch) * own + starts[i]!;
      for (let j = 0; j < run; j++) to[i * run + j] = from[start + j]!;
    }
    return [result];
  },
});
