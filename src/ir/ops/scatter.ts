import { attr, defineOp, operand, requireTensor, requireType } from '../op.js';
import type { DType, Tensor, TensorType } from '../types.js';
import { NUMERIC_TYPES, requireDType, requireSameDType, requireShape } from './check.js';
import { elementsOf, roundStored } from './elements.js';
import { binaryOf, type ElementBinary } from './elementwise-functions.js';
import { elementOffsets, requireElementIndices, requireIndices, tupleLength, tupleOffsets } from './gather.js';

const REDUCTION = attr.enum('none', 'add', 'mul', 'max', 'min');

/** The element that an update leaves: itself, or the sum, product, … with what stood there. */
const combinerOf = (reduction: 'none' | 'add' | 'mul' | 'max' | 'min', dtype: DType): ElementBinary =>
  reduction === 'none' ? (_, update) => update : binaryOf(reduction, dtype, dtype);

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
  evaluate: (operands, { reduction }) => {
    const x = requireTensor(operands, 0);
    const updates = elementsOf(requireTensor(operands, 2).data);
    const { starts, run } = tupleOffsets(x.shape, requireTensor(operands, 1));
    const result: Tensor = { ...x, data: x.data.slice() };
    const to = elementsOf(result.data);
    const combine = combinerOf(reduction, x.dtype);
    for (let i = 0; i < starts.length; i++)
      for (let j = 0; j < run; j++) {
        const at = starts[i]! + j;
        to[at] = combine(to[at]!, updates[i * run + j]!);
      }
    return [roundStored(result)];
  },
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
    requireElementIndices(x, indices, axis, context);
    requireShape(updates, 'updates', indices.shape, context);
    return [x];
  },
  evaluate: (operands, { axis, reduction }) => {
    const x = requireTensor(operands, 0);
    const updates = elementsOf(requireTensor(operands, 2).data);
    const offsets = elementOffsets(x.shape, requireTensor(operands, 1), axis);
    const result: Tensor = { ...x, data: x.data.slice() };
    const to = elementsOf(result.data);
    const combine = combinerOf(reduction, x.dtype);
    for (let i = 0; i < offsets.length; i++) {
      const at = offsets[i]!;
      to[at] = combine(to[at]!, updates[i]!);
    }
    return [roundStored(result)];
  },
});
