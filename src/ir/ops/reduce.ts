import { attr, defineOp, operand, requireType, TypeMismatch } from '../op.js';
import type { Dim } from '../scalar.js';
import { boundsOf } from '../scalar.js';
import { DTYPES, type TensorType } from '../types.js';
import { NUMERIC_TYPES, requireAxis, requireDType, showShape } from './check.js';
import { pending } from './pending.js';

const reducedShape = (shape: readonly Dim[], axes: readonly number[], keepdims: boolean): readonly Dim[] =>
  keepdims
    ? shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim))
    : shape.filter((_, axis) => !axes.includes(axis));

export const reduce = defineOp({
  summary: 'Sum, mean, maximum, minimum or product over axes. ONNX ReduceSum, …; max and min of bool are or and and.',
  operands: [operand('x')],
  attrs: { fn: attr.enum('sum', 'mean', 'max', 'min', 'prod'), axes: attr.ints, keepdims: attr.bool },
  infer: (types, { fn, axes, keepdims }) => {
    const x = requireType(types, 0, 'x');
    requireDType(x, `x of reduce ${fn}`, fn === 'max' || fn === 'min' ? DTYPES : NUMERIC_TYPES);
    for (const axis of axes) requireAxis(axis, x.shape.length);
    if (new Set(axes).size !== axes.length) throw new TypeMismatch(`axes: expected each axis once, found ${axes}`);
    return [{ dtype: x.dtype, shape: reducedShape(x.shape, axes, keepdims) }];
  },
  evaluate: pending,
});

export const arg_reduce = defineOp({
  summary:
    'Index of the largest or smallest element along an axis, i64; of equal ones the first or the last. ONNX ArgMax, ArgMin.',
  operands: [operand('x')],
  attrs: { fn: attr.enum('max', 'min'), axis: attr.int, keepdims: attr.bool, select_last: attr.bool },
  infer: (types, { axis, keepdims }, { bounds }) => {
    const x = requireType(types, 0, 'x');
    requireDType(x, 'x', NUMERIC_TYPES);
    requireAxis(axis, x.shape.length);
    if (boundsOf(x.shape[axis]!, bounds).max <= 0)
      throw new TypeMismatch(`x: expected elements along axis ${axis}, found shape ${showShape(x.shape)}`);
    return [{ dtype: 'i64', shape: reducedShape(x.shape, [axis], keepdims) }];
  },
  evaluate: pending,
});

export const cumsum = defineOp({
  summary:
    'Running sums along an axis, from the end if `reverse`, without the element itself if `exclusive`. ONNX CumSum.',
  operands: [operand('x')],
  attrs: { axis: attr.int, exclusive: attr.bool, reverse: attr.bool },
  infer: (types, { axis }): readonly TensorType[] => {
    const x = requireType(types, 0, 'x');
    requireDType(x, 'x', NUMERIC_TYPES);
    requireAxis(axis, x.shape.length);
    return [{ dtype: x.dtype, shape: x.shape }];
  },
  evaluate: pending,
});

export const top_k = defineOp({
  summary:
    'The k largest or smallest elements along an axis, best first, and their indices (i64); of equal ones the first. ONNX TopK.',
  operands: [operand('x')],
  attrs: { axis: attr.int, k: attr.int, largest: attr.bool },
  infer: (types, { axis, k }, { bounds }) => {
    const x = requireType(types, 0, 'x');
    requireDType(x, 'x', NUMERIC_TYPES);
    requireAxis(axis, x.shape.length);
    if (!Number.isInteger(k) || k < 0 || k > boundsOf(x.shape[axis]!, bounds).max)
      throw new TypeMismatch(`k: expected 0 ≤ k ≤ axis ${axis} of ${showShape(x.shape)}, found ${k}`);
    const shape = x.shape.map((dim, at) => (at === axis ? k : dim));
    return [
      { dtype: x.dtype, shape },
      { dtype: 'i64', shape },
    ];
  },
  evaluate: pending,
});
