import { attr, defineOp, operand, requireTensor, requireType } from '../op.js';
import { elementCount } from '../types.js';
import { FLOAT_TYPES, NUMERIC_TYPES, requireDType, requireRankAtLeast } from './check.js';
import { elementsOf, floatsOf, rangeOf, roundStored, zeros } from './elements.js';
import { coordinates, requireWindow, type Window, windowedShape, windowOffsets } from './window.js';

/** Row-major to column-major position. */
function columnMajor(shape: readonly number[]): (at: number) => number {
  return (at) => coordinates(at, shape).reduceRight((flat, index, axis) => flat * shape[axis]! + index, 0);
}

/** Positions of a window within the padded input; what rounding up adds beyond the padding does not count. */
function paddedCount(position: readonly number[], extents: readonly number[], window: PaddedWindow): number {
  return position.reduce((count, o, axis) => {
    const start = o * window.strides[axis]! - window.pads_before[axis]!;
    const end = Math.min(start + window.kernel[axis]!, extents[axis]! + window.pads_after[axis]!);
    return count * (end - start);
  }, 1);
}
type PaddedWindow = Omit<Window, 'dilations'>;

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
  evaluate: (operands, attrs, { types: [type] }) => {
    const x = requireTensor(operands, 0);
    const values = zeros(x.dtype, type!.shape);
    const indices = zeros('i64', type!.shape);
    const [from, toValue, toIndex] = [elementsOf(x.data), elementsOf(values.data), elementsOf(indices.data)];
    const [extents, out] = [x.shape.slice(2), type!.shape.slice(2)];
    const [pixels, positions] = [elementCount(extents), elementCount(out)];
    const plane = attrs.column_major ? columnMajor(extents) : (at: number): number => at;
    const windows = windowOffsets(extents, out, attrs);
    const [least] = rangeOf(x.dtype);
    for (let start = 0, to = 0; to < values.data.length; start += pixels)
      for (let o = 0; o < positions; o++, to++) {
        let best = -1;
        for (const offset of windows[o]!)
          if (best < 0 || from[start + offset]! > from[start + best]! || Number.isNaN(from[start + offset]))
            best = offset;
        toValue[to] = best < 0 ? least : from[start + best]!;
        toIndex[to] = BigInt(start + plane(Math.max(best, 0)));
      }
    return attrs.indices ? [values, indices] : [values];
  },
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
  evaluate: (operands, attrs, { types: [type] }) => {
    const x = requireTensor(operands, 0);
    const result = zeros(x.dtype, type!.shape);
    const [from, to] = [floatsOf(x.data), floatsOf(result.data)];
    const [extents, out] = [x.shape.slice(2), type!.shape.slice(2)];
    const [pixels, positions] = [elementCount(extents), elementCount(out)];
    const windows = windowOffsets(extents, out, { ...attrs, dilations: attrs.kernel.map(() => 1) });
    const counts = windows.map((window, o) =>
      attrs.count_include_pad ? paddedCount(coordinates(o, out), extents, attrs) : window.length,
    );
    const round = x.dtype === 'f64' ? (y: number): number => y : Math.fround;
    for (let start = 0, at = 0; at < to.length; start += pixels)
      for (let o = 0; o < positions; o++, at++) {
        let sum = 0;
        for (const offset of windows[o]!) sum = round(sum + from[start + offset]!);
        to[at] = counts[o] === 0 ? 0 : sum / counts[o]!;
      }
    return [roundStored(result)];
  },
});
