import { integerConv, integerLinear } from '../integer/linear.js';
import {
  attr,
  defineOp,
  type Operands,
  type OperandTypes,
  operand,
  requireTensor,
  requireType,
  TypeMismatch,
} from '../op.js';
import { add as addDims, call, type Dim, scalarsEqual } from '../scalar.js';
import type { Quantization, Tensor, TensorType } from '../types.js';
import { requireQuantized } from './quantize.js';

/**
 * What an integer product needs beside the codes of x: weights of `weight_bits` bits symmetric per output channel, the
 * bias with −zero_point·Σw folded in, and the multiplier of each channel: scale_x·scale_w (dequantize), divided by the
 * output's scale where neither activation nor residual stands between (requantize). NUMERICS, "linear".
 */
const OPERANDS = [
  operand('x'),
  operand('weight'),
  operand('bias'),
  operand('multiplier'),
  operand('residual', '?'),
] as const;
const EPILOGUE = {
  activation: attr.enum('none', 'relu', 'gelu'),
  weight_bits: attr.int,
  /** Quantization of the result; absent: float32. */
  output: attr.optional(attr.quant),
} as const;

function checkOperands(op: string, types: OperandTypes, outputs: Dim): void {
  requireQuantized(requireType(types, 0, 'x'), `${op}: x`);
  const expected = [undefined, 'i8', 'i32', 'f32'] as const;
  for (const index of [1, 2, 3] as const) {
    const name = OPERANDS[index].name;
    const type = requireType(types, index, name);
    if (type.dtype !== expected[index])
      throw new TypeMismatch(`${op}: ${name} must be ${expected[index]}, found ${type.dtype}`);
    if (index > 1 && (type.shape.length !== 1 || !scalarsEqual(type.shape[0]!, outputs)))
      throw new TypeMismatch(`${op}: ${name} must have one element an output channel`);
  }
}

const resultOf = (shape: readonly Dim[], output: Quantization | undefined): TensorType[] => [
  output === undefined ? { dtype: 'f32', shape } : { dtype: 'u8', shape, quant: output },
];

function checkResidual(op: string, types: OperandTypes, shape: readonly Dim[]): void {
  const residual = types[4];
  if (residual === undefined) return;
  if (residual.dtype !== 'f32' || residual.shape.length !== shape.length)
    throw new TypeMismatch(`${op}: residual must be f32 with the shape of the result`);
}

const operandData = (operands: Operands) => ({
  x: requireTensor(operands, 0).data as Uint8Array,
  weight: requireTensor(operands, 1).data as Int8Array,
  bias: requireTensor(operands, 2).data as Int32Array,
  multiplier: requireTensor(operands, 3).data as Float32Array,
  residual: operands[4]?.data as Float32Array | undefined,
});

const resultTensor = (shape: readonly number[], data: Float32Array | Uint8Array): Tensor =>
  data instanceof Uint8Array ? { dtype: 'u8', shape, data } : { dtype: 'f32', shape, data };

export const integer_linear = defineOp({
  summary:
    'x u8 [..., k] · weight i8 [n, k]ᵀ + bias i32 [n] in exact 32-bit sums, then the epilogue → u8 or f32 [..., n]',
  operands: OPERANDS,
  attrs: EPILOGUE,
  infer: (types, { output }) => {
    const x = requireType(types, 0, 'x');
    const weight = requireType(types, 1, 'weight');
    if (weight.shape.length !== 2 || x.shape.length < 1 || !scalarsEqual(x.shape.at(-1)!, weight.shape[1]!))
      throw new TypeMismatch('integer_linear: x [..., k] and weight [n, k] disagree in k');
    checkOperands('integer_linear', types, weight.shape[0]!);
    const shape = [...x.shape.slice(0, -1), weight.shape[0]!];
    checkResidual('integer_linear', types, shape);
    return resultOf(shape, output);
  },
  evaluate: (operands, { activation, output }, { types }) => {
    const weight = requireTensor(operands, 1);
    const [n, k] = weight.shape as [number, number];
    const data = integerLinear({ ...operandData(operands), n, k, activation, output });
    return [resultTensor(types[0]!.shape, data)];
  },
});

const CONV_ATTRS = {
  ...EPILOGUE,
  /** The code of zero, which padding reads. */
  x_zero_point: attr.int,
  strides: attr.ints,
  dilations: attr.ints,
  pads_before: attr.ints,
  pads_after: attr.ints,
} as const;

export const integer_conv = defineOp({
  summary:
    'channels-last 2-D convolution of codes: x u8 [b, h, w, c], weight i8 [o, kh, kw, c] → u8 or f32 [b, oh, ow, o]; padding reads the zero point',
  operands: OPERANDS,
  attrs: CONV_ATTRS,
  infer: (types, attrs) => {
    const x = requireType(types, 0, 'x');
    const weight = requireType(types, 1, 'weight');
    if (x.shape.length !== 4 || weight.shape.length !== 4 || !scalarsEqual(x.shape[3]!, weight.shape[3]!))
      throw new TypeMismatch('integer_conv: x [b, h, w, c] and weight [o, kh, kw, c] do not fit');
    checkOperands('integer_conv', types, weight.shape[0]!);
    if (x.quant?.zeroPoint !== attrs.x_zero_point)
      throw new TypeMismatch('integer_conv: x_zero_point is not that of x');
    const spatial = [0, 1].map((axis) => {
      const reach = (Number(weight.shape[1 + axis]) - 1) * attrs.dilations[axis]! + 1;
      const room = addDims(x.shape[1 + axis]!, attrs.pads_before[axis]! + attrs.pads_after[axis]! - reach);
      return addDims(call('floor_div', room, attrs.strides[axis]!), 1);
    });
    const shape = [x.shape[0]!, ...spatial, weight.shape[0]!];
    checkResidual('integer_conv', types, shape);
    return resultOf(shape, attrs.output);
  },
  evaluate: (operands, attrs, { types }) => {
    const x = requireTensor(operands, 0);
    const weight = requireTensor(operands, 1);
    const data = integerConv({
      ...operandData(operands),
      ...attrs,
      inputShape: x.shape as [number, number, number, number],
      weightShape: weight.shape as [number, number, number, number],
      outputShape: types[0]!.shape as [number, number, number, number],
      zeroPoint: attrs.x_zero_point,
      output: attrs.output,
    });
    return [resultTensor(types[0]!.shape, data)];
  },
});
