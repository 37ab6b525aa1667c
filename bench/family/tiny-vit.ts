import type { GraphBuilder, Value } from './graph.js';
import {
  add,
  conv,
  extent,
  gelu,
  layerNorm,
  linear,
  matmul,
  mul,
  padBelow,
  reshape,
  slice,
  softmax,
  transpose,
} from './layers.js';
import { samNeck } from './sam-vit.js';

/** TinyViT (arXiv 2207.10666) as MobileSAM's image encoder (2306.14289). */
export interface TinyVit {
  readonly side: number;
  /** Channels, blocks, heads and window of each stage; the first is of convolutions. */
  readonly stages: readonly {
    readonly channels: number;
    readonly blocks: number;
    readonly heads: number;
    readonly window: number;
  }[];
  readonly neck: number;
}

/** TinyViT-5M. */
export const TINY_VIT_5M: TinyVit['stages'] = [
  { channels: 64, blocks: 2, heads: 2, window: 7 },
  { channels: 128, blocks: 2, heads: 4, window: 7 },
  { channels: 160, blocks: 6, heads: 5, window: 14 },
  { channels: 320, blocks: 2, heads: 10, window: 7 },
];

/** [1, 3, side, side] → [1, neck, side / 16, side / 16] */
export function tinyVit(g: GraphBuilder, image: Value, { side, stages, neck }: TinyVit): Value {
  const first = stages[0]!.channels;
  let x = g.scope('patch_embed', () => {
    const half = gelu(g, conv(g, 'seq.0', image, 3, first / 2, { kernel: 3, stride: 2, padding: 1 }));
    return conv(g, 'seq.2', half, first / 2, first, { kernel: 3, stride: 2, padding: 1 });
  });
  let extentNow = side / 4;
  stages.forEach(({ channels, blocks, heads, window }, i) => {
    x = g.scope(`layers.${i}`, () => {
      for (let j = 0; j < blocks; j++)
        x = g.scope(`blocks.${j}`, () =>
          i === 0 ? mbConv(g, x, channels) : tinyVitBlock(g, x, extentNow, channels, heads, window),
        );
      const next = stages[i + 1];
      if (next === undefined) return x;
      // MobileSAM leaves the last stage at 1/16.
      const stride = i === stages.length - 2 ? 1 : 2;
      const merged = g.scope('downsample', () =>
        patchMerging(g, x, i === 0, extentNow, channels, next.channels, stride),
      );
      extentNow /= stride;
      return merged;
    });
  });
  const last = stages.at(-1)!.channels;
  const grid = reshape(g, x, [extent(g, x, 0), extentNow, extentNow, last]);
  return samNeck(g, transpose(g, grid, [0, 3, 1, 2]), last, neck);
}

function mbConv(g: GraphBuilder, x: Value, channels: number): Value {
  const wide = gelu(g, conv(g, 'conv1', x, channels, 4 * channels));
  const deep = gelu(
    g,
    conv(g, 'conv2', wide, 4 * channels, 4 * channels, { kernel: 3, padding: 1, groups: 4 * channels }),
  );
  return gelu(g, add(g, conv(g, 'conv3', deep, 4 * channels, channels), x));
}

/** Tokens [b, n, c], or what convolutions left as [b, c, h, w], to fewer tokens of more channels. */
function patchMerging(
  g: GraphBuilder,
  x: Value,
  isImage: boolean,
  extentNow: number,
  from: number,
  to: number,
  stride: number,
): Value {
  const image = isImage ? x : transpose(g, reshape(g, x, [extent(g, x, 0), extentNow, extentNow, -1]), [0, 3, 1, 2]);
  const wide = gelu(g, conv(g, 'conv1', image, from, to));
  const reduced = gelu(g, conv(g, 'conv2', wide, to, to, { kernel: 3, stride, padding: 1, groups: to }));
  return flattened(g, conv(g, 'conv3', reduced, to, to), to);
}

