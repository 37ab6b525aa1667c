import { attr, defineOp, operand, requireType } from '../op.js';
import type { DType } from '../types.js';
import { broadcastShapes } from './broadcast.js';
import { BOOL_TYPE, FLOAT_TYPES, NUMERIC_TYPES, requireDType, requireSameDType } from './check.js';
import { pending } from './pending.js';

export const UNARY_FUNCTIONS = [
  'abs',
  'neg',
  'exp',
  'log',
  'sqrt',
  'sin',
  'cos',
  'tan',
  'asin',
  'acos',
  'atan',
  'sinh',
  'cosh',
  'tanh',
  'erf',
  'sigmoid',
  'floor',
  'ceil',
  'round',
  'sign',
  'not',
  'relu',
  'is_nan',
  'is_inf',
] as const;
export type UnaryFunction = (typeof UNARY_FUNCTIONS)[number];

const ANY_NUMBER: readonly UnaryFunction[] = ['abs', 'neg', 'sign', 'relu'];

export const unary = defineOp({
  summary: 'Elementwise function of one operand. ONNX Abs, Neg, Exp, …; `round` is to nearest even.',
  operands: [operand('x')],
  attrs: { fn: attr.enum(...UNARY_FUNCTIONS) },
  infer: (types, { fn }) => {
    const x = requireType(types, 0, 'x');
    requireDType(x, `x of ${fn}`, fn === 'not' ? BOOL_TYPE : ANY_NUMBER.includes(fn) ? NUMERIC_TYPES : FLOAT_TYPES);
    return [{ dtype: fn === 'is_nan' || fn === 'is_inf' ? 'bool' : x.dtype, shape: x.shape }];
  },
  evaluate: pending,
});

export const BINARY_FUNCTIONS = [
  'add',
  'sub',
  'mul',
  'div',
  'pow',
  'mod',
  'fmod',
  'min',
  'max',
  'and',
  'or',
  'xor',
  'equal',
  'less',
  'less_equal',
] as const;
export type BinaryFunction = (typeof BINARY_FUNCTIONS)[number];

const LOGIC: readonly BinaryFunction[] = ['and', 'or', 'xor'];
const COMPARISONS: readonly BinaryFunction[] = ['equal', 'less', 'less_equal'];

export const binary = defineOp({
  summary:
    'Elementwise function of two operands, broadcast as in numpy. Integers wrap; division truncates and gives 0 for a divisor of 0; `mod` has the sign of the divisor, `fmod` of the dividend.',
  operands: [operand('a'), operand('b')],
  attrs: { fn: attr.enum(...BINARY_FUNCTIONS) },
  infer: (types, { fn }, context) => {
    const a = requireType(types, 0, 'a');
    const b = requireType(types, 1, 'b');
    if (fn === 'pow') requireDType(b, 'b of pow', NUMERIC_TYPES);
    else requireSameDType(a, `a of ${fn}`, b, `b of ${fn}`);
    if (LOGIC.includes(fn)) requireDType(a, `a of ${fn}`, BOOL_TYPE);
    else if (fn !== 'equal') requireDType(a, `a of ${fn}`, NUMERIC_TYPES);
    const dtype: DType = COMPARISONS.includes(fn) ? 'bool' : a.dtype;
    return [{ dtype, shape: broadcastShapes([a.shape, b.shape], context) }];
  },
  evaluate: pending,
});

export const select = defineOp({
  summary: 'condition ? a : b, elementwise and broadcast. ONNX Where.',
  operands: [operand('condition'), operand('a'), operand('b')],
  attrs: {},
  infer: (types, _, context) => {
    const condition = requireType(types, 0, 'condition');
    const a = requireType(types, 1, 'a');
    const b = requireType(types, 2, 'b');
    requireDType(condition, 'condition', BOOL_TYPE);
    requireSameDType(a, 'a', b, 'b');
    return [{ dtype: a.dtype, shape: broadcastShapes([condition.shape, a.shape, b.shape], context) }];
  },
  evaluate: pending,
});

export const cast = defineOp({
  summary:
    'Conversion of every element. ONNX Cast: float to integer truncates and saturates (NaN gives 0), integers wrap, anything but 0 is true.',
  operands: [operand('x')],
  attrs: { to: attr.dtype },
  infer: (types, { to }) => [{ dtype: to, shape: requireType(types, 0, 'x').shape }],
  evaluate: pending,
});

export const gelu = defineOp({
  summary: 'x·Φ(x), elementwise; `tanh` is the approximation ½x(1 + tanh(√(2/π)(x + 0.044715x³))). ONNX Gelu.',
  operands: [operand('x')],
  attrs: { approximation: attr.enum('none', 'tanh') },
  infer: (types) => {
    const x = requireType(types, 0, 'x');
    requireDType(x, 'x', FLOAT_TYPES);
    return [{ dtype: x.dtype, shape: x.shape }];
  },
  evaluate: pending,
});
