import { divideExact, multiply, type Scalar } from '../../scalar.js';
import type { OnnxValue } from '../onnx-value.js';
import { dtypeOf, type NodeImport, type Operator, rankOf } from '../operator.js';
import { swapLast } from './matmul.js';
import { reshapeTo, transposeTo } from './movement.js';

/** Attention (opset 23), written out: softmax(scale·Q·Kᵀ + mask)·V by heads. A pass finds it again. */

const binary = (n: NodeImport, fn: 'add' | 'mul' | 'div' | 'less_equal', a: OnnxValue, b: OnnxValue): OnnxValue =>
  n.emit('binary', [a, b], { fn });

/** [b, tokens, heads·c] → [b, heads, tokens, c]; tensors of rank 4 are by heads already. */
function byHeads(n: NodeImport, x: OnnxValue, attribute: string): OnnxValue {
  const [batch, tokens, width, ...more] = x.type.shape;
  if (batch === undefined || tokens === undefined || width === undefined || more.length > 1)
    return n.fail(`expected rank 3 or 4, found ${rankOf(x)}`);
  if (more.length === 1) return x;
  const heads = n.int(attribute);
  return transposeTo(n, reshapeTo(n, x, [batch, tokens, heads, divideExact(width, heads)]), [0, 2, 1, 3]);
}

/** Each of the heads of keys or values serves several heads of queries, side by side. */
function repeatHeads(n: NodeImport, x: OnnxValue, heads: Scalar): OnnxValue {
  const [batch = 1, own = 1, tokens = 1, width = 1] = x.type.shape;
  const times = divideExact(heads, own);
  if (times === 1) return x;
  const wide = n.emit('expand', [reshapeTo(n, x, [batch, own, 1, tokens, width])], {
    shape: [batch, own, times, tokens, width],
  });
  return reshapeTo(n, wide, [batch, heads, tokens, width]);
}

/** 0 where the query may see the key, −∞ elsewhere. */
function additiveMask(n: NodeImport, visible: OnnxValue, like: OnnxValue): OnnxValue {
  const dtype = dtypeOf(like);
  return n.emit('select', [visible, n.number(dtype, 0), n.number(dtype, Number.NEGATIVE_INFINITY)], {});
}

/** Query i sees the keys 0…i. */
function causalMask(n: NodeImport, logits: OnnxValue): OnnxValue {
  const [queries = 1, keys = 1] = logits.type.shape.slice(-2);
  const row = reshapeTo(n, n.emit('iota', [], { size: queries, dtype: 'i64' }), [queries, 1]);
  return additiveMask(n, binary(n, 'less_equal', n.emit('iota', [], { size: keys, dtype: 'i64' }), row), logits);
}

function attention(n: NodeImport): OnnxValue {
  for (const index of [4, 5, 6]) if (n.optional(index)) n.fail('past keys and values are not supported');
  for (const index of [1, 2, 3]) if (n.hasOutput(index)) n.fail(`output ${index} is not supported`);
  const q = byHeads(n, n.input(0), 'q_num_heads');
  const [batch = 1, heads = 1, tokens = 1, channels = 1] = q.type.shape;
  const k = repeatHeads(n, byHeads(n, n.input(1), 'kv_num_heads'), heads);
  const v = repeatHeads(n, byHeads(n, n.input(2), 'kv_num_heads'), heads);
  if (!n.hasAttribute('scale') && typeof channels !== 'number')
    n.fail('the scale of a symbolic width is not supported');
  const scale = n.float('scale', 1 / Math.sqrt(Number(channels)));
  const products = n.emit('matmul', [q, swapLast(n, k)], {});
  let logits = binary(n, 'mul', products, n.number(dtypeOf(q), scale));
  const cap = n.float('softcap', 0);
  if (cap !== 0) {
    const limit = n.number(dtypeOf(q), cap);
    logits = binary(n, 'mul', n.emit('unary', [binary(n, 'div', logits, limit)], { fn: 'tanh' }), limit);
  }
  if (n.int('is_causal', 0) !== 0) logits = binary(n, 'add', logits, causalMask(n, logits));
  const mask = n.optional(3);
  if (mask) logits = binary(n, 'add', logits, dtypeOf(mask) === 'bool' ? additiveMask(n, mask, logits) : mask);
  const weights = n.emit('softmax', [logits], { axis: 3, log: false });
  const result = n.emit('matmul', [weights, v], {});
  if (rankOf(n.input(0)) === 4) return result;
  const joined = transposeTo(n, result, [0, 2, 1, 3]);
  const [width = 1] = joined.type.shape.slice(-1);
  return reshapeTo(n, joined, [batch, tokens, multiply(heads, width)]);
}

export const attentions: Readonly<Record<string, Operator>> = { Attention: { since: 23, import: attention } };
