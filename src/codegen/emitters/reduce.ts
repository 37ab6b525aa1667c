import type { ValueId } from '../../ir/graph.js';
import { product } from '../../ir/scalar.js';
import type { EmitContext, Emitter } from '../emit-context.js';
import { collapse, int64sOf, splitAt, stridesOf } from './strided.js';

export const emitReduce: Emitter<'reduce'> = (node, context) => {
  const [x] = node.operands as readonly [ValueId];
  const [y] = node.results as readonly [ValueId];
  const { fn, axes } = node.attrs;
  const { shape, dtype } = context.type(x);
  const strides = stridesOf(shape);
  const axesWhere = (reduced: boolean) => {
    const chosen = [...shape.keys()].filter((axis) => axes.includes(axis) === reduced);
    return collapse({ dims: chosen.map((axis) => shape[axis]!), strides: [chosen.map((axis) => strides[axis]!)] });
  };
  const [kept, reduced] = [axesWhere(false), axesWhere(true)];
  context.runGeneric('sq_reduce.h', 'SQ_DEFINE_REDUCE', [fn, dtype], `sq_reduce_${fn}_${dtype}`, {
    x: context.pointer(x),
    y: context.pointer(y),
    rank: context.dim(kept.dims.length),
    reduced_rank: context.dim(reduced.dims.length),
    dims: int64sOf(context, kept.dims),
    strides: int64sOf(context, kept.strides[0]!),
    reduced_dims: int64sOf(context, reduced.dims),
    reduced_strides: int64sOf(context, reduced.strides[0]!),
  });
};

/** The fields x, outer, n and inner of kernels that work along one axis. */
export function axisFields(context: EmitContext, x: ValueId, axis: number): Readonly<Record<string, string>> {
  const { outer, n, inner } = splitAt(context.type(x).shape, axis);
  return { x: context.pointer(x), outer: context.dim(outer), n: context.dim(n), inner: context.dim(inner) };
}

const flag = (value: boolean): string => (value ? '1' : '0');

export const emitArgReduce: Emitter<'arg_reduce'> = (node, context) => {
  const [x] = node.operands as readonly [ValueId];
  const { fn, axis, select_last } = node.attrs;
  const { dtype } = context.type(x);
  const kernel = `sq_arg_reduce_${fn}_${dtype}`;
  context.runGeneric('sq_arg_reduce.h', 'SQ_DEFINE_ARG_REDUCE', [fn, dtype], kernel, {
    ...axisFields(context, x, axis),
    y: context.pointer(node.results[0]!),
    select_last: flag(select_last),
  });
};

export const emitCumsum: Emitter<'cumsum'> = (node, context) => {
  const [x] = node.operands as readonly [ValueId];
  const { axis, exclusive, reverse } = node.attrs;
  const { dtype } = context.type(x);
  context.runGeneric('sq_cumsum.h', 'SQ_DEFINE_CUMSUM', [dtype], `sq_cumsum_${dtype}`, {
    ...axisFields(context, x, axis),
    y: context.pointer(node.results[0]!),
    exclusive: flag(exclusive),
    reverse: flag(reverse),
  });
};

export const emitTopK: Emitter<'top_k'> = (node, context) => {
  const [x] = node.operands as readonly [ValueId];
  const [values, indices] = node.results as readonly [ValueId, ValueId];
  const { axis, k, largest } = node.attrs;
  const { dtype } = context.type(x);
  context.runGeneric('sq_top_k.h', 'SQ_DEFINE_TOP_K', [dtype], `sq_top_k_${dtype}`, {
    ...axisFields(context, x, axis),
    y: context.pointer(values),
    indices: context.pointer(indices),
    k: context.dim(k),
    largest: flag(largest),
  });
};

/** Softmax along any axis, of any float type; float32 along the last axis has a kernel of its own. */
export const emitSoftmaxGeneric: Emitter<'softmax'> = (node, context) => {
  const [x] = node.operands as readonly [ValueId];
  const { axis, log } = node.attrs;
  const { dtype } = context.type(x);
  const fn = log ? 'log' : 'exp';
  context.runGeneric('sq_softmax.h', 'SQ_DEFINE_SOFTMAX', [fn, dtype], `sq_softmax_${fn}_${dtype}`, {
    ...axisFields(context, x, axis),
    y: context.pointer(node.results[0]!),
  });
};

/** Layer normalization of any float type; float32 has a kernel of its own. */
export const emitLayerNormGeneric: Emitter<'layer_norm'> = (node, context) => {
  const [x, gamma = null, beta = null] = node.operands as readonly [ValueId, ...(ValueId | null)[]];
  const { dtype, shape } = context.type(x);
  context.runGeneric('sq_layer_norm.h', 'SQ_DEFINE_LAYER_NORM', [dtype], `sq_layer_norm_${dtype}`, {
    x: context.pointer(x),
    gamma: context.pointer(gamma),
    beta: context.pointer(beta),
    y: context.pointer(node.results[0]!),
    rows: context.dim(product(shape.slice(0, -1))),
    n: context.dim(shape.at(-1)!),
    eps: context.floatLiteral(node.attrs.epsilon, 'f64'),
  });
};
