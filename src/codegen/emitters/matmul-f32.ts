import type { ValueId } from '../../ir/graph.js';
import { type Dim, isStatic, multiply, product, scalarsEqual } from '../../ir/scalar.js';
import { elementCount, stridesOf } from '../../ir/types.js';
import type { EmitContext, Emitter } from '../emit-context.js';
import { batchStrides, emitMatmulGeneric } from './matmul.js';

/** Offsets written out for broadcasts that no single stride describes. */
const MAX_LISTED_BATCH = 4096;

const allOnes = (dims: readonly Dim[]): boolean => dims.every((dim) => dim === 1);
const sameDims = (a: readonly Dim[], b: readonly Dim[]): boolean =>
  a.length === b.length && a.every((dim, i) => scalarsEqual(dim, b[i]!));

/** Where each batch item of an operand starts: a distance, or a list of offsets; undefined where it is neither. */
function batchFields(
  context: EmitContext,
  name: 'a' | 'b',
  shape: readonly Dim[],
  batch: readonly Dim[],
): Record<string, string> | undefined {
  const own = shape.slice(0, -2);
  const fields = (offsets: string, distance: Dim): Record<string, string> => ({
    [`${name}_offsets`]: offsets,
    [`${name}_batch`]: context.dim(distance),
  });
  if (allOnes(own)) return fields('NULL', 0);
  const leading = batch.length - own.length;
  if (allOnes(batch.slice(0, leading)) && sameDims(own, batch.slice(leading)))
    return fields('NULL', product(shape.slice(-2)));
  const strides = batchStrides(shape, batch);
  if (!isStatic(batch) || !isStatic(strides) || elementCount(batch) > MAX_LISTED_BATCH) return undefined;
  const steps = stridesOf(batch);
  const offsets = Array.from({ length: elementCount(batch) }, (_, item) =>
    batch.reduce((sum, dim, axis) => sum + (Math.floor(item / steps[axis]!) % dim) * strides[axis]!, 0),
  );
  return fields(context.int64s(offsets), 0);
}

/** A matrix product: float32 by its kernel, where the batch has a form it takes. */
export const emitMatmul: Emitter<'matmul'> = (node, context) => {
  const [a, b] = node.operands as readonly [ValueId, ValueId];
  const [y] = node.results as readonly [ValueId];
  const [left, right, result] = [context.type(a).shape, context.type(b).shape, context.type(y)] as const;
  const batch = result.shape.slice(0, -2);
  const batches = [batchFields(context, 'a', left, batch), batchFields(context, 'b', right, batch)];
  if (result.dtype !== 'f32' || batches.includes(undefined)) {
    emitMatmulGeneric(node, context);
    return;
  }
  const [m, k, n] = [left.at(-2)!, left.at(-1)!, right.at(-1)!];
  // One matrix on the right: the batch is more rows.
  const folded = allOnes(right.slice(0, -2)) && sameDims(left.slice(0, -2), batch);
  context.run('sq_matmul_f32', {
    a: context.pointer(a),
    b: context.pointer(b),
    y: context.pointer(y),
    ...Object.assign({}, ...batches),
    ...(folded && { a_batch: '0' }),
    a_row: context.dim(k),
    a_col: '1',
    b_row: context.dim(n),
    b_col: '1',
    y_batch: context.dim(multiply(m, n)),
    y_row: context.dim(n),
    batch: context.dim(folded ? 1 : product(batch)),
    m: context.dim(folded ? multiply(product(batch), m) : m),
    n: context.dim(n),
    k: context.dim(k),
  });
};
