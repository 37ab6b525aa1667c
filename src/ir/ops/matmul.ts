import { attr, defineOp, operand, requireTensor, requireType } from '../op.js';
import { elementCount, type Tensor } from '../types.js';
import { broadcastShapes, broadcastStrides, stridedOffsets } from './broadcast.js';
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
import { elementsOf, roundStored, zeros } from './elements.js';
import { ACTIVATIONS, finishProduct } from './epilogue.js';
import { multiplyRows, type Rows, transposedRows } from './product.js';

export type { Activation } from './epilogue.js';

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
  evaluate: (operands, _, { types: [type] }) => {
    const a = requireTensor(operands, 0);
    const b = requireTensor(operands, 1);
    const result = zeros(a.dtype, type!.shape);
    const batch = type!.shape.slice(0, -2);
    const [m, n, k] = [type!.shape.at(-2)!, type!.shape.at(-1)!, a.shape.at(-1)!];
    const offsets = (x: Tensor): Int32Array => stridedOffsets(batch, broadcastStrides(x.shape.slice(0, -2), batch));
    const [atA, atB] = [offsets(a), offsets(b)];
    let columns: Rows | undefined;
    for (let t = 0; t < atA.length; t++) {
      if (columns === undefined || atB[t] !== atB[t - 1])
        columns = transposedRows(b.dtype, b.data, atB[t]! * k * n, k, n);
      const rows = { data: a.data, start: atA[t]! * m * k, stride: k };
      multiplyRows(a.dtype, m, n, k, rows, columns, { data: result.data, start: t * m * n, stride: n });
    }
    return [roundStored(result)];
  },
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
  evaluate: (operands, { activation }, { types: [type] }) => {
    const [x, weight] = [requireTensor(operands, 0), requireTensor(operands, 1)];
    const [n, k] = weight.shape as readonly [number, number];
    const result = zeros('f32', type!.shape);
    const m = elementCount(type!.shape.slice(0, -1));
    const rows = (tensor: Tensor, stride: number): Rows => ({ data: tensor.data, start: 0, stride });
    multiplyRows('f32', m, n, k, rows(x, k), rows(weight, k), rows(result, n));
    finishProduct(result, operands[2], activation);
    const residual = operands[3];
    if (residual) {
      const [to, other] = [elementsOf(result.data), elementsOf(residual.data)];
      for (let i = 0; i < to.length; i++) to[i] = (to[i] as number) + (other[i] as number);
    }
    return [result];
  },
});
