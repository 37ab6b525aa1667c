import type { GraphBuilder, Value } from './graph.js';
import {
  add,
  cast,
  concat,
  convTranspose,
  expand,
  extent,
  gelu,
  layerNorm2d,
  linear,
  matmul,
  mul,
  relu,
  reshape,
  select,
  slice,
  transpose,
  unsqueeze,
} from './layers.js';
import { fourierFeatures, fourierMatrix } from './prompts.js';
import type { MaskDecoder } from './sam-decoder.js';
import { type SamVit, samVit } from './sam-vit.js';
import { twoWayTransformer } from './two-way.js';

/** The two models that Hugging Face's exporter makes of a SamModel: vision_encoder.onnx, prompt_encoder_mask_decoder.onnx. */

const MASKS = 4;
const CELL = 16;

/** The encoder also gives the positions of the embedding's grid. */
export function huggingFaceEncoder(g: GraphBuilder, vit: SamVit): void {
  const image = g.input('pixel_values', 'f32', ['batch_size', 3, vit.side, vit.side]);
  const batch = extent(g, image, 0);
  const grid = vit.side / vit.patch;
  const embeddings = g.scope('vision_encoder', () => samVit(g, image, batch, vit));
  const ones = g.node('ConstantOfShape', [g.ints([grid, grid])], {
    value: { tensor: { dims: [1], dataType: 1, rawData: Uint8Array.of(0, 0, 128, 63) } },
  });
  const along = (axis: number): Value => {
    const counted = g.node('Sub', [g.node('CumSum', [ones, g.ints(axis)]), g.float(0.5)]);
    return unsqueeze(g, g.node('Div', [counted, g.float(grid)]), -1);
  };
  const cells = concat(g, [along(1), along(0)], -1);
  const features = g.scope('shared_image_embedding', () => fourierFeatures(g, cells, fourierMatrix(g, vit.neck)));
  const positions = unsqueeze(g, transpose(g, features, [2, 0, 1]), 0);
  const repeats = concat(g, [unsqueeze(g, batch, 0), g.ints([1]), g.ints([1]), g.ints([1])], 0);
  const [embed, shape] = ['f32', ['batch_size', vit.neck, grid, grid]] as const;
  g.output('image_embeddings', embeddings, embed, shape);
  g.output('image_positional_embeddings', g.node('Tile', [positions, repeats]), embed, shape);
}

