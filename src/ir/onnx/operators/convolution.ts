import { isStatic } from '../../scalar.js';
import type { OnnxValue } from '../onnx-value.js';
import { dtypeOf, type NodeImport, type Operator, range, rankOf } from '../operator.js';
import { transposeTo } from './movement.js';
import { extentOf, perAxis, readWindow, type Window } from './windows.js';

/** Convolutions. ONNX has channels first, the IR last: transposes around each, which a pass cancels between them. */

/** [b, c, spatial…] → [b, spatial…, c] */
const channelsLast = (n: NodeImport, x: OnnxValue): OnnxValue =>
  transposeTo(n, x, [0, ...range(rankOf(x) - 2).map((axis) => axis + 2), 1]);
/** [b, spatial…, c] → [b, c, spatial…] */
const channelsFirst = (n: NodeImport, x: OnnxValue): OnnxValue =>
  transposeTo(n, x, [0, rankOf(x) - 1, ...range(rankOf(x) - 2).map((axis) => axis + 1)]);

function kernelOf(n: NodeImport, x: OnnxValue, weight: OnnxValue): readonly number[] {
  const rank = rankOf(x) - 2;
  if (rank < 1 || rank > 3) n.fail(`expected 1 to 3 spatial axes, found an input of rank ${rankOf(x)}`);
  if (rankOf(weight) !== rank + 2) n.fail(`the weight has rank ${rankOf(weight)}, the input ${rank + 2}`);
  const kernel = weight.type.shape.slice(2);
  return isStatic(kernel) ? kernel : n.fail('the kernel has a symbolic size');
}

/** x [b, c, spatial…], weight [o, c/groups, kernel…], bias [o] */
export function convolve(n: NodeImport, x: OnnxValue, weight: OnnxValue, bias: OnnxValue | undefined): OnnxValue {
  const { kernel: _, ...window } = readWindow(n, x.type.shape.slice(2), kernelOf(n, x, weight));
  const result = n.emit('conv', [channelsLast(n, x), channelsLast(n, weight), bias], {
    ...window,
    groups: n.int('group', 1),
    activation: 'none',
  });
  return channelsFirst(n, result);
}

/**
 * Pads of a transposed convolution. With `output_shape` they follow from it: total = stride·(in − 1) + output_padding +
 * extent − out, the larger half before unless SAME_UPPER; where the result is larger than the whole, it is extended
 * after.
 */
function transposedWindow(
  n: NodeImport,
  x: OnnxValue,
  kernel: readonly number[],
): Window & { readonly output_padding: readonly number[] } {
  const spatial = x.type.shape.slice(2);
  const output_padding = perAxis(n, 'output_padding', spatial.length, 0);
  const auto = n.string('auto_pad', 'NOTSET');
  const same = auto === 'SAME_UPPER' || auto === 'SAME_LOWER';
  const shape = n.ints('output_shape');
  if (!same && shape === undefined) return { ...readWindow(n, spatial, kernel), output_padding };
  if (!isStatic(spatial)) return n.fail('output_shape and auto_pad need known sizes');
  const sizes: readonly number[] = spatial;
  const strides = perAxis(n, 'strides', spatial.length, 1);
  const dilations = perAxis(n, 'dilations', spatial.length, 1);
  const wanted = shape?.slice(-spatial.length) ?? sizes.map((size, axis) => size * (strides[axis] ?? 1));
  const total = sizes.map(
    (size, axis) =>
      (strides[axis] ?? 1) * (size - 1) +
      (output_padding[axis] ?? 0) +
      extentOf(kernel[axis] ?? 1, dilations[axis] ?? 1) -
      (wanted[axis] ?? 0),
  );
  const cropped = total.map((pad) => Math.max(0, pad));
  const smaller = cropped.map((pad) => Math.floor(pad / 2));
  const larger = cropped.map((pad) => Math.ceil(pad / 2));
  return {
    kernel,
    strides,
    dilations,
    pads_before: auto === 'SAME_UPPER' ? smaller : larger,
    pads_after: auto === 'SAME_UPPER' ? larger : smaller,
    output_padding: output_padding.map((padding, axis) => padding + Math.max(0, -(total[axis] ?? 0))),
  };
}

/** x [b, c, spatial…], weight [c, o/groups, kernel…], bias [o] */
function convTranspose(n: NodeImport): OnnxValue {
  const [x, weight] = [n.input(0), n.input(1)];
  if (dtypeOf(x) === 'f64') n.fail('elements of type float64 are not supported');
  const { kernel: _, ...window } = transposedWindow(n, x, kernelOf(n, x, weight));
  const result = n.emit('conv_transpose', [channelsLast(n, x), channelsLast(n, weight), n.optional(2)], {
    ...window,
    groups: n.int('group', 1),
  });
  return channelsFirst(n, result);
}

export const convolutions: Readonly<Record<string, Operator>> = {
  Conv: {
    since: 1,
    into: ['transpose', 'conv'],
    refuses: 'more than three spatial axes',
    import: (n) => convolve(n, n.input(0), n.input(1), n.optional(2)),
  },
  ConvTranspose: {
    since: 1,
    into: ['transpose', 'conv_transpose'],
    refuses: 'more than three spatial axes, float64',
    import: convTranspose,
  },
};
