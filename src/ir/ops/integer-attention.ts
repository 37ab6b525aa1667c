import { integerAttention } from '../integer/attention.js';
import { attentionConstants, type SoftmaxQuantizer } from '../integer/attention-parameters.js';
import { type AttrsOf, attr, defineOp, operand, requireTensor, requireType, TypeMismatch } from '../op.js';
import { divideExact, multiply, scalarsEqual } from '../scalar.js';
import { requireQuantized } from './quantize.js';

const ATTRS = {
  heads: attr.int,
  scale: attr.float,
  window: attr.optional(attr.ints),
  q: attr.quant,
  k: attr.quant,
  v: attr.quant,
  quantizer: attr.enum('row_log2', 'row_uniform', 'agq'),
  softmax_bits: attr.int,
  tau: attr.float,
  offset: attr.int,
  reference: attr.float,
  rel_height_scale: attr.optional(attr.float),
  rel_width_scale: attr.optional(attr.float),
  /** Quantization of the result; absent: float32. */
  output: attr.optional(attr.quant),
} as const;
export type IntegerAttentionAttrs = AttrsOf<typeof ATTRS>;

export const softmaxOf = (attrs: IntegerAttentionAttrs): SoftmaxQuantizer => ({
  quantizer: attrs.quantizer,
  bits: attrs.softmax_bits,
  tau: attrs.tau,
  offset: attrs.offset,
  reference: attrs.reference,
});

export const constantsOf = (attrs: IntegerAttentionAttrs) =>
  attentionConstants({
    q: attrs.q,
    k: attrs.k,
    v: attrs.v,
    scale: attrs.scale,
    softmax: softmaxOf(attrs),
    relHeightScale: attrs.rel_height_scale ?? 0,
    relWidthScale: attrs.rel_width_scale ?? 0,
    output: attrs.output,
  });

export const integer_attention = defineOp({
  summary:
    'attention on codes: q u8 [b, m, heads·c], k u8 [b, n, heads·c], v u8 [b, n, heads·cv] → u8 or f32 [b, m, heads·cv]; probabilities are codes, the m×n matrix is never stored',
  operands: [
    operand('q'),
    operand('k'),
    operand('v'),
    operand('bias', '?'),
    operand('rel_height', '?'),
    operand('rel_width', '?'),
    operand('key_pad', '?'),
    operand('value_pad', '?'),
  ],
  attrs: ATTRS,
  infer: (types, attrs) => {
    const [q, k, v] = [requireType(types, 0, 'q'), requireType(types, 1, 'k'), requireType(types, 2, 'v')];
    for (const [type, quant, name] of [
      [q, attrs.q, 'q'],
      [k, attrs.k, 'k'],
      [v, attrs.v, 'v'],
    ] as const) {
      const own = requireQuantized(type, `integer_attention: ${name}`);
      if (own.scale !== quant.scale || own.zeroPoint !== quant.zeroPoint || own.bits !== quant.bits)
        throw new TypeMismatch(`integer_attention: attribute ${name} is not the quantization of operand ${name}`);
      if (type.shape.length !== 3) throw new TypeMismatch(`integer_attention: ${name} must have rank 3`);
    }
    if (!scalarsEqual(q.shape[2]!, k.shape[2]!) || !scalarsEqual(k.shape[1]!, v.shape[1]!))
      throw new TypeMismatch('integer_attention: q, k and v disagree in channels or keys');
    for (const index of [4, 5])
      if (types[index] !== undefined && types[index].dtype !== 'i8')
        throw new TypeMismatch('integer_attention: relative-position tables must be i8');
    const channels = multiply(attrs.heads, divideExact(v.shape[2]!, attrs.heads));
    const shape = [q.shape[0]!, q.shape[1]!, channels];
    return [attrs.output === undefined ? { dtype: 'f32', shape } : { dtype: 'u8', shape, quant: attrs.output }];
  },
  evaluate: (operands, attrs, { types }) => {
    const [q, k, v] = [0, 1, 2].map((index) => requireTensor(operands, index)) as [
      ReturnType<typeof requireTensor>,
      ReturnType<typeof requireTensor>,
      ReturnType<typeof requireTensor>,
    ];
    const [bias, relHeight, relWidth, keyPad, valuePad] = operands.slice(3);
    const data = integerAttention({
      q: q.data as Uint8Array,
      k: k.data as Uint8Array,
      v: v.data as Uint8Array,
      batch: q.shape[0]!,
      queries: q.shape[1]!,
      keys: k.shape[1]!,
      heads: attrs.heads,
      channels: q.shape[2]! / attrs.heads,
      valueChannels: v.shape[2]! / attrs.heads,
      bias: bias && { data: bias.data as Float32Array, shape: bias.shape },
      relHeight: relHeight && { data: relHeight.data as Int8Array, shape: relHeight.shape },
      relWidth: relWidth && { data: relWidth.data as Int8Array, shape: relWidth.shape },
      keyPad: keyPad?.data as Uint8Array | undefined,
      valuePad: valuePad?.data as Uint8Array | undefined,
      window: attrs.window,
      quantizer: attrs.quantizer,
      constants: constantsOf(attrs),
      float: attrs.output === undefined,
    });
    return [
      data instanceof Uint8Array
        ? { dtype: 'u8', shape: types[0]!.shape, data }
        : { dtype: 'f32', shape: types[0]!.shape, data },
    ];
  },
});
