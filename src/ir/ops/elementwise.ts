import { attr, defineOp, operand, requireTensor, requireType, TypeMismatch } from '../op.js';
import { type DType, isFloat } from '../types.js';
import { broadcastOffsets, broadcastShapes } from './broadcast.js';
import { BOOL_TYPE, FLOAT_TYPES, NUMERIC_TYPES, requireDType, requireSameDType } from './check.js';
import { type Elements, elementsOf, isBig, roundStored, zeros } from './elements.js';
import { BIG_UNARY, binaryOf, fromBig, fromFloat, fromInteger, unaryOfNumbers } from './elementwise-functions.js';
import { floatFunctions } from './float-functions.js';

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

const ANY_NUMBER: readonly UnaryFunction[] = ['abs', 'neg', 'sign', 'relu', 'floor', 'ceil', 'round'];

export const unary = defineOp({
  summary: 'Elementwise function of one operand. ONNX Abs, Neg, Exp, …; `round` is to nearest even.',
  operands: [operand('x')],
  attrs: { fn: attr.enum(...UNARY_FUNCTIONS) },
  infer: (types, { fn }) => {
    const x = requireType(types, 0, 'x');
    requireDType(x, `x of ${fn}`, fn === 'not' ? BOOL_TYPE : ANY_NUMBER.includes(fn) ? NUMERIC_TYPES : FLOAT_TYPES);
    return [{ dtype: fn === 'is_nan' || fn === 'is_inf' ? 'bool' : x.dtype, shape: x.shape }];
  },
  evaluate: (operands, { fn }, { types: [type] }) => {
    const x = requireTensor(operands, 0);
    const result = zeros(type!.dtype, x.shape);
    const [from, to] = [elementsOf(x.data), elementsOf(result.data)];
    if (isBig(x.dtype)) {
      const apply = BIG_UNARY[fn];
      if (apply === undefined) throw new TypeMismatch(`${fn} is not defined for ${x.dtype}`);
      for (let i = 0; i < to.length; i++) to[i] = apply(from[i] as bigint);
      return [result];
    }
    const apply = unaryOfNumbers(fn, x.dtype);
    for (let i = 0; i < to.length; i++) to[i] = apply(from[i] as number);
    return [roundStored(result)];
  },
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
  evaluate: (operands, { fn }, { types: [type] }) => {
    const a = requireTensor(operands, 0);
    const b = requireTensor(operands, 1);
    const result = zeros(type!.dtype, type!.shape);
    const [atA, atB] = [broadcastOffsets(a.shape, type!.shape), broadcastOffsets(b.shape, type!.shape)];
    const [from, other, to] = [elementsOf(a.data), elementsOf(b.data), elementsOf(result.data)];
    const apply = binaryOf(fn, a.dtype, b.dtype);
    for (let i = 0; i < to.length; i++) to[i] = apply(from[atA ? atA[i]! : i]!, other[atB ? atB[i]! : i]!);
    return [roundStored(result)];
  },
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
  evaluate: (operands, _, { types: [type] }) => {
    const [condition, a, b] = [requireTensor(operands, 0), requireTensor(operands, 1), requireTensor(operands, 2)];
    const result = zeros(type!.dtype, type!.shape);
    const at = [condition, a, b].map((operand) => broadcastOffsets(operand.shape, type!.shape));
    const [test, yes, no] = [condition, a, b].map((operand) => elementsOf(operand.data)) as [
      Elements,
      Elements,
      Elements,
    ];
    const to = elementsOf(result.data);
    const index = (operand: number, i: number): number => at[operand]?.[i] ?? i;
    for (let i = 0; i < to.length; i++) to[i] = test[index(0, i)] ? yes[index(1, i)]! : no[index(2, i)]!;
    return [result];
  },
});

export const cast = defineOp({
  summary:
    'Conversion of every element. ONNX Cast: float to integer truncates and saturates (NaN gives 0), integers wrap, anything but 0 is true.',
  operands: [operand('x')],
  attrs: { to: attr.dtype },
  infer: (types, { to }) => [{ dtype: to, shape: requireType(types, 0, 'x').shape }],
  evaluate: (operands, { to: dtype }) => {
    const x = requireTensor(operands, 0);
    if (x.dtype === dtype) return [x];
    const result = zeros(dtype, x.shape);
    const [from, to] = [elementsOf(x.data), elementsOf(result.data)];
    const convert = isFloat(x.dtype) ? fromFloat : fromInteger;
    if (isBig(x.dtype)) for (let i = 0; i < to.length; i++) to[i] = fromBig(from[i] as bigint, dtype);
    else for (let i = 0; i < to.length; i++) to[i] = convert(from[i] as number, dtype);
    return [result];
  },
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
  evaluate: (operands, { approximation }) => {
    const x = requireTensor(operands, 0);
    const apply = floatFunctions(x.dtype)[approximation === 'tanh' ? 'gelu_tanh' : 'gelu'];
    const result = zeros(x.dtype, x.shape);
    const [from, to] = [elementsOf(x.data), elementsOf(result.data)];
    for (let i = 0; i < to.length; i++) to[i] = apply(from[i] as number);
    return [roundStored(result)];
  },
});
