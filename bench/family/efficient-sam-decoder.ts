import type { GraphBuilder, Value } from './graph.js';
import {
  add,
  cast,
  concat,
  convTranspose,
  expand,
  extent,
  gelu,
  mul,
  reshape,
  resizeTo,
  select,
  slice,
  transpose,
  unsqueeze,
} from './layers.js';
import { densePositions, fourierFeatures, fourierMatrix } from './prompts.js';
import { type MaskDecoder, maskProduct } from './sam-decoder.js';
import { headMlp, hyperNetwork, twoWayTransformer } from './two-way.js';

const MASKS = 4;
const CELL = 16;
/** Prompts are filled up to so many points, or cut. */
const MOST_POINTS = 6;

/** EfficientSAM's decoder as labelme exports it: several queries of several points, in pixels of the picture. */
export function efficientSamDecoder(g: GraphBuilder, config: MaskDecoder): void {
  const { channels, grid } = config;
  const side = CELL * grid;
  const embeddings = g.input('image_embeddings', 'f32', ['batch', channels, grid, grid]);
  const points = g.input('batched_point_coords', 'f32', ['batch', 'num_queries', 'num_points', 2]);
  const labels = g.input('batched_point_labels', 'f32', ['batch', 'num_queries', 'num_points']);
  const size = g.input('orig_im_size', 'i64', [2]);
  const [height, width] = [select(g, size, 0, 0), select(g, size, 0, 1)];
  const [batch, queries, count] = [extent(g, points, 0), extent(g, points, 1), extent(g, points, 2)];

  const axis = (index: number, of: Value): Value =>
    unsqueeze(g, g.node('Div', [mul(g, select(g, points, 3, index), g.float(side)), cast(g, of, 'f32')]), -1);
  const rescaled = concat(g, [axis(0, width), axis(1, height)], -1);
  const missing = g.node('Sub', [g.ints(MOST_POINTS), count]);
  const rows = mul(g, batch, queries);
  const filledPoints = reshape(g, filled(g, rescaled, [0, 0, 0, 0, 0, 0, missing, 0]), [rows, MOST_POINTS, 2]);
  const filledLabels = reshape(g, filled(g, labels, [0, 0, 0, 0, 0, missing]), [rows, MOST_POINTS]);

  const matrix = fourierMatrix(g, channels);
  const sparse = embedSixPoints(g, filledPoints, filledLabels, side, channels, matrix);
  const tiled = expand(g, unsqueeze(g, embeddings, 1), [batch, queries, channels, grid, grid]);
  const source = reshape(g, tiled, [rows, channels, grid, grid]);
  const positions = densePositions(g, grid, matrix);

  const learned = concat(
    g,
    [['iou_token', 1] as const, ['mask_tokens', MASKS] as const].map(([name, n]) =>
      g.weight(name, [n, channels], { spread: 1 }),
    ),
    0,
  );
  const tokens = concat(g, [expand(g, unsqueeze(g, learned, 0), [rows, -1, -1]), sparse], 1);
  const flat = (x: Value): Value => transpose(g, reshape(g, x, [extent(g, x, 0), channels, -1]), [0, 2, 1]);
  const [hidden, image] = g.scope('transformer', () =>
    twoWayTransformer(g, flat(source), flat(positions), tokens, config),
  );
  const turned = reshape(g, transpose(g, image, [0, 2, 1]), [rows, channels, grid, grid]);
  const upscaled = g.scope('final_output_upscaling_layers', () => {
    const first = groupNorm(g, '0.1', convTranspose(g, '0.0', turned, channels, channels / 4), channels / 4);
    return gelu(g, convTranspose(g, '1.0', gelu(g, first), channels / 4, channels / 8));
  });
  const hyper = Array.from({ length: MASKS }, (_, i) =>
    unsqueeze(g, hyperNetwork(g, i, select(g, hidden, 1, 1 + i), [channels, channels, channels / 8], 'gelu'), 1),
  );
  const masks = slice(g, maskProduct(g, concat(g, hyper, 1), upscaled), 1, 1, MASKS);
  const iou = headMlp(g, 'iou_prediction_head', select(g, hidden, 1, 0), [channels, config.iouHidden, MASKS], {
    activation: 'gelu',
  });

  const to = concat(
    g,
    [height, width].map((of) => unsqueeze(g, of, 0)),
    0,
  );
  const resized = resizeTo(g, masks, 'linear', to);
  g.output('output_masks', reshape(g, resized, [batch, queries, MASKS - 1, height, width]), 'f32', [
    'batch',
    'num_queries',
    MASKS - 1,
    'height',
    'width',
  ]);
  g.output('iou_predictions', reshape(g, slice(g, iou, 1, 1, MASKS), [batch, queries, MASKS - 1]), 'f32', [
    'batch',
    'num_queries',
    MASKS - 1,
  ]);
  g.output('low_res_masks', masks, 'f32', ['rows', MASKS - 1, 4 * grid, 4 * grid]);
}

/** F.pad with −1; `pads` as ONNX wants them, some computed. */
function filled(g: GraphBuilder, x: Value, pads: readonly (number | Value)[]): Value {
  const list = concat(
    g,
    pads.map((pad) => (typeof pad === 'number' ? g.ints([pad]) : unsqueeze(g, pad, 0))),
    0,
  );
  return g.node('Pad', [x, list, g.float(-1)], { mode: 'constant' });
}

/** Labels choose what is added to a point by masked assignment, which is exported as Where. */
function embedSixPoints(
  g: GraphBuilder,
  points: Value,
  labels: Value,
  side: number,
  channels: number,
  matrix: Value,
): Value {
  const scaled = g.node('Div', [add(g, points, g.float(0.5)), g.float(side)]);
  const wide = unsqueeze(g, labels, -1);
  const kinds = [
    [-1, 'invalid_points'],
    [1, 'point_embeddings'],
    [2, 'bbox_top_left_embeddings'],
    [3, 'bbox_bottom_right_embeddings'],
  ] as const;
  return kinds.reduce(
    (y, [label, name]) => {
      const moved = add(g, y, g.weight(name, [1, channels], { spread: 1 }));
      return g.node('Where', [g.node('Equal', [wide, g.float(label)]), moved, y]);
    },
    fourierFeatures(g, scaled, matrix),
  );
}

/** nn.GroupNorm of one group: InstanceNormalization of the whole, then a weight and a bias for each channel. */
function groupNorm(g: GraphBuilder, name: string, x: Value, channels: number): Value {
  return g.scope(name, () => {
    const ones = (value: number): Value =>
      g.initializer('unit', { dtype: 'f32', shape: [1], data: Float32Array.of(value) });
    const flat = g.node('Reshape', [x, g.ints([0, 1, -1])]);
    const normed = g.node('InstanceNormalization', [flat, ones(1), ones(0)], { epsilon: { float: 1e-5 } });
    const back = g.node('Reshape', [normed, g.node('Shape', [x])]);
    const scaled = mul(g, back, g.weight('weight', [channels, 1, 1], { mean: 1, spread: 0.3 }));
    return add(g, scaled, g.weight('bias', [channels, 1, 1], { spread: 0.2 }));
  });
}
