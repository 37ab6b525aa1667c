import type { ValueId } from '../../ir/graph.js';
import { product } from '../../ir/scalar.js';
import type { Emitter } from '../emit-context.js';
import { emitGeluGeneric } from './elementwise.js';
import { emitLayerNormGeneric, emitSoftmaxGeneric } from './reduce.js';

export const emitLayerNorm: Emitter<'layer_norm'> = (node, context) => {
  const [x, gamma = null, beta = null] = node.operands as readonly [ValueId, ...(ValueId | null)[]];
  const [y] = node.results as readonly [ValueId];
  const { dtype, shape } = context.type(x);
  if (dtype !== 'f32') {
    emitLayerNormGeneric(node, context);
    return;
  }
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

/** Along the last axis of float32 by its kernel. */
export const emitSoftmax: Emitter<'softmax'> = (node, context) => {
  const [x] = node.operands as readonly [ValueId];
  const { dtype, shape } = context.type(x);
  const axis = node.attrs.axis < 0 ? node.attrs.axis + shape.length : node.attrs.axis;
  if (dtype !== 'f32' || node.attrs.log || axis !== shape.length - 1) {
    emitSoftmaxGeneric(node, context);
    return;
  }
  const n = context.dim(shape[axis]!);
  context.run('sq_softmax_f32', {
    x: context.pointer(x),
    x_stride: n,
    y: context.pointer(node.results[0]!),
    y_stride: n,
    rows: context.dim(product(shape.slice(0, axis))),
    n,
  });
};

export const emitGelu: Emitter<'gelu'> = (node, context) => {
  const [x] = node.operands as readonly [ValueId];
  const { dtype, shape } = context.type(x);
  if (dtype !== 'f32') {
    emitGeluGeneric(node, context);
    return;
  }
  context.run('sq_gelu_f32', {
    x: context.pointer(x),
    y: context.pointer(node.results[0]!),
    count: context.dim(product(shape)),
    form: node.attrs.approximation === 'tanh' ? 'SQ_GELU_F32_TANH' : 'SQ_GELU_F32_ERF',
  });
};