/** x.flatten(2).transpose(1, 2) */
const flattened = (g: GraphBuilder, x: Value, channels: number): Value =>
  transpose(g, reshape(g, x, [extent(g, x, 0), channels, -1]), [0, 2, 1]);

function tinyVitBlock(g: GraphBuilder, x: Value, side: number, channels: number, heads: number, window: number): Value {
  const batch = extent(g, x, 0);
  const image = reshape(g, x, [batch, side, side, channels]);
  const over = (window - (side % window)) % window;
  const full = side + over;
  const filled = over === 0 ? image : padBelow(g, image, over, over);
  const count = full / window;
  const blocks = transpose(g, reshape(g, filled, [batch, count, window, count, window, channels]), [0, 1, 3, 2, 4, 5]);
  const windows = reshape(g, blocks, [mul(g, batch, g.ints(count * count)), window * window, channels]);
  const attended = biasedAttention(g, windows, window, channels, heads);
  const apart = reshape(g, attended, [batch, count, count, window, window, channels]);
  const whole = reshape(g, transpose(g, apart, [0, 1, 3, 2, 4, 5]), [batch, full, full, channels]);
  const cropped = over === 0 ? whole : slice(g, slice(g, whole, 1, 0, side), 2, 0, side);
  const residual = add(g, x, reshape(g, cropped, [batch, side * side, channels]));

  const turned = reshape(g, transpose(g, residual, [0, 2, 1]), [batch, channels, side, side]);
  const local = conv(g, 'local_conv', turned, channels, channels, { kernel: 3, padding: 1, groups: channels });
  const tokens = transpose(g, reshape(g, local, [batch, channels, side * side]), [0, 2, 1]);
  const y = g.scope('mlp', () => {
    const wide = linear(g, 'fc1', layerNorm(g, 'norm', tokens, channels, 1e-5), channels, 4 * channels);
    return linear(g, 'fc2', gelu(g, wide), 4 * channels, channels);
  });
  return add(g, tokens, y);
}

/** Norm, one projection in which each head has its q, k and v, and a bias for each distance. */
function biasedAttention(g: GraphBuilder, x: Value, window: number, channels: number, heads: number): Value {
  return g.scope('attn', () => {
    const [batch, tokens] = [extent(g, x, 0), extent(g, x, 1)];
    const width = channels / heads;
    const projected = linear(g, 'qkv', layerNorm(g, 'norm', x, channels, 1e-5), channels, 3 * channels);
    const qkv = reshape(g, projected, [batch, tokens, heads, -1]);
    const sizes = [width, width, width];
    const parts =
      g.opset >= 13
        ? g.nodes('Split', [qkv, g.ints(sizes)], 3, { axis: 3 })
        : g.nodes('Split', [qkv], 3, { axis: 3, split: sizes });
    const [q, k, v] = [
      transpose(g, parts[0]!, [0, 2, 1, 3]),
      transpose(g, parts[1]!, [0, 2, 3, 1]),
      transpose(g, parts[2]!, [0, 2, 1, 3]),
    ];
    const logits = mul(g, matmul(g, q, k), g.float(width ** -0.5));
    const n = window * window;
    const distances = Array.from({ length: n * n }, (_, i) => {
      const [a, b] = [Math.floor(i / n), i % n];
      const [dy, dx] = [Math.floor(a / window) - Math.floor(b / window), (a % window) - (b % window)];
      return Math.abs(dy) * window + Math.abs(dx);
    });
    const table = g.weight('attention_biases', [heads, n], { spread: 0.5 });
    const indices = g.initializer('attention_bias_idxs', {
      dtype: 'i64',
      shape: [n, n],
      data: BigInt64Array.from(distances.map(BigInt)),
    });
    const probabilities = softmax(g, add(g, logits, g.node('Gather', [table, indices], { axis: 1 })));
    const y = transpose(g, matmul(g, probabilities, v), [0, 2, 1, 3]);
    return linear(g, 'proj', reshape(g, y, [batch, tokens, channels]), channels, channels);
  });
}
