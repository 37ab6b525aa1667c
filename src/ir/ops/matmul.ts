import { attr, defineOp, operand, requireType } from '../op.js';
import { broadcastShapes } from './broadcast.js';
import {
  F32_TYPE,
  NUMERIC_TYPES,
  requireDType,
  requireEqual,
  requireRank,
  requireRankAtLeast,
  requireSameDType,
  requireShape,
} from './check.js';
import { pending } from './pending.js';

export const ACTIVATIONS = ['none', 'relu', 'gelu'] as const;
export type Activation = (typeof ACTIVATIONS)[number];

export const matmul = defineOp({
  summary: 'a [b…, m, k], b [b…, k, n] → [b…, m, n], batch axes broadcast. numpy matmul for ranks of 2 and more.',
  operands: [operand('a'), operand('b')],
  attrs: {},
  infer: (types, _, context) => {
    const a = requireType(types, 0, 'a');
    const b = requireType(types, 1, 'b');
    requireDType(a, 'a', NUMERIC_TYPES);
    requireSameDType(a, 'a', b, 'b');
    requireRankAtLeast(a, 'a', 2);
    requireRankAtLeast(b, 'b', 2);
    requireEqual(a.shape.at(-1)!, b.shape.at(-2)!, 'rows of b, the columns of a', context);
    const batch = broadcastShapes([a.shape.slice(0, -2), b.shape.slice(0, -2)], context);
    return [{ dtype: a.dtype, shape: [...batch, a.shape.at(-2)!, b.shape.at(-1)!] }];
  },
  evaluate: pending,
});

export const linear = defineOp({
  summary:
    'x [b…, k], weight [n, k], bias [n], residual [b…, n] → activation(x·weightᵀ + bias) + residual, [b…, n]; gelu is the exact one.',
  operands: [operand('x'), operand('weight'), operand('bias', '?'), operand('residual', '?')],
  attrs: { activation: attr.enum(...ACTIVATIONS) },
  infer: (types, _, context) => {
    const x = requireType(types, 0, 'x');
    const weight = requireType(types, 1, 'weight');
    for (const [type, name] of [
      [x, 'x'],
      [weight, 'weight'],
      [types[2], 'bias'],
      [types[3], 'residual'],
    ] as const)
      if (type) requireDType(type, name, F32_TYPE);
    requireRankAtLeast(x, 'x', 1);
    requireRank(weight, 'weight', 2);
    requireEqual(x.shape.at(-1)!, weight.shape[1]!, 'columns of weight, the last axis of x', context);
    const shape = [...x.shape.slice(0, -1), weight.shape[0]!];
    if (types[2]) requireShape(types[2], 'bias', [weight.shape[0]!], context);
    if (types[3]) requireShape(types[3], 'residual', shape, context);
    return [{ dtype: 'f32', shape }];
  },
  evaluate: pending,
});
