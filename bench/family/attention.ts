import type { GraphBuilder, Value } from './graph.js';
import { cast, extent, linear, matmul, mul, reshape, select, softmax, transpose } from './layers.js';

/** Attention of a plain ViT over [b, n, c]: q, k and v by indexing. */
export function plainAttention(g: GraphBuilder, x: Value, channels: number, heads: number): Value {
  return g.scope('attn', () => {
    const [batch, tokens] = [extent(g, x, 0), extent(g, x, 1)];
    const qkv = reshape(g, linear(g, 'qkv', x, channels, 3 * channels), [batch, tokens, 3, heads, channels / heads]);
    const turned = transpose(g, qkv, [2, 0, 3, 1, 4]);
    const [q, k, v] = [0, 1, 2].map((i) => select(g, turned, 0, i)) as [Value, Value, Value];
    const logits = mul(g, matmul(g, q, transpose(g, k, [0, 1, 3, 2])), g.float((channels / heads) ** -0.5));
    const y = transpose(g, matmul(g, softmax(g, logits), v), [0, 2, 1, 3]);
    return linear(g, 'proj', reshape(g, y, [batch, tokens, channels]), channels, channels);
  });
}

/** As the exporter takes it apart: queries and keys each times the root of 1/√c, which is read off their shape. */
export function scaledDotProduct(g: GraphBuilder, q: Value, turnedKeys: Value, v: Value): Value {
  const channels = g.node('Slice', [g.node('Shape', [q]), g.ints([-1]), g.ints([Number.MAX_SAFE_INTEGER])]);
  const scale = g.node('Div', [g.float(1), g.node('Sqrt', [cast(g, channels, 'f32')])]);
  const root = g.node('Sqrt', [scale]);
  return matmul(g, softmax(g, matmul(g, mul(g, q, root), mul(g, turnedKeys, root))), v);
}
