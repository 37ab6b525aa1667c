import type { NodeOf, ValueId } from '../../ir/graph.js';
import { outputInverseScale } from '../../ir/integer/linear.js';
import { constantsOf } from '../../ir/ops/integer-attention.js';
import { boundsOf, type Dim, divideExact, multiply, product } from '../../ir/scalar.js';
import type { Quantization } from '../../ir/types.js';
import type { EmitContext, Emitter } from '../emit-context.js';
import { attentionU8ScratchBytes, packRelativeTableU8, relativeTableU8Bytes } from '../packing/attention-u8.js';
import {
  convU8S8ScratchBytes,
  linearU8S8Bytes,
  linearU8S8ScratchBytes,
  packLinearU8S8,
  panelU8S8ScratchBytes,
} from '../packing/linear-u8s8.js';

type Fields = Readonly<Record<string, string>>;

const inverse = (scale: number): number => Math.fround(1 / scale);

/** Fields that quantize a result: sq_code.h. */
const codeFields = (context: EmitContext, quant: Quantization): Fields => ({
  inv_scale: context.floatLiteral(inverse(quant.scale)),
  zp: String(quant.zeroPoint),
  qmax: String(2 ** quant.bits - 1),
});

const shapeOf = (context: EmitContext, value: ValueId): readonly Dim[] => context.type(value).shape;
const rowsOf = (shape: readonly Dim[]): Dim => product(shape.slice(0, -1));
const last = (shape: readonly Dim[]): Dim => shape.at(-1) ?? 1;

export const quantize: Emitter<'quantize'> = (node, context) => {
  const [x] = node.operands as [ValueId];
  context.run('sq_quantize_u8', {
    x: context.pointer(x),
    y: context.pointer(node.results[0]!),
    n: context.dim(product(shapeOf(context, x))),
    ...codeFields(context, node.attrs.quant),
  });
};

export const dequantize: Emitter<'dequantize'> = (node, context) => {
  const [x] = node.operands as [ValueId];
  context.run('sq_dequantize_u8', {
    x: context.pointer(x),
    y: context.pointer(node.results[0]!),
    n: context.dim(product(shapeOf(context, x))),
    scale: context.floatLiteral(Math.fround(node.attrs.quant.scale)),
    zp: String(node.attrs.quant.zeroPoint),
  });
};

export const snap: Emitter<'snap'> = (node, context) => {
  const [x] = node.operands as [ValueId];
  const { levels } = node.attrs;
  context.run('sq_snap_u8', {
    x: context.pointer(x),
    y: context.pointer(node.results[0]!),
    levels: context.packed(`levels:${levels}`, levels.length, 1, () => Uint8Array.from(levels)),
    n: context.dim(product(shapeOf(context, x))),
    count: String(levels.length),
  });
};

/** Where the codes and the floats of a result of two go. */
const codesAndFloats = (context: EmitContext, results: readonly ValueId[], width: Dim): Fields => ({
  y_u8: context.pointer(results[0]!),
  y_u8_stride: context.dim(width),
  y_f32: context.pointer(results[1] ?? null),
  y_f32_stride: context.dim(width),
});

export const layerNormQuantize: Emitter<'layer_norm_quantize'> = (node, context) => {
  const [x, gamma, beta] = node.operands as [ValueId, ValueId, ValueId];
  const shape = shapeOf(context, x);
  context.run('sq_layer_norm_quantize_u8', {
    x: context.pointer(x),
    x_stride: context.dim(last(shape)),
    gamma: context.pointer(gamma),
    beta: context.pointer(beta),
    m: context.dim(rowsOf(shape)),
    k: context.dim(last(shape)),
    eps: context.floatLiteral(Math.fround(node.attrs.epsilon)),
    gelu: node.attrs.activation === 'gelu' ? '1' : '0',
    ...codeFields(context, node.attrs.quant),
    ...codesAndFloats(context, node.results, last(shape)),
  });
};

export const addQuantize: Emitter<'add_quantize'> = (node, context) => {
  const [a, b] = node.operands as [ValueId, ValueId];
  const [shape, other] = [shapeOf(context, a), shapeOf(context, b)];
  const width = last(shape);
  context.run('sq_add_quantize_u8', {
    a: context.pointer(a),
    b: context.pointer(b),
    a_stride: context.dim(width),
    b_stride: context.dim(width),
    b_rows: context.dim(rowsOf(other)),
    m: context.dim(rowsOf(shape)),
    n: context.dim(width),
    ...codeFields(context, node.attrs.quant),
    ...codesAndFloats(context, node.results, width),
  });
};

type Product = NodeOf<'integer_linear'> | NodeOf<'integer_conv'>;

