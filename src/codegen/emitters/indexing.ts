import type { ValueId } from '../../ir/graph.js';
import { type Dim, product } from '../../ir/scalar.js';
import { UserError } from '../../user-error.js';
import type { EmitContext, Emitter } from '../emit-context.js';
import { bitsOf } from './elementwise.js';
import { emitStridedCopy, int64sOf, splitAt, stridesOf } from './strided.js';

/** gather and scatter. Indices out of range are clamped (sq_index.h). */

export const emitGather: Emitter<'gather'> = (node, context) => {
  const [x, indices] = node.operands as readonly [ValueId, ValueId];
  const { dtype, shape } = context.type(x);
  const index = context.type(indices);
  const { outer, n, inner } = splitAt(shape, node.attrs.axis);
  const macroArgs = [`${bitsOf(dtype)}`, index.dtype];
  context.runGeneric('sq_gather.h', 'SQ_DEFINE_GATHER', macroArgs, `sq_gather_${macroArgs.join('_')}`, {
    x: context.pointer(x),
    indices: context.pointer(indices),
    y: context.pointer(node.results[0]!),
    outer: context.dim(outer),
    n: context.dim(n),
    inner: context.dim(inner),
    count: context.dim(product(index.shape)),
  });
};

export const emitGatherElements: Emitter<'gather_elements'> = (node, context) => {
  const [x, indices] = node.operands as readonly [ValueId, ValueId];
  const { axis } = node.attrs;
  const { dtype, shape } = context.type(x);
  const index = context.type(indices);
  const macroArgs = [`${bitsOf(dtype)}`, index.dtype];
  const kernel = `sq_gather_elements_${macroArgs.join('_')}`;
  context.runGeneric('sq_gather_elements.h', 'SQ_DEFINE_GATHER_ELEMENTS', macroArgs, kernel, {
    x: context.pointer(x),
    indices: context.pointer(indices),
    y: context.pointer(node.results[0]!),
    rank: context.dim(shape.length),
    axis: context.dim(axis),
    n: context.dim(shape[axis]!),
    dims: int64sOf(context, index.shape),
    strides_x: int64sOf(context, stridesOf(shape)),
  });
};

/** Index tuples [batch…, i…, k] into x [batch…, n0, …, nk−1, inner…]. */
function tupleFields(
  context: EmitContext,
  shape: readonly Dim[],
  indices: ValueId,
  batchDims: number,
): Readonly<Record<string, string>> {
  const index = context.type(indices).shape;
  const k = index.at(-1);
  if (typeof k !== 'number') throw new UserError('the length of index tuples is symbolic');
  return {
    indices: context.pointer(indices),
    count: context.dim(product(index.slice(batchDims, -1))),
    k: context.dim(k),
    inner: context.dim(product(shape.slice(batchDims + k))),
    dims: int64sOf(context, shape.slice(batchDims, batchDims + k)),
  };
}

export const emitGatherNd: Emitter<'gather_nd'> = (node, context) => {
  const [x, indices] = node.operands as readonly [ValueId, ValueId];
  const { batch_dims } = node.attrs;
  const { dtype, shape } = context.type(x);
  const macroArgs = [`${bitsOf(dtype)}`, context.type(indices).dtype];
  context.runGeneric('sq_gather_nd.h', 'SQ_DEFINE_GATHER_ND', macroArgs, `sq_gather_nd_${macroArgs.join('_')}`, {
    x: context.pointer(x),
    y: context.pointer(node.results[0]!),
    batch: context.dim(product(shape.slice(0, batch_dims))),
    ...tupleFields(context, shape, indices, batch_dims),
  });
};

/** Scatter starts from a copy of x. */
function emitCopyOf(context: EmitContext, x: ValueId, y: ValueId): void {
  const { dtype, shape } = context.type(x);
  emitStridedCopy(context, {
    x: context.pointer(x),
    y: context.pointer(y),
    bits: bitsOf(dtype),
    dims: [product(shape)],
    from: [1],
    to: [1],
  });
}

export const emitScatterNd: Emitter<'scatter_nd'> = (node, context) => {
  const [x, indices, updates] = node.operands as readonly [ValueId, ValueId, ValueId];
  const [y] = node.results as readonly [ValueId];
  const { dtype, shape } = context.type(x);
  const macroArgs = [node.attrs.reduction, dtype, context.type(indices).dtype];
  emitCopyOf(context, x, y);
  context.runGeneric('sq_scatter_nd.h', 'SQ_DEFINE_SCATTER_ND', macroArgs, `sq_scatter_nd_${macroArgs.join('_')}`, {
    updates: context.pointer(updates),
    y: context.pointer(y),
    ...tupleFields(context, shape, indices, 0),
  });
};

export const emitScatterElements: Emitter<'scatter_elements'> = (node, context) => {
  const [x, indices, updates] = node.operands as readonly [ValueId, ValueId, ValueId];
  const [y] = node.results as readonly [ValueId];
  const { axis, reduction } = node.attrs;
  const { dtype, shape } = context.type(x);
  const index = context.type(indices);
  const macroArgs = [reduction, dtype, index.dtype];
  const kernel = `sq_scatter_elements_${macroArgs.join('_')}`;
  emitCopyOf(context, x, y);
  context.runGeneric('sq_scatter_elements.h', 'SQ_DEFINE_SCATTER_ELEMENTS', macroArgs, kernel, {
    indices: context.pointer(indices),
    updates: context.pointer(updates),
    y: context.pointer(y),
    rank: context.dim(shape.length),
    axis: context.dim(axis),
    n: context.dim(shape[axis]!),
    dims: int64sOf(context, index.shape),
    strides: int64sOf(context, stridesOf(index.shape)),
    strides_y: int64sOf(context, stridesOf(shape)),
  });
};
