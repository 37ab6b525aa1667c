import type { ValueId } from '../../ir/graph.js';
import { type Dim, product } from '../../ir/scalar.js';
import type { EmitContext, Emitter } from '../emit-context.js';
import { convF32ScratchBytes } from '../packing/float-scratch.js';
import { transposeF32 } from '../packing/linear-f32.js';
import { ACTIVATION_CODES, emitPackedLinear, isPackable, packedLinear } from './linear.js';
import { emitCopy, floatConstant, requireF32, requireStatic } from './operands.js';

type Triple<T> = readonly [T, T, T];

/** Spatial sizes as the rank-3 kernels take them: leading axes of 1 (or of no padding). */
const triple = <T>(values: readonly T[], filler: T): Triple<T> =>
  [...new Array<T>(3 - values.length).fill(filler), ...values] as unknown as Triple<T>;
const braces = (values: readonly string[]): string => `{${values.join(', ')}}`;

/** Fields that the direct kernels of conv and conv_transpose share. */
function windowFields(
  context: EmitContext,
  x: readonly Dim[],
  y: readonly Dim[],
  window: {
    kernel: readonly number[];
    strides: readonly number[];
    dilations: readonly number[];
    pads: readonly number[];
  },
): Record<string, string> {
  const list = (dims: readonly Dim[], filler: number): string => braces(triple(dims, filler).map(context.dim));
  return {
    batch: context.dim(x[0]!),
    in_c: context.dim(x.at(-1)!),
    out_c: context.dim(y.at(-1)!),
    in: list(x.slice(1, -1), 1),
    out: list(y.slice(1, -1), 1),
    kernel: list(window.kernel, 1),
    stride: list(window.strides, 1),
    dilation: list(window.dilations, 1),
    pad: list(window.pads, 0),
  };
}

export const emitConv: Emitter<'conv'> = (node, context) => {
  const [x, weight, bias = null] = node.operands as readonly [ValueId, ValueId, ...(ValueId | null)[]];
  const [y] = node.results as readonly [ValueId];
  const { strides, dilations, pads_before: pads, pads_after, groups, activation } = node.attrs;
  if (context.type(x).dtype !== 'f32') {
    emitConvGeneric(node, context);
    return;
  }
  const [from, to] = [context.type(x).shape, context.type(y).shape];
  const weights = requireStatic(context.type(weight).shape, 'weight');
  const kernel = weights.slice(1, -1);
  const [n, k] = [weights[0]!, weights.slice(1).reduce((a, b) => a * b, 1)];
  const packable = isPackable(context, weight, bias);
  const pointwise = [...kernel, ...strides].every((v) => v === 1) && [...pads, ...pads_after].every((v) => v === 0);
  if (packable && groups === 1 && pointwise) {
    const m = product(from.slice(0, -1));
    const ends = { x: context.pointer(x), y: context.pointer(y), residual: 'NULL' };
    emitPackedLinear(context, { ...ends, weight, bias, m, n, k, activation });
    return;
  }
  if (packable && groups === 1 && kernel.length <= 2) {
    const family = context.exact ? 'sq_conv_f32' : 'sq_conv_f32_fast';
    const pair = (values: readonly Dim[], filler: number): [string, string] =>
      triple(values, filler).slice(1).map(context.dim) as [string, string];
    const [in_h, in_w] = pair(from.slice(1, -1), 1);
    const [out_h, out_w] = pair(to.slice(1, -1), 1);
    const [kernel_h, kernel_w] = pair(kernel, 1);
    const [stride_h, stride_w] = pair(strides, 1);
    const [dilation_h, dilation_w] = pair(dilations, 1);
    const [pad_top, pad_left] = pair(pads, 0);
    context.run(
      family,
      {
        x: context.pointer(x),
        packed: packedLinear(context, family, weight, bias, n, k),
        y: context.pointer(y),
        batch: context.dim(from[0]!),
        in_h,
        in_w,
        in_c: context.dim(from.at(-1)!),
        out_h,
        out_w,
        out_c: context.dim(n),
        kernel_h,
        kernel_w,
        stride_h,
        stride_w,
        dilation_h,
        dilation_w,
        pad_top,
        pad_left,
        activation: ACTIVATION_CODES[activation],
      },
      { scratchBytes: convF32ScratchBytes(k) },
    );
    return;
  }
  // [n, k] to [k, n]: at compile time where the weights are known.
  const transposed = context.graph.constants.has(weight)
    ? context.packed(`transposed ${weight}`, 4 * n * k, 64, () =>
        bytesOf(transposeF32(floatConstant(context, weight), n, k)),
      )
    : context.workspace(4 * n * k);
  if (!context.graph.constants.has(weight))
    emitCopy(context, context.pointer(weight), transposed, [k, n], [1, k], [n, 1]);
  context.run('sq_conv_nd_f32', {
    x: context.pointer(x),
    weight: `(const float *)${transposed}`,
    bias: context.pointer(bias),
    y: context.pointer(y),
    groups: context.dim(groups),
    ...windowFields(context, from, to, { kernel, strides, dilations, pads }),
    activation: ACTIVATION_CODES[activation],
  });
};