/** Points of several prompts for each picture; a padding point is added in the graph. */
export function huggingFaceDecoder(g: GraphBuilder, config: MaskDecoder): void {
  const { channels, grid } = config;
  const prompts = ['batch_size', 'point_batch_size', 'nb_points_per_image'] as const;
  const points = g.input('input_points', 'f32', [...prompts, 2]);
  const labels = g.input('input_labels', 'i64', prompts);
  const embeddings = g.input('image_embeddings', 'f32', ['batch_size', channels, grid, grid]);
  const positions = g.input('image_positional_embeddings', 'f32', ['batch_size', channels, grid, grid]);
  const [batch, count] = [extent(g, points, 0), extent(g, points, 1)];

  const sparse = g.scope('prompt_encoder', () => paddedPoints(g, points, labels, CELL * grid, channels));
  const none = reshape(g, g.weight('no_mask_embed', [1, channels], { spread: 0.5 }), [1, -1, 1, 1]);
  const dense = expand(g, none, [batch, -1, grid, grid]);

  const learned = concat(
    g,
    [['iou_token', 1] as const, ['mask_tokens', MASKS] as const].map(([name, n]) =>
      g.weight(name, [n, channels], { spread: 1 }),
    ),
    0,
  );
  const repeats = concat(g, [unsqueeze(g, batch, 0), unsqueeze(g, count, 0), g.ints([1]), g.ints([1])], 0);
  const tokens = concat(g, [g.node('Tile', [unsqueeze(g, unsqueeze(g, learned, 0), 0), repeats]), sparse], 2);
  // repeat_interleave, then one group of all pixels for each prompt.
  const perPrompt = (x: Value): Value => {
    const wide = expand(g, unsqueeze(g, x, 1), [batch, count, channels, grid, grid]);
    const rows = reshape(g, wide, [mul(g, batch, count), channels, grid, grid]);
    const tokensLast = transpose(g, reshape(g, rows, [extent(g, rows, 0), channels, -1]), [0, 2, 1]);
    return unsqueeze(g, tokensLast, 1);
  };
  const [hidden, image] = g.scope('mask_decoder/transformer', () =>
    twoWayTransformer(g, perPrompt(add(g, embeddings, dense)), perPrompt(positions), tokens, config),
  );
  const turned = reshape(g, transpose(g, image, [0, 1, 3, 2]), [mul(g, batch, count), channels, grid, grid]);
  const upscaled = g.scope('mask_decoder', () => {
    const first = gelu(
      g,
      layerNorm2d(
        g,
        'upscale_layer_norm',
        convTranspose(g, 'upscale_conv1', turned, channels, channels / 4),
        channels / 4,
      ),
    );
    return gelu(g, convTranspose(g, 'upscale_conv2', first, channels / 4, channels / 8));
  });
  const mlp = (name: string, x: Value, widths: readonly [number, number, number]): Value =>
    g.scope(`mask_decoder/${name}`, () => {
      const first = relu(g, linear(g, 'proj_in', x, channels, widths[0]));
      return linear(g, 'proj_out', relu(g, linear(g, 'layers.0', first, widths[0], widths[1])), widths[1], widths[2]);
    });
  const hyper = Array.from({ length: MASKS }, (_, i) =>
    unsqueeze(
      g,
      mlp(`output_hypernetworks_mlps.${i}`, select(g, hidden, 2, 1 + i), [channels, channels, channels / 8]),
      2,
    ),
  );
  const [width, height, wide] = [1, 2, 3].map((axis) => extent(g, upscaled, axis)) as [Value, Value, Value];
  const pixels = reshape(g, upscaled, [batch, count, width, mul(g, height, wide)]);
  const masks = reshape(g, matmul(g, concat(g, hyper, 2), pixels), [batch, count, -1, height, wide]);
  const iou = mlp('iou_prediction_head', select(g, hidden, 2, 0), [config.iouHidden, config.iouHidden, MASKS]);
  const shape = ['batch_size', 'point_batch_size', MASKS - 1] as const;
  g.output('iou_scores', slice(g, iou, 2, 1, MASKS), 'f32', shape);
  g.output('pred_masks', slice(g, masks, 2, 1, MASKS), 'f32', [...shape, 4 * grid, 4 * grid]);
}

/** [b, p, n, 2] and labels → [b, p, n + 1, c]: what labels add is chosen by Where. */
function paddedPoints(g: GraphBuilder, points: Value, labels: Value, side: number, channels: number): Value {
  const [batch, count] = [extent(g, points, 0), extent(g, points, 1)];
  const filled = (value: number, dtype: 6 | 1, extents: readonly (number | Value)[]): Value => {
    const list = concat(
      g,
      extents.map((dim) => (typeof dim === 'number' ? g.ints([dim]) : unsqueeze(g, dim, 0))),
      0,
    );
    const rawData = dtype === 1 ? Uint8Array.of(0, 0, 0, 0) : new Uint8Array(Int32Array.of(value).buffer);
    return g.node('ConstantOfShape', [list], { value: { tensor: { dims: [1], dataType: dtype, rawData } } });
  };
  const shifted = add(g, points, g.float(0.5));
  const all = concat(g, [shifted, filled(0, 1, [batch, count, 1, 2])], 2);
  const allLabels = concat(g, [cast(g, labels, 'i32'), filled(-1, 6, [batch, count, 1])], 2);
  const features = fourierFeatures(g, g.node('Div', [all, g.float(side)]), fourierMatrix(g, channels));
  const wide = cast(g, unsqueeze(g, allLabels, -1), 'i64');
  const is = (label: number): Value => g.node('Equal', [wide, g.ints(label)]);
  const embedding = (name: string): Value => g.weight(name, [1, channels], { spread: 1 });
  let y = g.node('Where', [is(-1), embedding('not_a_point_embed'), features]);
  y = g.node('Where', [g.node('Equal', [wide, g.ints(-10)]), g.float(0), y]);
  for (const label of [0, 1]) y = g.node('Where', [is(label), add(g, y, embedding(`point_embed.${label}`)), y]);
  return y;
}
