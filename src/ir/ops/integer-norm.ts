import { addQuantizeU8, layerNormQuantizeU8 } from '../integer/norm.js';
import { attr, defineOp, operand, requireTensor, requireType, TypeMismatch } from '../op.js';
import { scalarsEqual } from '../scalar.js';
import type { Tensor, TensorType } from '../types.js';

/** Both ops give the codes first and, where `also_float`, the float32 they were made from. */
const results = (x: TensorType, quant: NonNullable<TensorType['quant']>, alsoFloat: boolean): TensorType[] => [
  { dtype: 'u8', shape: x.shape, quant },
  ...(alsoFloat ? [{ dtype: 'f32', shape: x.shape } as const] : []),
];
const tensors = (shape: readonly number[], codes: Uint8Array, values: Float32Array, alsoFloat: boolean): Tensor[] => [
  { dtype: 'u8', shape, data: codes },
  ...(alsoFloat ? [{ dtype: 'f32', shape, data: values } as const] : []),
];

export const layer_norm_quantize = defineOp({
  summary:
    'LayerNorm over the last axis (and GELU), then quantize: f32 [..., c] → u8 [..., c] (and f32 where also_float)',
  operands: [operand('x'), operand('gamma'), operand('beta')],
  attrs: {
    epsilon: attr.float,
    activation: attr.optional(attr.enum('gelu')),
    quant: attr.quant,
    also_float: attr.bool,
  },
  infer: (types, { quant, also_float }) => {
    const x = requireType(types, 0, 'x');
    for (const [index, name] of [
      [1, 'gamma'],
      [2, 'beta'],
    ] as const) {
      const type = requireType(types, index, name);
      if (type.dtype !== 'f32' || type.shape.length !== 1 || !scalarsEqual(type.shape[0]!, x.shape.at(-1) ?? 1))
        throw new TypeMismatch(`layer_norm_quantize: ${name} must be f32 [c]`);
    }
    if (x.dtype !== 'f32') throw new TypeMismatch(`layer_norm_quantize takes f32, found ${x.dtype}`);
    return results(x, quant, also_float);
  },
  evaluate: (operands, { epsilon, activation, quant, also_float }) => {
    const [x, gamma, beta] = [0, 1, 2].map((index) => requireTensor(operands, index)) as [Tensor, Tensor, Tensor];
    const { codes, values } = layerNormQuantizeU8({
      x: x.data as Float32Array,
      gamma: gamma.data as Float32Array,
      beta: beta.data as Float32Array,
      epsilon,
      activation,
      quant,
    });
    return tensors(x.shape, codes, values, also_float);
  },
});

export const add_quantize = defineOp({
  summary:
    'a + b, then quantize: f32 a [..., m, n] and b with the trailing shape of a (repeated over the leading axes) → u8 (and f32 where also_float)',
  operands: [operand('a'), operand('b')],
  attrs: { quant: attr.quant, also_float: attr.bool },
  infer: (types, { quant, also_float }) => {
    const [a, b] = [requireType(types, 0, 'a'), requireType(types, 1, 'b')];
    if (a.dtype !== 'f32' || b.dtype !== 'f32') throw new TypeMismatch('add_quantize takes f32');
    const trailing = a.shape.slice(a.shape.length - b.shape.length);
    if (b.shape.length < 1 || !trailing.every((dim, axis) => scalarsEqual(dim, b.shape[axis]!)))
      throw new TypeMismatch('add_quantize: b must have the trailing shape of a');
    return results(a, quant, also_float);
  },
  evaluate: (operands, { quant, also_float }) => {
    const [a, b] = [requireTensor(operands, 0), requireTensor(operands, 1)];
    const { codes, values } = addQuantizeU8({ a: a.data as Float32Array, b: b.data as Float32Array, quant });
    return tensors(a.shape, codes, values, also_float);
  },
});
