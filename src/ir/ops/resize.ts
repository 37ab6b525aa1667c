import { attr, defineOp, operand, requireTensor, requireType, TypeMismatch } from '../op.js';
import { boundsOf, type Dim, scalarsEqual } from '../scalar.js';
import { NUMERIC_TYPES, requireDims, requireDType, requireLength, showShape } from './check.js';
import { elementsOf, numbersOf, zeros } from './elements.js';
import { fromFloat } from './elementwise-functions.js';
import { axisSampling, isBilinear, resample } from './resample.js';
import { coordinates } from './window.js';

export const resize = defineOp({
  summary:
    'x resampled to `sizes`, one for each axis. The coordinate of a result along an axis goes back to x by `scales` (default result size / size of x). ONNX Resize.',
  operands: [operand('x')],
  attrs: {
    mode: attr.enum('nearest', 'linear', 'cubic'),
    coordinates: attr.enum(
      'half_pixel',
      'half_pixel_symmetric',
      'pytorch_half_pixel',
      'align_corners',
      'asymmetric',
      'tf_crop_and_resize',
    ),
    nearest: attr.enum('round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'),
    cubic_a: attr.float,
    exclude_outside: attr.bool,
    extrapolation: attr.float,
    antialias: attr.bool,
    scales: attr.optional(attr.floats),
    sizes: attr.dims,
    roi: attr.optional(attr.floats),
  },
  infer: (types, { coordinates, scales, sizes, roi }, context) => {
    const x = requireType(types, 0, 'x');
    requireDType(x, 'x', NUMERIC_TYPES);
    requireLength(sizes, 'sizes', x.shape.length);
    requireDims(sizes, 'sizes', context);
    if (scales) {
      requireLength(scales, 'scales', x.shape.length);
      for (const scale of scales)
        if (!(scale > 0)) throw new TypeMismatch(`scales: expected positive numbers, found ${scale}`);
    }
    if (roi) requireLength(roi, 'roi', 2 * x.shape.length);
    if (coordinates === 'tf_crop_and_resize' && !roi)
      throw new TypeMismatch('roi: expected with tf_crop_and_resize, found none');
    x.shape.forEach((dim, axis) => {
      if (dim === 0 && boundsOf(sizes[axis]!, context.bounds).min > 0)
        throw new TypeMismatch(`x: expected elements along axis ${axis}, found shape ${showShape(x.shape)}`);
    });
    return [{ dtype: x.dtype, shape: sizes }];
  },
  evaluate: (operands, attrs, { types: [type] }) => {
    const x = requireTensor(operands, 0);
    const bilinear = x.dtype === 'f32' && isBilinear(attrs, x.shape, type!.shape);
    const sampling = type!.shape.map((size, axis) => axisSampling(attrs, axis, x.shape[axis]!, size, bilinear));
    const round = bilinear ? Math.fround : (y: number): number => y;
    // One axis after the other, the last first.
    let values = Float64Array.from(numbersOf(x));
    let shape: readonly number[] = x.shape;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const taps = sampling[axis]!.taps;
      values = resample(values, shape, axis, taps, round);
      shape = shape.map((dim, at) => (at === axis ? taps.length : dim));
    }
    const result = zeros(x.dtype, type!.shape);
    const to = elementsOf(result.data);
    const convert = (y: number): number | bigint => fromFloat(y, x.dtype);
    for (let i = 0; i < to.length; i++) to[i] = convert(values[i]!);
    const outside = sampling.map((axis) => axis.outside);
    if (outside.some((flags) => flags.includes(true)))
      for (let i = 0; i < to.length; i++)
        if (coordinates(i, type!.shape).some((o, axis) => outside[axis]![o])) to[i] = convert(attrs.extrapolation);
    return [result];
  },
});

/** Attributes of a bilinear `resize`. */
export const bilinear = (
  coordinates: 'half_pixel' | 'asymmetric',
  scales: readonly number[] | undefined,
  sizes: readonly Dim[],
) =>
  ({
    mode: 'linear',
    coordinates,
    nearest: 'floor',
    cubic_a: -0.75,
    exclude_outside: false,
    extrapolation: 0,
    antialias: false,
    scales,
    sizes,
    roi: undefined,
  }) as const;

/** What SAM does to masks: to the size of the model's picture, then to that of the user's. */
export const resize_twice = defineOp({
  summary:
    'x resized to `between`, and that to `sizes`, bilinear along the last two axes: f32. As two `resize`, without what lies between.',
  operands: [operand('x')],
  attrs: {
    coordinates: attr.enum('half_pixel', 'asymmetric'),
    first_scales: attr.optional(attr.floats),
    between: attr.dims,
    scales: attr.optional(attr.floats),
    sizes: attr.dims,
  },
  infer: (types, { coordinates, first_scales, between, scales, sizes }, context) => {
    const x = requireType(types, 0, 'x');
    requireDType(x, 'x', ['f32']);
    if (x.shape.length < 2) throw new TypeMismatch(`x: expected two axes or more, found shape ${showShape(x.shape)}`);
    const first = resize.infer([x], bilinear(coordinates, first_scales, between), context);
    const result = resize.infer(first, bilinear(coordinates, scales, sizes), context);
    for (let axis = 0; axis < x.shape.length - 2; axis++)
      if (!scalarsEqual(x.shape[axis]!, between[axis]!) || !scalarsEqual(x.shape[axis]!, sizes[axis]!))
        throw new TypeMismatch(`sizes: expected the last two axes to change, found shape ${showShape(sizes)}`);
    return result;
  },
  evaluate: (operands, { coordinates, first_scales, between, scales }, context) => {
    const { types, value } = context;
    const shape = between.map(value);
    const inner = resize.evaluate(operands, bilinear(coordinates, first_scales, shape), {
      value,
      types: [{ dtype: 'f32', shape }],
    });
    return resize.evaluate(inner, bilinear(coordinates, scales, types[0]!.shape), context);
  },
});
