import type { ValueId } from '../../ir/graph.js';
import { type Dim, divideExact, multiply } from '../../ir/scalar.js';
import type { EmitContext, Emitter } from '../emit-context.js';
import { attentionF32ScratchBytes } from '../packing/float-scratch.js';
import { requireF32 } from './operands.js';

/** Strides of a bias that broadcasts to [b, heads, m, n]; its last axis must not, which the kernel reads contiguously. */
function biasStrides(context: EmitContext, bias: ValueId | null, n: Dim): Record<string, string> {
  if (bias === null) return { bias: 'NULL', bias_batch: '0', bias_head: '0', bias_row: '0' };
  const shape = context.type(bias).shape;
  if (shape.length === 0 || (shape.at(-1) === 1 && n !== 1))
    throw new Error('a bias that is the same for all keys does nothing to a softmax and should not be here');
  const strideOf = (fromEnd: number): string => {
    const axis = shape.length - fromEnd;
    if (axis < 0 || shape[axis] === 1) return '0';
    return context.dim(shape.slice(axis + 1).reduce<Dim>(multiply, 1));
  };
  return {
    bias: context.pointer(bias),
    bias_batch: strideOf(4),
    bias_head: strideOf(3),
    bias_row: strideOf(2),
  };
}

export const emitAttention: Emitter<'attention'> = (node, context) => {
  const [q, k, v, bias = null, relHeight = null, relWidth = null, keyPad = null, valuePad = null] =
    node.operands as readonly [ValueId, ValueId, ValueId, ...(ValueId | null)[]];
  const { heads, scale, window } = node.attrs;
  requireF32(context, node);
  const [queries, keys, values] = [context.type(q).shape, context.type(k).shape, context.type(v).shape] as const;
  const [width, valueWidth] = [queries[2]!, values[2]!];
  const [gridHeight, gridWidth, winHeight, winWidth] = window ?? [0, 0, 0, 0];
  const [m, n] = window ? [winHeight! * winWidth!, winHeight! * winWidth!] : [queries[1]!, keys[1]!];
  const [c, cv] = [divideExact(width, heads), divideExact(valueWidth, heads)];
  const relative = relHeight !== null && relWidth !== null;
  const heightTable = relative ? context.type(relHeight).shape : [0, 0, 0];
  const widthTable = relative ? context.type(relWidth).shape : [0, 0, 0];
  const most = context.maxDim;
  const sizes = {
    m: most(m),
    n: most(n),
    c: most(c),
    cv: most(cv),
    relKh: most(heightTable[1]!),
    relKw: most(widthTable[1]!),
  };
  context.run(
    context.exact ? 'sq_attention_f32' : 'sq_attention_f32_fast',
    {
      q: context.pointer(q),
      q_batch: context.dim(multiply(queries[1]!, width)),
      q_row: context.dim(width),
      k: context.pointer(k),
      k_batch: context.dim(multiply(keys[1]!, width)),
      k_row: context.dim(width),
      v: context.pointer(v),
      v_batch: context.dim(multiply(keys[1]!, valueWidth)),
      v_row: context.dim(valueWidth),
      out: context.pointer(node.results[0]!),
      out_batch: context.dim(multiply(queries[1]!, valueWidth)),
      out_row: context.dim(valueWidth),
      batch: context.dim(queries[0]!),
      heads: context.dim(heads),
      m: context.dim(m),
      n: context.dim(n),
      c: context.dim(c),
      cv: context.dim(cv),
      scale: context.floatLiteral(scale),
      rel_h: context.pointer(relHeight),
      rel_w: context.pointer(relWidth),
      rel_qw: context.dim(widthTable[0]!),
      rel_kh: context.dim(heightTable[1]!),
      rel_kw: context.dim(widthTable[1]!),
      ...biasStrides(context, bias, n),
      grid_h: context.dim(gridHeight!),
      grid_w: context.dim(gridWidth!),
      win_h: context.dim(winHeight!),
      win_w: context.dim(winWidth!),
      k_pad: context.pointer(keyPad),
      v_pad: context.pointer(valuePad),
    },
    { scratchBytes: attentionF32ScratchBytes(sizes) },
  );
};
