import { expSoftmaxF32, sum16F32 } from '../float-math.js';
import { attr, defineOp, operand, requireTensor, requireType } from '../op.js';
import type { DType } from '../types.js';
import { splitAt } from './broadcast.js';
import { FLOAT_TYPES, requireAxis, requireDType, requireRankAtLeast, requireSameDType, requireShape } from './check.js';
import { type Floats, floatsOf, roundStored, zeros } from './elements.js';
import { floatFunctions } from './float-functions.js';

interface Arithmetic {
  readonly round: (x: number) => number;
  readonly sum: (values: Floats, offset: number, count: number) => number;
  /** Room for one row in the arithmetic type. */
  readonly row: Floats;
}

/** Of float64 sums are sequential; the other types are computed in float32 with the 16-lane sum of NUMERICS. */
const arithmeticOf = (dtype: DType, count: number): Arithmetic =>
  dtype === 'f64'
    ? { round: (x) => x, sum: sequentialSum((x) => x), row: new Float64Array(count) }
    : { round: Math.fround, sum: sum16F32, row: new Float32Array(count) };

const sequentialSum =
  (round: (x: number) => number): Arithmetic['sum'] =>
  (values, offset, count) => {
    let sum = 0;
    for (let i = 0; i < count; i++) sum = round(sum + values[offset + i]!);
    return sum;
  };

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
  evaluate: (operands, { epsilon }) => {
    const x = requireTensor(operands, 0);
    const result = zeros(x.dtype, x.shape);
    const n = x.shape.at(-1)!;
    const [from, to] = [floatsOf(x.data), floatsOf(result.data)];
    const gamma = operands[1] && floatsOf(operands[1].data);
    const beta = operands[2] && floatsOf(operands[2].data);
    const { round, sum, row: squares } = arithmeticOf(x.dtype, n);
    for (let at = 0; at < from.length; at += n) {
      const mean = round(sum(from, at, n) / n);
      for (let j = 0; j < n; j++) squares[j] = round(from[at + j]! - mean) ** 2;
      const r = round(1 / round(Math.sqrt(round(round(sum(squares, 0, n) / n) + round(epsilon)))));
      for (let j = 0; j < n; j++) {
        let y = round(round(from[at + j]! - mean) * r);
        if (gamma) y = round(y * gamma[j]!);
        if (beta) y = round(y + beta[j]!);
        to[at + j] = y;
      }
    }
    return [roundStored(result)];
  },
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
  evaluate: (operands, { axis, log }) => {
    const x = requireTensor(operands, 0);
    const result = zeros(x.dtype, x.shape);
    const { outer, extent, inner } = splitAt(x.shape, axis);
    const [from, to] = [floatsOf(x.data), floatsOf(result.data)];
    const { round, sum: laneSum, row } = arithmeticOf(x.dtype, extent);
    const functions = floatFunctions(x.dtype);
    // The kernel for rows of float32 has its own exponential and sums in lanes; the general one is sequential.
    const rows = x.dtype === 'f32' && inner === 1 && !log;
    const [exp, sum] = rows ? [expSoftmaxF32, laneSum] : [functions.exp, sequentialSum(round)];
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < inner; i++) {
        const at = o * extent * inner + i;
        let top = Number.NEGATIVE_INFINITY;
        for (let j = 0; j < extent; j++) if (from[at + j * inner]! > top) top = from[at + j * inner]!;
        for (let j = 0; j < extent; j++) row[j] = exp(round(from[at + j * inner]! - top));
        const total = sum(row, 0, extent);
        const shift = log ? functions.log(total) : 0;
        for (let j = 0; j < extent; j++)
          to[at + j * inner] = log ? round(from[at + j * inner]! - top) - shift : row[j]! / total;
      }
    return [roundStored(result)];
  },
});