/** The epilogue of sq_epilogue_u8s8.h. */
function epilogueFields(node: Product, context: EmitContext, n: number): Fields {
  const [residual] = node.operands.slice(4);
  const { output, activation } = node.attrs;
  const result = context.pointer(node.results[0]!);
  const width = context.dim(n);
  return {
    weight_bits: String(node.attrs.weight_bits),
    activation: `SQ_EPILOGUE_${activation.toUpperCase()}`,
    y_u8: output ? result : 'NULL',
    y_f32: output ? 'NULL' : result,
    residual: context.pointer(residual ?? null),
    y_u8_stride: width,
    y_f32_stride: width,
    residual_stride: width,
    out_inv_scale: context.floatLiteral(outputInverseScale({ activation, residual: residual ?? undefined, output })),
    out_zp: String(output?.zeroPoint ?? 0),
    out_qmax: String(output ? 2 ** output.bits - 1 : 0),
  };
}

interface PackedWeights {
  readonly weights: string;
  readonly n: number;
  readonly k: number;
  /** True where the kernel packs rows of x into scratch. */
  readonly panel: boolean;
}

/** The packed weights of an integer product; bias and multipliers travel in their blocks. */
function packedWeights(node: Product, context: EmitContext, family: string): PackedWeights {
  const [, weight, bias, multiplier] = node.operands as [ValueId, ValueId, ValueId, ValueId];
  const shape = shapeOf(context, weight) as readonly number[];
  const [n, k] = [shape[0]!, shape.slice(1).reduce((a, b) => a * b, 1)];
  const variant = context.variant(family);
  const bits = node.attrs.weight_bits;
  const load = (value: ValueId) => context.graph.constants.get(value)!.load().data;
  const weights = context.packed(
    `linear_u8s8:${weight}:${bias}:${multiplier}:${variant.nr}:${variant.kr}:${bits}`,
    linearU8S8Bytes(variant, n, k, bits),
    64,
    () =>
      packLinearU8S8(
        {
          weight: load(weight) as Int8Array,
          bias: load(bias) as Int32Array,
          multiplier: load(multiplier) as Float32Array,
          n,
          k,
          bits,
        },
        variant,
      ),
  );
  return { weights, n, k, panel: variant.packing === 'linear_u8s8_panel' };
}

export const integerLinear: Emitter<'integer_linear'> = (node, context) => {
  const [x] = node.operands as [ValueId];
  const { weights, n, k, panel } = packedWeights(node, context, 'sq_linear_u8s8');
  const panelBytes = panel ? panelU8S8ScratchBytes(k, 'linear') : 0;
  context.run(
    'sq_linear_u8s8',
    {
      x: context.pointer(x),
      x_stride: context.dim(k),
      weights,
      m: context.dim(rowsOf(shapeOf(context, x))),
      n: context.dim(n),
      k: context.dim(k),
      ...epilogueFields(node, context, n),
    },
    { scratchBytes: linearU8S8ScratchBytes(k, node.attrs.weight_bits) + panelBytes },
  );
};

export const integerConv: Emitter<'integer_conv'> = (node, context) => {
  const [x, weight] = node.operands as [ValueId, ValueId];
  const { weights, n, k, panel } = packedWeights(node, context, 'sq_conv_u8s8');
  const panelBytes = panel ? panelU8S8ScratchBytes(k, 'conv') : 0;
  const [batch, h, w, c] = shapeOf(context, x) as [Dim, Dim, Dim, Dim];
  const [, outH, outW] = shapeOf(context, node.results[0]!) as [Dim, Dim, Dim];
  const [, kernelH, kernelW] = shapeOf(context, weight) as [Dim, Dim, Dim];
  const { strides, dilations, pads_before } = node.attrs;
  const dims: Readonly<Record<string, Dim | undefined>> = {
    x_stride: c,
    batch,
    h,
    w,
    c,
    out_h: outH,
    out_w: outW,
    n,
    kernel_h: kernelH,
    kernel_w: kernelW,
    stride_h: strides[0],
    stride_w: strides[1],
    dilation_h: dilations[0],
    dilation_w: dilations[1],
    pad_top: pads_before[0],
    pad_left: pads_before[1],
  };
  context.run(
    'sq_conv_u8s8',
    {
      x: context.pointer(x),
      weights,
      ...Object.fromEntries(Object.entries(dims).map(([name, dim]) => [name, context.dim(dim ?? 0)])),
      zp_x: String(node.attrs.x_zero_point),
      ...epilogueFields(node, context, n),
    },
    { scratchBytes: convU8S8ScratchBytes(k, node.attrs.weight_bits) + panelBytes },
  );
};

const KINDS = {
  row_log2: 'SQ_ATTENTION_ROW_LOG2',
  row_uniform: 'SQ_ATTENTION_ROW_UNIFORM',
  agq: 'SQ_ATTENTION_AGQ',
} as const;

const bytesOf = (data: ArrayBufferView): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** Packed table of relative positions, `NULL` where there is none. */
function relativeTable(context: EmitContext, value: ValueId | null | undefined, zq: number): string {
  if (value == null) return 'NULL';
  const shape = shapeOf(context, value) as readonly [number, number, number];
  const packed = context.packed(`relative_u8:${value}:${zq}`, relativeTableU8Bytes(...shape), 64, () =>
    packRelativeTableU8(context.graph.constants.get(value)!.load().data as Int8Array, shape, zq),
  );
  return `(const int8_t *)(const void *)${packed}`;
}