/** Any element type, weights as the program has them. */
const emitConvGeneric: Emitter<'conv'> = (node, context) => {
  const [x, weight, bias = null] = node.operands as readonly [ValueId, ValueId, ...(ValueId | null)[]];
  const [y] = node.results as readonly [ValueId];
  const { strides, dilations, pads_before: pads, groups, activation } = node.attrs;
  const { dtype, shape } = context.type(x);
  if (activation !== 'none') throw new Error(`a convolution of ${dtype} has no activation`);
  const kernel = requireStatic(context.type(weight).shape.slice(1, -1), 'kernel');
  context.runGeneric('sq_conv_generic.h', 'SQ_DEFINE_CONV_GENERIC', [dtype], `sq_conv_generic_${dtype}`, {
    x: context.pointer(x),
    weight: context.pointer(weight),
    bias: context.pointer(bias),
    y: context.pointer(y),
    groups: context.dim(groups),
    ...windowFields(context, shape, context.type(y).shape, { kernel, strides, dilations, pads }),
  });
};

export const emitConvTranspose: Emitter<'conv_transpose'> = (node, context) => {
  const [x, weight, bias = null] = node.operands as readonly [ValueId, ValueId, ...(ValueId | null)[]];
  const [y] = node.results as readonly [ValueId];
  const { strides, dilations, pads_before: pads, groups } = node.attrs;
  requireF32(context, node);
  const weights = requireStatic(context.type(weight).shape, 'weight');
  const kernel = weights.slice(1, -1);
  const taps = kernel.reduce((a, b) => a * b, 1);
  const perGroup = weights.at(-1)!;
  const channels = weights[0]! / groups;
  const bytes = 4 * weights[0]! * taps * perGroup;
  // [groups, channels, taps, perGroup] to [taps, channels, groups, perGroup], at compile time where it can be.
  const dims = [taps, channels, groups, perGroup];
  const strideFrom = [perGroup, taps * perGroup, channels * taps * perGroup, 1];
  const strideTo = [channels * groups * perGroup, groups * perGroup, perGroup, 1];
  const known = context.graph.constants.has(weight);
  const ordered = known
    ? context.packed(`conv_transpose_nd_f32 ${weight} ${groups}`, bytes, 64, () =>
        bytesOf(permuted(floatConstant(context, weight), dims, strideFrom)),
      )
    : context.workspace(bytes);
  if (!known) emitCopy(context, context.pointer(weight), ordered, dims, strideFrom, strideTo);
  context.run('sq_conv_transpose_nd_f32', {
    x: context.pointer(x),
    weight: `(const float *)${ordered}`,
    bias: context.pointer(bias),
    y: context.pointer(y),
    groups: context.dim(groups),
    ...windowFields(context, context.type(x).shape, context.type(y).shape, { kernel, strides, dilations, pads }),
    activation: ACTIVATION_CODES.none,
  });
};

const bytesOf = (values: Float32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

/** Row-major over dims, element i from `values[i · strides]`; four axes. */
function permuted(values: Float32Array, dims: readonly number[], strides: readonly number[]): Float32Array {
  const out = new Float32Array(values.length);
  const [d0, d1, d2, d3] = dims as readonly [number, number, number, number];
  const [s0, s1, s2, s3] = strides as readonly [number, number, number, number];
  let at = 0;
  for (let i = 0; i < d0; i++)
    for (let j = 0; j < d1; j++)
      for (let k = 0; k < d2; k++) for (let l = 0; l < d3; l++) out[at++] = values[i * s0 + j * s1 + k * s2 + l * s3]!;
  return out;
}
