import { divideExact, multiply, type Scalar } from '../../scalar.js';
import type { OnnxValue } from '../onnx-value.js';
import { dtypeOf, type NodeImport, type Operator, rankOf } from '../operator.js';
import { sliceAxis } from './indexing.js';
import { swapLast } from './matmul.js';
import { reshapeTo, transposeTo } from './movement.js';

/** Attention and RotaryEmbedding (opset 23). Attention is written out: softmax(scale·Q·Kᵀ + mask)·V by heads. A pass finds it again. */

const binary = (
  n: NodeImport,
  fn: 'add' | 'sub' | 'mul' | 'div' | 'less_equal',
  a: OnnxValue,
  b: OnnxValue,
): OnnxValue => n.emit('binary', [a, b], { fn });

/** [b, tokens, heads·c] → [b, heads, tokens, c]; tensors of rank 4 are by heads already. */
function byHeads(n: NodeImport, x: OnnxValue, attribute: string): OnnxValue {
  const [batch, tokens, width, ...more] = x.type.shape;
  if (batch === undefined || tokens === undefined || width === undefined || more.length > 1)
    return n.fail(`expected rank 3 or 4, found ${rankOf(x)}`);
  return more.length === 1 ? x : transposeTo(n, tokensByHeads(n, x, n.int(attribute)), [0, 2, 1, 3]);
}

/** [b, tokens, heads·c] → [b, tokens, heads, c] */
function tokensByHeads(n: NodeImport, x: OnnxValue, heads: number): OnnxValue {
  const [batch = 1, tokens = 1, width = 1] = x.type.shape;
  return reshapeTo(n, x, [batch, tokens, heads, divideExact(width, heads)]);
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
  for (const index of [4, 5]) if (n.optional(index)) n.fail('past keys and values are not supported');
  if (n.optional(6)) n.fail('nonpad_kv_seqlen is not supported');
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

/**
 * Pairs (a, b) of the first `rotary_embedding_dim` channels turned by an angle of their position, (a·cos − b·sin,
 * a·sin + b·cos): a pair is channels 2i, 2i + 1 where `interleaved`, else i and half the width further. x [b, heads,
 * tokens, c] or [b, tokens, heads·c]; cos and sin [b, tokens, pairs], or [positions, pairs] with position ids [b, tokens].
 */
function rotaryEmbedding(n: NodeImport): OnnxValue {
  const x = n.input(0);
  const apart = rankOf(x) === 4;
  const byToken = apart ? transposeTo(n, x, [0, 2, 1, 3]) : tokensByHeads(n, x, n.int('num_heads'));
  const [batch = 1, tokens = 1, heads = 1, width = 1] = byToken.type.shape;
  if (typeof width !== 'number') return n.fail('a symbolic width is not supported');
  const turned = n.int('rotary_embedding_dim', 0) || width;
  const pairs = turned / 2;
  if (!Number.isInteger(pairs) || turned > width) n.fail(`rotary_embedding_dim is ${turned} of ${width} channels`);
  const interleaved = n.int('interleaved', 0) !== 0;
  const grouped = interleaved ? [batch, tokens, heads, pairs, 2] : [batch, tokens, heads, 2, pairs];
  const axis = interleaved ? 4 : 3;
  const parts = reshapeTo(n, sliceAxis(n, byToken, 3, 0, turned), grouped);
  const part = (index: number): OnnxValue =>
    reshapeTo(n, sliceAxis(n, parts, axis, index, 1), [batch, tokens, heads, pairs]);
  const [a, b] = [part(0), part(1)];
  const ids = n.optional(3);
  const angle = (index: number): OnnxValue => {
    const cache = n.input(index);
    return reshapeTo(n, ids ? n.emit('gather', [cache, ids], { axis: 0 }) : cache, [batch, tokens, 1, pairs]);
  };
  const [cos, sin] = [angle(1), angle(2)];
  const column = (fn: 'sub' | 'add', p: OnnxValue, q: OnnxValue): OnnxValue =>
    reshapeTo(
      n,
      binary(n, fn, binary(n, 'mul', a, p), binary(n, 'mul', b, q)),
      grouped.map((dim, at) => (at === axis ? 1 : dim)),
    );
  const rotated = n.emit('concat', [column('sub', cos, sin), column('add', sin, cos)], { axis });
  const flat = reshapeTo(n, rotated, [batch, tokens, heads, turned]);
  const rest = width - turned;
  const y = rest === 0 ? flat : n.emit('concat', [flat, sliceAxis(n, byToken, 3, turned, rest)], { axis: 3 });
  return apart ? transposeTo(n, y, [0, 2, 1, 3]) : reshapeTo(n, y, x.type.shape);
}

export const attentions: Readonly<Record<string, Operator>> = {
  Attention: {
    since: 23,
    into: ['reshape', 'transpose', 'expand', 'matmul', 'binary', 'unary', 'iota', 'select', 'softmax'],
    refuses: 'past keys and values, `nonpad_kv_seqlen`, every output but the first (for decoding token by token)',
    import: attention,
  },
  RotaryEmbedding: {
    since: 23,
    into: ['reshape', 'transpose', 'slice', 'gather', 'binary', 'concat'],
    import: rotaryEmbedding,
  },
};
