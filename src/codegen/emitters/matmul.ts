import type { ValueId } from '../../ir/graph.js';
import type { Dim } from '../../ir/scalar.js';
import type { Emitter } from '../emit-context.js';
import { collapse, stridesOf, viewFields } from './strided.js';

/** Strides of the batch axes of an operand [b…, rows, columns] along those of the result. */
export function batchStrides(shape: readonly Dim[], batch: readonly Dim[]): readonly Dim[] {
  const own = stridesOf(shape);
  return batch.map((_, axis) => {
    const at = axis - batch.length + shape.length - 2;
    return at < 0 || shape[at] === 1 ? 0 : own[at]!;
  });
}

/** A matrix product of any element type; float32 has kernels of its own. */
export const emitMatmulGeneric: Emitter<'matmul'> = (node, context) => {
  const [a, b] = node.operands as readonly [ValueId, ValueId];
  const [y] = node.results as readonly [ValueId];
  const [left, right, result] = [context.type(a).shape, context.type(b).shape, context.type(y)] as const;
  const batch = result.shape.slice(0, -2);
  const view = collapse({ dims: batch, strides: [batchStrides(left, batch), batchStrides(right, batch)] });
  const { dtype } = result;
  context.runGeneric('sq_matmul_generic.h', 'SQ_DEFINE_MATMUL_GENERIC', [dtype], `sq_matmul_generic_${dtype}`, {
    a: context.pointer(a),
    b: context.pointer(b),
    y: context.pointer(y),
    m: context.dim(left.at(-2)!),
    n: context.dim(right.at(-1)!),
    k: context.dim(left.at(-1)!),
    ...viewFields(context, view, ['strides_a', 'strides_b']),
  });
};
