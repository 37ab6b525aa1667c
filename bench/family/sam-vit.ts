import type { Extent, GraphBuilder, Value } from './graph.js';
import {
  add,
  conv,
  extent,
  gelu,
  layerNorm,
  layerNorm2d,
  linear,
  matmul,
  mul,
  reshape,
  softmax,
  squeeze,
  transpose,
  unsqueeze,
} from './layers.js';
import { type Grid, partition, unpartition } from './windows.js';

/** The image encoder of Segment Anything (arXiv 2304.02643; ViTDet, 2203.16527), whole or pruned by SlimSAM (2312.05284). */
export interface SamVit {
  readonly side: number;
  readonly patch: number;
  readonly channels: number;
  /** SlimSAM prunes the width of a head and the hidden layer of each block by its own amount. */
  readonly blocks: readonly {
    readonly heads: number;
    readonly headChannels: number;
    readonly hidden: number;
    /** 0: over the whole grid. */
    readonly window: number;
  }[];
  /** Channels of the embedding. */
  readonly neck: number;
}

/** [b, 3, side, side] → [b, neck, side / patch, side / patch] */
export function samVit(g: GraphBuilder, image: Value, batch: Extent, vit: SamVit): Value {
  const { patch, channels, neck } = vit;
  const grid: Grid = { height: vit.side / patch, width: vit.side / patch };
  const patches = conv(g, 'patch_embed.proj', image, 3, channels, { kernel: patch, stride: patch });
  let x = transpose(g, patches, [0, 2, 3, 1]);
  x = add(g, x, g.weight('pos_embed', [1, grid.height, grid.width, channels], { spread: 0.3 }));
  vit.blocks.forEach((block, i) => {
    x = g.scope(`blocks.${i}`, () => vitBlock(g, x, batch, grid, channels, block));
  });
  return samNeck(g, transpose(g, x, [0, 3, 1, 2]), channels, neck);
}

/** Two convolutions without bias, each before a LayerNorm2d. */
export function samNeck(g: GraphBuilder, x: Value, from: number, to: number): Value {
  return g.scope('neck', () => {
    const narrow = layerNorm2d(g, '1', conv(g, '0', x, from, to, { bias: false }), to);
    return layerNorm2d(g, '3', conv(g, '2', narrow, to, to, { kernel: 3, padding: 1, bias: false }), to);
  });
}

function vitBlock(
  g: GraphBuilder,
  x: Value,
  batch: Extent,
  grid: Grid,
  channels: number,
  { window, hidden, ...heads }: SamVit['blocks'][number],
): Value {
  const normed = layerNorm(g, 'norm1', x, channels);
  const attended =
    window === 0
      ? relativeAttention(g, normed, grid, channels, heads)
      : unpartition(
          g,
          relativeAttention(
            g,
            partition(g, normed, batch, grid, window, channels),
            { height: window, width: window },
            channels,
            heads,
          ),
          batch,
          grid,
          window,
          channels,
        );
  const residual = add(g, x, attended);
  const y = g.scope('mlp', () => {
    const wide = linear(g, 'lin1', layerNorm(g, '../norm2', residual, channels), channels, hidden);
    return linear(g, 'lin2', gelu(g, wide), hidden, channels);
  });
  return add(g, residual, y);
}

/** Attention with decomposed relative positions, over [b, height, width, c]. */
function relativeAttention(
  g: GraphBuilder,
  x: Value,
  { height, width }: Grid,
  channels: number,
  { heads, headChannels }: { readonly heads: number; readonly headChannels: number },
): Value {
  return g.scope('attn', () => {
    const batch = extent(g, x, 0);
    const inner = heads * headChannels;
    const qkv = reshape(g, linear(g, 'qkv', x, channels, 3 * inner), [batch, height * width, 3, heads, -1]);
    const folded = reshape(g, transpose(g, qkv, [2, 0, 3, 1, 4]), [
      3,
      mul(g, batch, g.ints(heads)),
      height * width,
      -1,
    ]);
    const parts =
      g.opset >= 13
        ? g.nodes('Split', [folded, g.ints([1, 1, 1])], 3, { axis: 0 })
        : g.nodes('Split', [folded], 3, { axis: 0, split: [1, 1, 1] });
    const [q, k, v] = parts.map((part) => squeeze(g, part, 0)) as [Value, Value, Value];
    const scaled = mul(g, q, g.float(headChannels ** -0.5));
    const logits = matmul(g, scaled, transpose(g, k, [0, 2, 1]));
    const rows = reshape(g, q, [mul(g, batch, g.ints(heads)), height, width, -1]);
    const high = g.node('Einsum', [rows, relativeTable(g, 'rel_pos_h', height, headChannels)], {
      equation: 'bhwc,hkc->bhwk',
    });
    const wide = g.node('Einsum', [rows, relativeTable(g, 'rel_pos_w', width, headChannels)], {
      equation: 'bhwc,wkc->bhwk',
    });
    const apart = reshape(g, logits, [-1, height, width, height, width]);
    const biased = add(g, add(g, apart, unsqueeze(g, high, 4)), unsqueeze(g, wide, 3));
    const probabilities = softmax(g, reshape(g, biased, [-1, height * width, height * width]));
    const y = reshape(g, matmul(g, probabilities, v), [batch, heads, height, width, -1]);
    return linear(g, 'proj', reshape(g, transpose(g, y, [0, 2, 3, 1, 4]), [batch, height, width, -1]), inner, channels);
  });
}

/** [extent, extent, c]: rows of a table of 2·extent − 1 distances, gathered by query and key. */
function relativeTable(g: GraphBuilder, name: string, size: number, channels: number): Value {
  const table = g.weight(name, [2 * size - 1, channels], { spread: 0.2 });
  const distances = Array.from({ length: size * size }, (_, i) => Math.floor(i / size) - (i % size) + size - 1);
  const data = BigInt64Array.from(distances.map(BigInt));
  return g.node('Gather', [table, g.initializer('distances', { dtype: 'i64', shape: [size, size], data })], {
    axis: 0,
  });
}
