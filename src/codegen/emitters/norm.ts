import type { ValueId } from '../../ir/graph.js';
import { product } from '../../ir/scalar.js';
import type { Emitter } from '../emit-context.js';
import { requireF32 } from './operands.js';

export const emitLayerNorm: Emitter<'layer_norm'> = (node, context) => {
  const [x, gamma = null, beta = null] = node.operands as readonly [ValueId, ...(ValueId | null)[]];
  const [y] = node.results as readonly [ValueId];
  requireF32(context, node);
  const shape = context.type(x).shape;
  const n = context.dim(shape.at(-1)!);
  context.run('sq_layer_norm_f32', {
    x: context.pointer(x),
    x_stride: n,
    gamma: context.pointer(gamma),
    beta: context.pointer(beta),
    y: context.pointer(y),
    y_stride: n,
    rows: context.dim(product(shape.slice(0, -1))),
    n,
    eps: context.floatLiteral(node.attrs.epsilon),
  });
};

export const emitSoftmax: Emitter<'softmax'> = (node, context) => {
  const [x] = node.operands as readonly [ValueId];
  const [y] = node.results as readonly [ValueId];
  const { dtype, shape } = context.type(x);
  const axis = node.attrs.axis < 0 ? node.attrs.axis + shape.length : node.attrs.axis;
  const n = context.dim(shape[axis]!);
  const pointers = { x: context.pointer(x), y: context.pointer(y) };
  const outer = product(shape.slice(0, axis));
  if (dtype === 'f32' && !node.attrs.log && axis === shape.length - 1) {
    context.run('sq_softmax_f32', { ...pointers, x_stride: n, y_stride: n, rows: context.dim(outer), n });
    return;
  }
  const fn = node.attrs.log ? 'log' : 'exp';
  context.runGeneric('sq_softmax', 'SQ_DEFINE_SOFTMAX', [fn, dtype], `sq_softmax_${fn}_${dtype}`, {
    ...pointers,
    outer: context.dim(outer),
    n,
    inner: context.dim(product(shape.slice(axis + 1))),
  });
};

export const emitGelu: Emitter<'gelu'> = (node, context) => {
  const [x] = node.operands as readonly [ValueId];
  const [y] = node.results as readonly [ValueId];
  requireF32(context, node);
  context.run('sq_gelu_f32', {
    x: context.pointer(x),
    y: context.pointer(y),
    count: context.dim(product(context.type(x).shape)),
    form: node.attrs.approximation === 'tanh' ? 'SQ_GELU_F32_TANH' : 'SQ_GELU_F32_ERF',
  });
};
