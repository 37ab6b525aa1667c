import type { NodeOf, ValueId } from '../../ir/graph.js';
import type { Activation } from '../../ir/ops/epilogue.js';
import { type Dim, multiply, product } from '../../ir/scalar.js';
import type { EmitContext, Emitter } from '../emit-context.js';
import { linearF32ScratchBytes } from '../packing/float-scratch.js';
import { linearF32PackedBytes, packLinearF32 } from '../packing/linear-f32.js';
import { emitCopy, floatConstant, requireF32, requireStatic } from './operands.js';

export const ACTIVATION_CODES: Readonly<Record<Activation, string>> = {
  none: 'SQ_ACTIVATION_NONE',
  relu: 'SQ_ACTIVATION_RELU',
  gelu: 'SQ_ACTIVATION_GELU_ERF',
};

/** A constant weight matrix [n, k] (channels last for convolutions) and bias in the layout of a float family's variant. */
export function packedLinear(
  context: EmitContext,
  family: string,
  weight: ValueId,
  bias: ValueId | null,
  n: number,
  k: number,
): string {
  const { nr, packing } = context.variant(family);
  if (packing !== `linear_f32_nr${nr}`) throw new Error(`${family}: packing ${packing} is not linear_f32_nr${nr}`);
  const bytes = linearF32PackedBytes(n, k, nr);
  const packed = context.packed(`${packing} ${weight} ${bias ?? 'none'}`, bytes, 64, () =>
    packLinearF32(floatConstant(context, weight), bias === null ? undefined : floatConstant(context, bias), n, k, nr),
  );
  return `(const float *)${packed}`;
}

/** True where the weights are known, so that they can be packed. */
export const isPackable = (context: EmitContext, weight: ValueId, bias: ValueId | null): boolean =>
  context.graph.constants.has(weight) && (bias === null || context.graph.constants.has(bias));

/** y [m, n] = act(x [m, k] · Wᵀ + bias) + residual, with constant weights. */
export interface PackedLinear {
  readonly x: string;
  readonly y: string;
  readonly residual: string;
  readonly weight: ValueId;
  readonly bias: ValueId | null;
  readonly m: Dim;
  readonly n: number;
  readonly k: number;
  readonly activation: Activation;
}

export function emitPackedLinear(context: EmitContext, linear: PackedLinear): void {
  const { m, n, k } = linear;
  const family = context.exact ? 'sq_linear_f32' : 'sq_linear_f32_fast';
  const rows = context.maxDim(m);
  context.run(
    family,
    {
      x: linear.x,
      x_stride: context.dim(k),
      packed: packedLinear(context, family, linear.weight, linear.bias, n, k),
      residual: linear.residual,
      residual_stride: context.dim(n),
      y: linear.y,
      y_stride: context.dim(n),
      m: context.dim(m),
      n: context.dim(n),
      k: context.dim(k),
      activation: ACTIVATION_CODES[linear.activation],
    },
    { scratchBytes: linearF32ScratchBytes(rows, k, k) },
  );
}

export const emitLinear: Emitter<'linear'> = (node, context) => {
  const [x, weight, bias = null, residual = null] = node.operands as readonly [ValueId, ValueId, ...(ValueId | null)[]];
  const shape = context.type(x).shape;
  const [n, k] = requireStatic(context.type(weight).shape, 'weight') as [number, number];
  const m = product(shape.slice(0, -1));
  const [y] = node.results as readonly [ValueId];
  const { activation } = node.attrs;
  requireF32(context, node);
  if (isPackable(context, weight, bias)) {
    const [from, to, added] = [context.pointer(x), context.pointer(y), context.pointer(residual)];
    emitPackedLinear(context, { x: from, y: to, residual: added, weight, bias, m, n, k, activation });
  } else emitLinearOfInputs(node, context, m, n, k);
};

/**
 * Weights that come with the inputs: a pointwise convolution with the transposed weights. Slower than packed weights; SAM
 * has no such layer.
 */
function emitLinearOfInputs(node: NodeOf<'linear'>, context: EmitContext, m: Dim, n: number, k: number): void {
  const [x, weight, bias = null, residual = null] = node.operands as readonly [ValueId, ValueId, ...(ValueId | null)[]];
  const y = context.pointer(node.results[0]!);
  const transposed = context.workspace(4 * n * k);
  const elements = multiply(m, n);
  const before = residual === null ? y : context.workspace(4 * context.maxDim(elements));
  emitCopy(context, context.pointer(weight), transposed, [k, n], [1, k], [n, 1]);
  context.run('sq_conv_nd_f32', {
    x: context.pointer(x),
    weight: `(const float *)${transposed}`,
    bias: context.pointer(bias),
    y: `(float *)${before}`,
    batch: '1',
    in_c: context.dim(k),
    out_c: context.dim(n),
    groups: '1',
    in: `{1, 1, ${context.dim(m)}}`,
    out: `{1, 1, ${context.dim(m)}}`,
    kernel: '{1, 1, 1}',
    stride: '{1, 1, 1}',
    dilation: '{1, 1, 1}',
    pad: '{0, 0, 0}',
    activation: ACTIVATION_CODES[node.attrs.activation],
  });
  if (residual === null) return;
  context.runGeneric('sq_binary', 'SQ_DEFINE_BINARY', ['add', 'f32'], 'sq_binary_add_f32', {
    a: before,
    b: context.pointer(residual),
    y,
    rank: '1',
    dims: context.int64s([context.dim(elements)]),
    strides_a: context.int64s([1]),
    strides_b: context.int64s([1]),
  });
}
