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
  reshape,
  select,
  slice,
  sum,
  transpose,
  unsqueeze,
} from './layers.js';
import { densePositions, embedMask, embedPoints, fourierMatrix } from './prompts.js';
import { type MaskDecoder, maskProduct, pick } from './sam-decoder.js';
import { headMlp, hyperNetwork, twoWayTransformer } from './two-way.js';

const MASKS = 4;
const CELL = 16;

export interface Sam2Options {
  /** One mask: the first token's where it is stable, else the best of the others (SAM 2's way at inference), and the object's score. */
  readonly dynamicMultimask: boolean;
  /** All of the masks that it would choose one from. */
  readonly keepsEveryMask?: boolean;
}

/** SAM 2's decoder for a picture: two features of higher resolution, a token for whether there is an object at all. */
export function sam2Decoder(g: GraphBuilder, config: MaskDecoder, options: Sam2Options): void {
  const { dynamicMultimask, keepsEveryMask = false } = options;
  const { channels, grid } = config;
  const side = CELL * grid;
  const embeddings = g.input('image_embed', 'f32', [1, channels, grid, grid]);
  const finest = g.input('high_res_feats_0', 'f32', [1, channels / 8, 4 * grid, 4 * grid]);
  const finer = g.input('high_res_feats_1', 'f32', [1, channels / 4, 2 * grid, 2 * grid]);
  const points = g.input('point_coords', 'f32', ['num_labels', 'num_points', 2]);
  const labels = g.input('point_labels', 'f32', ['num_labels', 'num_points']);
  const mask = g.input('mask_input', 'f32', ['num_labels', 1, 4 * grid, 4 * grid]);
  const hasMask = g.input('has_mask_input', 'f32', ['num_labels']);

  const matrix = fourierMatrix(g, channels);
  const sparse = embedPoints(g, points, labels, side, channels, matrix);
  const given = unsqueeze(g, unsqueeze(g, unsqueeze(g, hasMask, -1), -1), -1);
  const dense = embedMask(g, mask, given, channels);
  const own = [
    ['obj_score_token', 1],
    ['iou_token', 1],
    ['mask_tokens', MASKS],
  ] as const;
  const learned = concat(
    g,
    own.map(([name, n]) => g.weight(name, [n, channels], { spread: 1 })),
    0,
  );
  const tokens = concat(g, [expand(g, unsqueeze(g, learned, 0), [extent(g, sparse, 0), -1, -1]), sparse], 1);
  const perPrompt = (x: Value): Value => {
    const rows = extent(g, tokens, 0);
    return reshape(g, expand(g, unsqueeze(g, x, 1), [1, rows, channels, grid, grid]), [rows, channels, grid, grid]);
  };
  const flat = (x: Value): Value => transpose(g, reshape(g, x, [extent(g, x, 0), channels, -1]), [0, 2, 1]);
  const positions = densePositions(g, grid, matrix);
  const source = add(g, perPrompt(embeddings), dense);
  const [hidden, image] = g.scope('transformer', () =>
    twoWayTransformer(g, flat(source), flat(perPrompt(positions)), tokens, config),
  );

  const turned = reshape(g, transpose(g, image, [0, 2, 1]), [extent(g, source, 0), channels, grid, grid]);
  const upscaled = g.scope('output_upscaling', () => {
    const first = add(g, convTranspose(g, '0', turned, channels, channels / 4), finer);
    const second = convTranspose(g, '3', gelu(g, layerNorm2d(g, '1', first, channels / 4)), channels / 4, channels / 8);
    return gelu(g, add(g, second, finest));
  });
  const hyper = Array.from({ length: MASKS }, (_, i) =>
    unsqueeze(g, hyperNetwork(g, i, select(g, hidden, 1, 2 + i), [channels, channels, channels, channels / 8]), 1),
  );
  const all = maskProduct(g, concat(g, hyper, 1), upscaled);
  const head = [channels, config.iouHidden, config.iouHidden, MASKS];
  const scores = g.node('Sigmoid', [headMlp(g, 'iou_prediction_head', select(g, hidden, 1, 1), head)]);
  const [masks, iou, count] = !dynamicMultimask
    ? [slice(g, all, 1, 1, MASKS), slice(g, scores, 1, 1, MASKS), MASKS - 1]
    : keepsEveryMask
      ? [all, scores, MASKS]
      : [...stableMask(g, all, scores), 1];
  const limited = g.node('Clip', [masks, g.float(-32), g.float(32)]);
  g.output('masks', limited, 'f32', ['num_labels', count, 4 * grid, 4 * grid]);
  g.output('iou_predictions', iou, 'f32', ['num_labels', count]);
  if (dynamicMultimask) {
    const object = headMlp(g, 'pred_obj_score_head', select(g, hidden, 1, 0), [channels, channels, channels, 1]);
    g.output('object_score_logits', object, 'f32', ['num_labels', 1]);
  }
}

/** The first mask where enough of its pixels are far from the threshold, else the best of the others. */
function stableMask(g: GraphBuilder, masks: Value, scores: Value): readonly [Value, Value] {
  const best = g.node('ArgMax', [slice(g, scores, 1, 1, MASKS)], { axis: -1, keepdims: 0 });
  const others = unsqueeze(g, pick(g, slice(g, masks, 1, 1, MASKS), best), 1);
  const otherScores = unsqueeze(g, pick(g, slice(g, scores, 1, 1, MASKS), best), 1);
  const [first, firstScore] = [slice(g, masks, 1, 0, 1), slice(g, scores, 1, 0, 1)];
  const pixels = reshape(g, first, [extent(g, first, 0), extent(g, first, 1), -1]);
  const above = (threshold: number): Value =>
    cast(g, sum(g, cast(g, g.node('Greater', [pixels, g.float(threshold)]), 'i64'), -1), 'f32');
  const [inner, outer] = [above(0.05), above(-0.05)];
  const some = g.node('Greater', [outer, g.float(0)]);
  const stability = g.node('Where', [some, g.node('Div', [inner, outer]), g.float(1)]);
  const stable = g.node('GreaterOrEqual', [stability, g.float(0.98)]);
  const wide = g.node('Expand', [unsqueeze(g, unsqueeze(g, stable, -1), -1), g.node('Shape', [first])]);
  return [g.node('Where', [wide, first, others]), g.node('Where', [stable, firstScore, otherScores])];
}
