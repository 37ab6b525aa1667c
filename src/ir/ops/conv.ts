import { attr, defineOp, type OperandTypes, operand, requireTensor, requireType, TypeMismatch } from '../op.js';
import { add, type Dim, divideExact, multiply } from '../scalar.js';
import { elementCount, type TensorType } from '../types.js';
import {
  NUMERIC_TYPES,
  requireAtLeast,
  requireDType,
  requireEqual,
  requireLength,
  requireRank,
  requireSameDType,
  requireShape,
  showShape,
} from './check.js';
import { convolve, outputRows, tapSources } from './convolve.js';
import { zeros } from './elements.js';
import { ACTIVATIONS, finishProduct } from './epilogue.js';
import { requireWindow, windowedShape } from './window.js';

interface ConvTypes {
  readonly x: TensorType;
  readonly weight: TensorType;
  readonly spatial: readonly Dim[];
  readonly kernel: readonly number[];
}

/** What conv and conv_transpose share: x [b, spatial…, c], weight [_, kernel…, _] with a kernel of numbers. */
function requireConvTypes(types: OperandTypes): ConvTypes {
  const x = requireType(types, 0, 'x');
  const weight = requireType(types, 1, 'weight');
  requireDType(x, 'x', NUMERIC_TYPES);
  requireSameDType(x, 'x', weight, 'weight');
  if (types[2]) requireSameDType(x, 'x', types[2], 'bias');
  if (x.shape.length < 3 || x.shape.length > 5)
    throw new TypeMismatch(`x: expected 1 to 3 spatial axes [b, spatial…, c], found shape ${showShape(x.shape)}`);
  requireRank(weight, 'weight', x.shape.length);
  const kernel = weight.shape.slice(1, -1);
  if (!kernel.every((dim) => typeof dim === 'number'))
    throw new TypeMismatch(`weight: expected a kernel of known size, found ${showShape(kernel)}`);
  return { x, weight, spatial: x.shape.slice(1, -1), kernel };
}

export const conv = defineOp({
  summary:
    'x [b, spatial…, c], weight [o, kernel…, c/groups], bias [o] → [b, out…, o]: activation(convolution + bias), channels last. ONNX Conv.',
  operands: [operand('x'), operand('weight'), operand('bias', '?')],
  attrs: {
    strides: attr.ints,
    dilations: attr.ints,
    pads_before: attr.ints,
    pads_after: attr.ints,
    groups: attr.int,
    activation: attr.enum(...ACTIVATIONS),
  },
  infer: (types, attrs, context) => {
    const { x, weight, spatial, kernel } = requireConvTypes(types);
    const window = { ...attrs, kernel };
    requireWindow(window, spatial.length);
    requireAtLeast([attrs.groups], 'groups', 1);
    const channels = x.shape.at(-1)!;
    const [out] = weight.shape as readonly [Dim];
    requireEqual(channels, multiply(weight.shape.at(-1)!, attrs.groups), 'channels of weight times groups', context);
    requireEqual(out, multiply(divideExact(out, attrs.groups), attrs.groups), 'output channels over groups', context);
    if (types[2]) requireShape(types[2], 'bias', [out], context);
    return [{ dtype: x.dtype, shape: [x.shape[0]!, ...windowedShape(spatial, window, false, context), out] }];
  },
  evaluate: (operands, attrs, { types: [type] }) => {
    const x = requireTensor(operands, 0);
    const weight = requireTensor(operands, 1);
    const { groups, strides, dilations, pads_before } = attrs;
    const result = zeros(x.dtype, type!.shape);
    const sources = tapSources(
      x,
      weight,
      type!,
      (o, tap, axis) => o * strides[axis]! - pads_before[axis]! + tap * dilations[axis]!,
    );
    convolve(x, { data: weight.data, start: 0, stride: elementCount(weight.shape.slice(1)) }, groups, sources, result);
    finishProduct(result, operands[2], attrs.activation);
    return [result];
  },
});

export const conv_transpose = defineOp({
  summary:
    'x [b, spatial…, c], weight [c, kernel…, o/groups], bias [o] → [b, out…, o]: the adjoint of conv, channels last. ONNX ConvTranspose.',
  operands: [operand('x'), operand('weight'), operand('bias', '?')],
  attrs: {
    strides: attr.ints,
    dilations: attr.ints,
    pads_before: attr.ints,
    pads_after: attr.ints,
    output_padding: attr.ints,
    groups: attr.int,
  },
  infer: (types, attrs, context) => {
    const { x, weight, spatial, kernel } = requireConvTypes(types);
    requireWindow({ ...attrs, kernel }, spatial.length);
    requireLength(attrs.output_padding, 'output_padding', spatial.length);
    requireAtLeast(attrs.output_padding, 'output_padding', 0);
    requireAtLeast([attrs.groups], 'groups', 1);
    const channels = x.shape.at(-1)!;
    requireEqual(channels, weight.shape[0]!, 'rows of weight, the channels of x', context);
    requireEqual(
      channels,
      multiply(divideExact(channels, attrs.groups), attrs.groups),
      'input channels over groups',
      context,
    );
    const out = multiply(weight.shape.at(-1)!, attrs.groups);
    if (types[2]) requireShape(types[2], 'bias', [out], context);
    const size = spatial.map((dim, axis): Dim => {
      const extent = attrs.dilations[axis]! * (kernel[axis]! - 1) + 1;
      const cropped = attrs.pads_before[axis]! + attrs.pads_after[axis]!;
      return add(multiply(add(dim, -1), attrs.strides[axis]!), extent + attrs.output_padding[axis]! - cropped);
    });
    if (size.some((dim) => typeof dim === 'number' && dim < 0))
      throw new TypeMismatch(`pads: nothing is left of the result, its shape would be ${showShape(size)}`);
    return [{ dtype: x.dtype, shape: [x.shape[0]!, ...size, out] }];
  },
  evaluate: (operands, attrs, { types: [type] }) => {
    const x = requireTensor(operands, 0);
    const weight = requireTensor(operands, 1);
    const { groups, strides, dilations, pads_before } = attrs;
    const result = zeros(x.dtype, type!.shape);
    // The taps that reach an output: those for which (o + pad − tap·dilation) / stride is whole.
    const sources = tapSources(
      x,
      weight,
      type!,
      (o, tap, axis) => (o + pads_before[axis]! - tap * dilations[axis]!) / strides[axis]!,
    );
    convolve(x, outputRows(weight, groups), groups, sources, result);
    finishProduct(result, operands[2], 'none');
    return [result];
  },
});
