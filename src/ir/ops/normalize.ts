import { attr, defineOp, operand, requireType } from '../op.js';
import { FLOAT_TYPES, requireAxis, requireDType, requireRankAtLeast, requireSameDType, requireShape } from './check.js';
import { pending } from './pending.js';

export const layer_norm = defineOp({
  summary:
    'x [b…, c], gamma [c], beta [c] → (x − mean)·(1 / √(variance + ε))·gamma + beta over the last axis, sums in 16 lanes (NUMERICS). ONNX LayerNormalization.',
  operands: [operand('x'), operand('gamma', '?'), operand('beta', '?')],
  attrs: { epsilon: attr.float },
  infer: (types, _, context) => {
    const x = requireType(types, 0, 'x');
    requireDType(x, 'x', FLOAT_TYPES);
    requireRankAtLeast(x, 'x', 1);
    for (const [type, name] of [
      [types[1], 'gamma'],
      [types[2], 'beta'],
    ] as const)
      if (type) {
        requireSameDType(x, 'x', type, name);
        requireShape(type, name, [x.shape.at(-1)!], context);
      }
    return [{ dtype: x.dtype, shape: x.shape }];
  },
  evaluate: pending,
});

export const softmax = defineOp({
  summary: 'exp(x − max) / Σ exp(x − max) along an axis, or its logarithm. ONNX Softmax, LogSoftmax.',
  operands: [operand('x')],
  attrs: { axis: attr.int, log: attr.bool },
  infer: (types, { axis }) => {
    const x = requireType(types, 0, 'x');
    requireDType(x, 'x', FLOAT_TYPES);
    requireAxis(axis, x.shape.length);
    return [{ dtype: x.dtype, shape: x.shape }];
  },
  evaluate: pending,
});
