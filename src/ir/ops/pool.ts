import { attr, defineOp, operand, requireType } from '../op.js';
import { FLOAT_TYPES, NUMERIC_TYPES, requireDType, requireRankAtLeast } from './check.js';
import { pending } from './pending.js';
import { requireWindow, windowedShape } from './window.js';

export const max_pool = defineOp({
  summary:
    'x [b, c, spatial…] → [b, c, out…]: the largest element under a sliding window, and with `indices` its index in x (i64), row-major or column-major over the spatial axes. ONNX MaxPool.',
  operands: [operand('x')],
  attrs: {
    kernel: attr.ints,
    strides: attr.ints,
    dilations: attr.ints,
    pads_before: attr.ints,
    pads_after: attr.ints,
    ceil: attr.bool,
    indices: attr.bool,
    column_major: attr.bool,
  },
  infer: (types, attrs, context) => {
    const x = requireType(types, 0, 'x');
    requireDType(x, 'x', NUMERIC_TYPES);
    requireRankAtLeast(x, 'x', 3);
    requireWindow(attrs, x.shape.length - 2);
    const shape = [...x.shape.slice(0, 2), ...windowedShape(x.shape.slice(2), attrs, attrs.ceil, context)];
    return attrs.indices
      ? [
          { dtype: x.dtype, shape },
          { dtype: 'i64', shape },
        ]
      : [{ dtype: x.dtype, shape }];
  },
  evaluate: pending,
});

export const average_pool = defineOp({
  summary:
    'x [b, c, spatial…] → [b, c, out…]: mean under a sliding window, over the elements of x alone or with the padding. ONNX AveragePool.',
  operands: [operand('x')],
  attrs: {
    kernel: attr.ints,
    strides: attr.ints,
    pads_before: attr.ints,
    pads_after: attr.ints,
    ceil: attr.bool,
    count_include_pad: attr.bool,
  },
  infer: (types, attrs, context) => {
    const x = requireType(types, 0, 'x');
    requireDType(x, 'x', FLOAT_TYPES);
    requireRankAtLeast(x, 'x', 3);
    const window = { ...attrs, dilations: attrs.kernel.map(() => 1) };
    requireWindow(window, x.shape.length - 2);
    return [
      {
        dtype: x.dtype,
        shape: [...x.shape.slice(0, 2), ...windowedShape(x.shape.slice(2), window, attrs.ceil, context)],
      },
    ];
  },
  evaluate: pending,
});
