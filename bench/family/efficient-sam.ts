import { plainAttention } from './attention.js';
import type { Extent, GraphBuilder, Value } from './graph.js';
import { add, conv, extent, gelu, interpolate, layerNorm, linear, reshape, resizeTo, transpose } from './layers.js';
import { samNeck } from './sam-vit.js';

/** The image encoder of EfficientSAM (arXiv 2312.00863): a plain ViT that resizes and normalises its picture itself. */
export interface EfficientSamVit {
  readonly side: number;
  readonly channels: number;
  readonly heads: number;
  readonly blocks: number;
  readonly neck: number;
  /** Side of the grid that the table of positions was trained on. */
  readonly trainedGrid: number;
}

const PATCH = 16;

/** Any [b, 3, height, width] of 0 … 1 → [b, neck, side / 16, side / 16] */
export function efficientSamVit(g: GraphBuilder, image: Value, batch: Extent, vit: EfficientSamVit): Value {
  const { side, channels, heads, neck, trainedGrid } = vit;
  const grid = side / PATCH;
  const constant = (name: string, values: readonly number[]): Value =>
    g.initializer(name, { dtype: 'f32', shape: [1, 3, 1, 1], data: Float32Array.from(values) });
  const resized = resizeTo(g, image, 'linear', g.ints([side, side]));
  const centred = g.node('Sub', [resized, constant('pixel_mean', [0.485, 0.456, 0.406])]);
  const normalised = g.node('Div', [centred, constant('pixel_std', [0.229, 0.224, 0.225])]);
  const patches = conv(g, 'patch_embed.proj', normalised, 3, channels, { kernel: PATCH, stride: PATCH });

  const table = g.weight('pos_embed', [1, trainedGrid ** 2, channels], { spread: 0.3 });
  const square = transpose(g, reshape(g, table, [1, trainedGrid, trainedGrid, -1]), [0, 3, 1, 2]);
  const positions = interpolate(g, square, 'cubic', { sizes: g.ints([1, channels, grid, grid]) });
  let x = add(g, transpose(g, patches, [0, 2, 3, 1]), transpose(g, positions, [0, 2, 3, 1]));
  x = reshape(g, x, [extent(g, x, 0), grid * grid, extent(g, x, 3)]);
  for (let i = 0; i < vit.blocks; i++)
    x = g.scope(`blocks.${i}`, () => {
      const residual = add(g, x, plainAttention(g, layerNorm(g, 'norm1', x, channels), channels, heads));
      const wide = linear(g, 'mlp.fc1', layerNorm(g, 'norm2', residual, channels), channels, 4 * channels);
      return add(g, residual, linear(g, 'mlp.fc2', gelu(g, wide), 4 * channels, channels));
    });
  return samNeck(g, transpose(g, reshape(g, x, [batch, grid, grid, channels]), [0, 3, 1, 2]), channels, neck);
}
