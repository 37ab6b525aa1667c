import { scaledDotProduct } from './attention.js';
import type { Extent, GraphBuilder, Value } from './graph.js';
import {
  add,
  cast,
  extent,
  gelu,
  gemm,
  layerNorm,
  linear,
  matmul,
  mul,
  relu,
  reshape,
  softmax,
  transpose,
} from './layers.js';

/** The two-way transformer of Segment Anything's mask decoder: tokens and image attend to each other in turn. */
export interface TwoWay {
  readonly channels: number;
  readonly heads: number;
  readonly hidden: number;
  readonly depth: number;
  readonly activation: 'relu' | 'gelu';
  /**
   * `traced`: q·kᵀ over the root of the width; `grouped`: the same of [b, p, n, c], whose first axes become one
   * (Hugging Face); `fused`: by F.scaled_dot_product_attention (SAM 2).
   */
  readonly attention: 'traced' | 'grouped' | 'fused';
}

/** Tokens [b, n, c], image [b, pixels, c] and its positions → both after the transformer. */
export function twoWayTransformer(
  g: GraphBuilder,
  image: Value,
  positions: Value,
  tokens: Value,
  config: TwoWay,
): readonly [tokens: Value, image: Value] {
  const { channels, hidden, depth, activation } = config;
  const norm = (name: string, x: Value): Value => layerNorm(g, name, x, channels, 1e-5);
  const attend = (name: string, q: Value, k: Value, v: Value, inner: number): Value =>
    g.scope(name, () => headedAttention(g, q, k, v, inner, config));
  const half = channels / 2;
  let [queries, keys] = [tokens, image];
  for (let i = 0; i < depth; i++)
    g.scope(`layers.${i}`, () => {
      const placed = i === 0 ? queries : add(g, queries, tokens);
      const own = attend('self_attn', placed, placed, queries, channels);
      queries = norm('norm1', i === 0 ? own : add(g, queries, own));
      const toImage = attend('cross_attn_token_to_image', add(g, queries, tokens), add(g, keys, positions), keys, half);
      queries = norm('norm2', add(g, queries, toImage));
      const wide = linear(g, 'mlp.lin1', queries, channels, hidden);
      const y = linear(g, 'mlp.lin2', activation === 'relu' ? relu(g, wide) : gelu(g, wide), hidden, channels);
      queries = norm('norm3', add(g, queries, y));
      const toTokens = attend(
        'cross_attn_image_to_token',
        add(g, keys, positions),
        add(g, queries, tokens),
        queries,
        half,
      );
      keys = norm('norm4', add(g, keys, toTokens));
    });
  const last = attend('final_attn_token_to_image', add(g, queries, tokens), add(g, keys, positions), keys, half);
  return [norm('norm_final_attn', add(g, queries, last)), keys];
}

function headedAttention(
  g: GraphBuilder,
  q: Value,
  k: Value,
  v: Value,
  inner: number,
  { channels, heads, attention }: TwoWay,
): Value {
  const split = (name: string, x: Value): Value => {
    const y = linear(g, name, x, channels, inner);
    const first = attention === 'grouped' ? mul(g, extent(g, y, 0), extent(g, y, 1)) : extent(g, y, 0);
    const [tokens, width] =
      attention === 'grouped' ? [extent(g, y, 2), extent(g, y, 3)] : [extent(g, y, 1), extent(g, y, 2)];
    const perHead = cast(g, cast(g, g.node('Div', [width, g.ints(heads)]), 'i64'), 'i64');
    return reshape(g, y, [first, tokens, heads, perHead]);
  };
  const [queries, keys, values] = [split('q_proj', q), split('k_proj', k), split('v_proj', v)];
  const turnedQueries = transpose(g, queries, [0, 2, 1, 3]);
  const turnedKeys = transpose(g, keys, [0, 2, 3, 1]);
  const turnedValues = transpose(g, values, [0, 2, 1, 3]);
  const y =
    attention === 'fused'
      ? scaledDotProduct(g, turnedQueries, turnedKeys, turnedValues)
      : matmul(
          g,
          softmax(g, g.node('Div', [matmul(g, turnedQueries, turnedKeys), g.float(Math.sqrt(inner / heads))])),
          turnedValues,
        );
  const together = transpose(g, y, [0, 2, 1, 3]);
  const width = mul(g, extent(g, together, 2), extent(g, together, 3));
  const groups = attention === 'grouped' ? extent(g, q, 1) : undefined;
  const first = extent(g, together, 0);
  const lead: readonly Extent[] = groups === undefined ? [first] : [g.node('Div', [first, groups]), groups];
  return linear(g, 'out_proj', reshape(g, together, [...lead, extent(g, together, 1), width]), inner, channels);
}

/** Layers with an activation between them, over [n, from]. */
export function headMlp(
  g: GraphBuilder,
  name: string,
  x: Value,
  widths: readonly number[],
  { activation = 'relu', gain = 1 }: { readonly activation?: TwoWay['activation']; readonly gain?: number } = {},
): Value {
  return g.scope(name, () =>
    widths.slice(1).reduce((y, to, i) => {
      const isLast = i === widths.length - 2;
      const next = gemm(g, `layers.${i}`, y, widths[i]!, to, isLast ? gain : 1);
      if (isLast) return next;
      return activation === 'relu' ? relu(g, next) : gelu(g, next);
    }, x),
  );
}

/** Weights that Segment Anything's masks are sums over. */
const MASK_WEIGHTS = 32;

/** What turns a mask token into the weights of a mask; its gain gives logits as far from 0 as trained ones are, at any width. */
export const hyperNetwork = (
  g: GraphBuilder,
  index: number,
  x: Value,
  widths: readonly number[],
  activation: TwoWay['activation'] = 'relu',
): Value =>
  headMlp(g, `output_hypernetworks_mlps.${index}`, x, widths, {
    activation,
    gain: 12 * Math.sqrt(MASK_WEIGHTS / widths.at(-1)!),
  });
