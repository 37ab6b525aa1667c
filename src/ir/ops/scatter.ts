import { attr, defineOp, operand, requireType } from '../op.js';
import type { TensorType } from '../types.js';
import { NUMERIC_TYPES, requireAxis, requireDType, requireRank, requireSameDType, requireShape } from './check.js';
import { requireIndices, tupleLength } from './gather.js';
import { pending } from './pending.js';

const REDUCTION = attr.enum('none', 'add', 'mul', 'max', 'min');

function requireUpdates(x: TensorType, types: readonly (TensorType | undefined)[], reduction: string): TensorType {
  const updates = requireType(types, 2, 'updates');
  requireSameDType(x, 'x', updates, 'updates');
  if (reduction !== 'none') requireDType(x, `x of reduction ${reduction}`, NUMERIC_TYPES);
  return updates;
}

export const scatter_nd = defineOp({
  summary:
    'A copy of x [n…, c…] with updates [i…, c…] put at the index tuples of indices [i…, k], one after the other. ONNX ScatterND.',
  operands: [operand('x'), operand('indices'), operand('updates')],
  attrs: { reduction: REDUCTION },
  infer: (types, { reduction }, context) => {
    const x = requireType(types, 0, 'x');
    const indices = requireIndices(types, 1);
    const updates = requireUpdates(x, types, reduction);
    const k = tupleLength(indices, x.shape.length);
    requireShape(updates, 'updates', [...indices.shape.slice(0, -1), ...x.shape.slice(k)], context);
    return [x];
  },
  evaluate: pending,
});

export const scatter_elements = defineOp({
  summary:
    'A copy of x with result[…, indices[…, i, …], …] = updates[…, i, …] along an axis, one after the other. ONNX ScatterElements.',
  operands: [operand('x'), operand('indices'), operand('updates')],
  attrs: { axis: attr.int, reduction: REDUCTION },
  infer: (types, { axis, reduction }, context) => {
    const x = requireType(types, 0, 'x');
    const indices = requireIndices(types, 1);
    const updates = requireUpdates(x, types, reduction);
    requireAxis(axis, x.shape.length);
    requireRank(indices, 'indices', x.shape.length);
    requireShape(updates, 'updates', indices.shape, context);
    return [x];
  },
  evaluate: pending,
});
