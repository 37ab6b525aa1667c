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
