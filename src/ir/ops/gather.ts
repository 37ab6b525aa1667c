import { attr, defineOp, operand, requireType, TypeMismatch } from '../op.js';
import type { Dim } from '../scalar.js';
import type { TensorType } from '../types.js';
import {
  INDEX_TYPES,
  requireAxis,
  requireDType,
  requireEqual,
  requireRank,
  requireRankAtLeast,
  showShape,
} from './check.js';
import { pending } from './pending.js';

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
  evaluate: pending,
});

export const gather_elements = defineOp({
  summary: 'result[…, i, …] = x[…, indices[…, i, …], …] along an axis; the shape of indices. ONNX GatherElements.',
  operands: [operand('x'), operand('indices')],
  attrs: { axis: attr.int },
  infer: (types, { axis }) => {
    const x = requireType(types, 0, 'x');
    const indices = requireIndices(types, 1);
    requireAxis(axis, x.shape.length);
    requireRank(indices, 'indices', x.shape.length);
    return [{ ...x, shape: indices.shape }];
  },
  evaluate: pending,
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
  evaluate: pending,
});
