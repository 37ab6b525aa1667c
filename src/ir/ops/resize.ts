import { attr, defineOp, operand, requireType, TypeMismatch } from '../op.js';
import { boundsOf } from '../scalar.js';
import { NUMERIC_TYPES, requireDims, requireDType, requireLength, showShape } from './check.js';
import { pending } from './pending.js';

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
  evaluate: pending,
});
