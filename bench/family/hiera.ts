import { scaledDotProduct } from './attention.js';
import type { Extent, GraphBuilder, Value } from './graph.js';
import { add, conv, extent, gelu, interpolate, layerNorm, linear, reshape, select, transpose } from './layers.js';
import { type Grid, partition, unpartition } from './windows.js';

/** Hiera (arXiv 2306.00989) with the neck of SAM 2 (2408.00714): its image encoder, and what its decoder wants of it. */
export interface Hiera {
  readonly side: number;
  readonly channels: number;
  /** Blocks of each stage; channels and heads double from one to the next. */
  readonly stages: readonly number[];
  readonly heads: number;
  /** Window of each stage. */
  readonly windows: readonly number[];
  /** Blocks that attend over the whole grid. */
  readonly global: readonly number[];
  /** Grid of the table of positions, and window of the one that is repeated. */
  readonly positions: number;
  readonly neck: number;
}

export const HIERA_TINY: Omit<Hiera, 'side'> = {
  channels: 96,
  stages: [1, 2, 7, 2],
  heads: 1,
  windows: [8, 4, 14, 7],
  global: [5, 7, 9],
  positions: 7,
  neck: 256,
};

interface Features {
  readonly embeddings: Value;
  /** [1, neck / 8, side / 4, side / 4] and [1, neck / 4, side / 8, side / 8]. */
  readonly highRes: readonly [Value, Value];
}

/** [1, 3, side, side] → the embeddings [1, neck, side / 16, side / 16] and two features of higher resolution. */
export function hiera(g: GraphBuilder, image: Value, config: Hiera): Features {
  const stages = g.scope('trunk', () => trunk(g, image, config));
  const { neck, side } = config;
  const levels = g.scope('neck', () => {
    const lateral = stages.map(({ x, channels }, i) => conv(g, `convs.${stages.length - 1 - i}`, x, channels, neck));
    // Only the two coarsest levels go top-down.
    const larger = interpolate(g, lateral[3]!, 'nearest', { scale: 2 });
    return [lateral[0]!, lateral[1]!, add(g, lateral[2]!, larger)] as const;
  });
  const grid = side / 16;
  // The memory of an image that has no past is one vector.
  const tokens = transpose(g, reshape(g, levels[2], [1, neck, -1]), [2, 0, 1]);
  const remembered = add(g, tokens, g.weight('no_mem_embed', [1, 1, neck], { spread: 0.2 }));
  return {
    embeddings: reshape(g, transpose(g, remembered, [1, 2, 0]), [1, -1, grid, grid]),
    highRes: [conv(g, 'conv_s0', levels[0], neck, neck / 8), conv(g, 'conv_s1', levels[1], neck, neck / 4)],
  };
}

/** The result of each stage, [1, c, h, w]. */
function trunk(
  g: GraphBuilder,
  image: Value,
  config: Hiera,
): readonly { readonly x: Value; readonly channels: number }[] {
  let extentNow = config.side / 4;
  const patches = conv(g, 'patch_embed.proj', image, 3, config.channels, { kernel: 7, stride: 4, padding: 3 });
  let x = add(g, transpose(g, patches, [0, 2, 3, 1]), positionsOf(g, config, extentNow));
  let [place, channels, heads] = [0, config.channels, config.heads];
  return config.stages.map((blocks, stage) => {
    for (let i = 0; i < blocks; i++, place++) {
      const reduces = stage > 0 && i === 0;
      // A stage's first block still has the windows of the stage before.
      const own = config.windows[reduces ? stage - 1 : stage]!;
      const window = config.global.includes(place) ? 0 : own;
      const to = reduces ? 2 * channels : channels;
      if (reduces) heads *= 2;
      x = g.scope(`blocks.${place}`, () =>
        multiScaleBlock(g, x, { extent: extentNow, from: channels, to, heads, window, reduces }),
      );
      channels = to;
      if (reduces) extentNow /= 2;
    }
    return { x: transpose(g, x, [0, 3, 1, 2]), channels };
  });
}

/** A small table made as large as the grid, and one of a window repeated over it. */
function positionsOf(g: GraphBuilder, { channels, positions, windows }: Hiera, grid: number): Value {
  const table = g.weight('pos_embed', [1, channels, positions, positions], { spread: 0.3 });
  const large = interpolate(g, table, 'cubic', { sizes: g.ints([1, channels, grid, grid]) });
  const window = windows[0]!;
  const repeated = g.node('Tile', [
    g.weight('pos_embed_window', [1, channels, window, window], { spread: 0.3 }),
    g.ints([1, 1, grid / window, grid / window]),
  ]);
  return transpose(g, add(g, large, repeated), [0, 2, 3, 1]);
}

interface Block {
  readonly extent: number;
  readonly from: number;
  readonly to: number;
  readonly heads: number;
  readonly window: number;
  readonly reduces: boolean;
}

function multiScaleBlock(g: GraphBuilder, x: Value, block: Block): Value {
  const { from, to, window, reduces } = block;
  const normed = layerNorm(g, 'norm1', x, from);
  const shortcut = reduces ? pool(g, linear(g, 'proj', normed, from, to)) : x;
  const grid: Grid = { height: block.extent, width: block.extent };
  const reduced: Grid = reduces ? { height: block.extent / 2, width: block.extent / 2 } : grid;
  const attended =
    window === 0
      ? pooledAttention(g, normed, grid, block)
      : unpartition(
          g,
          pooledAttention(g, partition(g, normed, 1, grid, window, from), { height: window, width: window }, block),
          1,
          reduced,
          reduces ? window / 2 : window,
          to,
        );
  const residual = add(g, shortcut, attended);
  const wide = gelu(g, linear(g, 'mlp.layers.0', layerNorm(g, 'norm2', residual, to), to, 4 * to));
  return add(g, residual, linear(g, 'mlp.layers.1', wide, 4 * to, to));
}

/** 2×2 maxima of [b, h, w, c]. */
function pool(g: GraphBuilder, x: Value): Value {
  const attributes = { ceil_mode: 0, kernel_shape: [2, 2], pads: [0, 0, 0, 0], strides: [2, 2] };
  return transpose(g, g.node('MaxPool', [transpose(g, x, [0, 3, 1, 2])], attributes), [0, 2, 3, 1]);
}

/** Attention whose queries are maxima of 2×2 tokens where the block reduces; by F.scaled_dot_product_attention. */
function pooledAttention(g: GraphBuilder, x: Value, grid: Grid, { from, to, heads, reduces }: Block): Value {
  return g.scope('attn', () => {
    const batch: Extent = extent(g, x, 0);
    const { height, width } = grid;
    const qkv = reshape(g, linear(g, 'qkv', x, from, 3 * to), [batch, height * width, 3, heads, -1]);
    const [all, k, v] = [0, 1, 2].map((i) => select(g, qkv, 2, i)) as [Value, Value, Value];
    const queries = reduces ? { height: height / 2, width: width / 2 } : grid;
    const pooled = reduces ? pool(g, reshape(g, all, [batch, height, width, -1])) : all;
    const q = reduces ? reshape(g, pooled, [batch, queries.height * queries.width, heads, -1]) : pooled;
    const y = scaledDotProduct(
      g,
      transpose(g, q, [0, 2, 1, 3]),
      transpose(g, k, [0, 2, 3, 1]),
      transpose(g, v, [0, 2, 1, 3]),
    );
    const together = reshape(g, transpose(g, y, [0, 2, 1, 3]), [batch, queries.height, queries.width, -1]);
    return linear(g, 'proj', together, to, to);
  });
}