/** Strides of a bias that broadcasts to [batch, heads, m, n]: 0 where an axis is absent or 1. */
function biasFields(context: EmitContext, bias: ValueId | null | undefined): Fields {
  const shape = bias == null ? [] : shapeOf(context, bias);
  const padded: Dim[] = [...new Array<Dim>(4 - shape.length).fill(1), ...shape];
  const stride = (axis: number): string => context.dim(padded[axis] === 1 ? 0 : product(padded.slice(axis + 1)));
  return { bias: context.pointer(bias ?? null), bias_batch: stride(0), bias_head: stride(1), bias_row: stride(2) };
}

export const integerAttention: Emitter<'integer_attention'> = (node, context) => {
  const [q, k, v, bias, relHeight, relWidth, keyPad, valuePad] = node.operands as [
    ValueId,
    ValueId,
    ValueId,
    ...(ValueId | null | undefined)[],
  ];
  const { heads, window, output } = node.attrs;
  const constants = constantsOf(node.attrs);
  const [batch, queries, width] = shapeOf(context, q) as [Dim, Dim, Dim];
  const [, keys] = shapeOf(context, k) as [Dim, Dim];
  const valueWidth = last(shapeOf(context, v));
  const [gridH, gridW, winH, winW] = window ?? [0, 0, 0, 0];
  const inWindow = winH! * winW!;
  const c = divideExact(width, heads) as number;
  const cv = divideExact(valueWidth, heads) as number;
  const result = context.pointer(node.results[0]!);
  const height = relHeight == null ? undefined : (shapeOf(context, relHeight) as readonly number[]);
  const across = relWidth == null ? undefined : (shapeOf(context, relWidth) as readonly number[]);
  const dims: Readonly<Record<string, Dim>> = {
    q_batch: multiply(queries, width),
    q_row: width,
    k_batch: multiply(keys, width),
    k_row: width,
    v_batch: multiply(keys, valueWidth),
    v_row: valueWidth,
    out_batch: multiply(queries, valueWidth),
    out_row: valueWidth,
    batch,
    heads,
    m: window ? inWindow : queries,
    n: window ? inWindow : keys,
    c,
    cv,
    rel_qw: across?.[0] ?? 0,
    rel_kh: height?.[1] ?? 0,
    rel_kw: across?.[1] ?? 0,
    grid_h: gridH!,
    grid_w: gridW!,
    win_h: winH!,
    win_w: winW!,
  };
  const table = context.packed(
    `softmax_table:${node.attrs.quantizer}:${node.attrs.tau}:${node.attrs.softmax_bits}`,
    constants.table.byteLength,
    64,
    () => bytesOf(constants.table),
  );
  const floats: Readonly<Record<string, number>> = {
    logit_scale: constants.logitScale,
    t_scale: constants.tScale,
    tau: constants.tau,
    log2_s: constants.log2S,
    agq_scale: constants.agqScale,
    out_mul: constants.outMul,
    v_scale: constants.vScale,
    rel_h_scale: constants.relHeightScale,
    rel_w_scale: constants.relWidthScale,
  };
  const scratchKeys = window ? inWindow : boundsOf(keys, context.graph.bounds).max;
  context.run(
    'sq_attention_u8',
    {
      q: context.pointer(q),
      k: context.pointer(k),
      v: context.pointer(v),
      out_u8: output ? result : 'NULL',
      out_f32: output ? 'NULL' : result,
      ...Object.fromEntries(Object.entries(dims).map(([name, dim]) => [name, context.dim(dim)])),
      zq: String(constants.zq),
      k_offset: String(constants.kOffset),
      zv: String(constants.zv),
      kind: KINDS[node.attrs.quantizer],
      ...Object.fromEntries(Object.entries(floats).map(([name, value]) => [name, context.floatLiteral(value)])),
      offset: String(constants.offset),
      table: `(const int16_t *)(const void *)${table}`,
      levels: String(constants.levels),
      out_zp: String(constants.outZeroPoint),
      out_qmax: String(constants.outMax),
      rel_h: relativeTable(context, relHeight, constants.zq),
      rel_w: relativeTable(context, relWidth, constants.zq),
      ...biasFields(context, bias),
      k_pad: context.pointer(keyPad ?? null),
      v_pad: context.pointer(valuePad ?? null),
    },
    {
      scratchBytes: attentionU8ScratchBytes({
        n: scratchKeys,
        c,
        cv,
        relative: height && across ? { kh: height[1]!, kw: across[1]! } : undefined,
      }),
    },
  );
};

export const observe: Emitter<'observe'> = (node, context) => {
  const [x] = node.operands as [ValueId];
  const [channels, histogram] = node.results as [ValueId, ValueId];
  const shape = shapeOf(context, x);
  context.run(
    'sq_observe_f32',
    {
      x: context.pointer(x),
      rows: context.dim(rowsOf(shape)),
      channels: context.dim(last(shape)),
      channels_out: context.pointer(channels),
      histogram: context.pointer(histogram),
    },
    { scratchBytes: 8 * (last(shape) as number) },
  );
};
