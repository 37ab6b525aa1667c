import { attr, defineOp, operand, requireTensor, requireType, TypeMismatch } from '../op.js';
import { boundsOf } from '../scalar.js';
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
