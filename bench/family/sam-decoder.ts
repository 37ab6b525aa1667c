import type { GraphBuilder, Value } from './graph.js';
import {
  add,
  cast,
  concat,
  conv,
  convTranspose,
  expand,
  extent,
  gelu,
  layerNorm2d,
  matmul,
  mul,
  reshape,
  resizeTo,
  select,
  slice,
  squeeze,
  sum,
  transpose,
  unsqueeze,
} from './layers.js';
import { densePositions, embedMask, embedPoints, fourierMatrix } from './prompts.js';
import { headMlp, hyperNetwork, type TwoWay, twoWayTransformer } from './two-way.js';

/** Sizes of a mask decoder. */
export interface MaskDecoder extends TwoWay {
  /** Side of the embedding's grid. */
  readonly grid: number;
  /** Hidden channels of the head that predicts IoU. */
  readonly iouHidden: number;
}

/** Those of Segment Anything. */
export const SAM_DECODER: Omit<MaskDecoder, 'grid'> = {
  channels: 256,
  heads: 8,
  hidden: 2048,
  depth: 2,
  activation: 'relu',
  attention: 'traced',
  iouHidden: 256,
};

const MASKS = 4;

/** Pixels of the model's frame for a cell of the grid. */
const CELL = 16;

/** What `SamOnnxModel` may be asked for, and what other exports leave out. */
export interface SamOnnxOptions {
  readonly returnSingleMask?: boolean;
  readonly useStabilityScore?: boolean;
  readonly returnExtraMetrics?: boolean;
  /** HQ-SAM (arXiv 2306.01567): a token more, and the features of an early block, of so many channels, as an input. */
  readonly highQuality?: { readonly vitChannels: number };
  /** All of the masks that the model would choose one from. */
  readonly keepsEveryMask?: boolean;
}

/** The decoder of Segment Anything's ONNX example: prompts and embeddings to masks of the picture's size. */
export function samDecoder(g: GraphBuilder, config: MaskDecoder, options: SamOnnxOptions = {}): void {
  const { channels, grid } = config;
  const side = CELL * grid;
  const embeddings = g.input('image_embeddings', 'f32', [1, channels, grid, grid]);
  const early = options.highQuality
    ? g.input('interm_embeddings', 'f32', [1, 1, grid, grid, options.highQuality.vitChannels])
    : undefined;
  const points = g.input('point_coords', 'f32', [1, 'num_points', 2]);
  const labels = g.input('point_labels', 'f32', [1, 'num_points']);
  const mask = g.input('mask_input', 'f32', [1, 1, 4 * grid, 4 * grid]);
  const hasMask = g.input('has_mask_input', 'f32', [1]);
  const size = g.input('orig_im_size', 'f32', [2]);

  const matrix = fourierMatrix(g, channels);
  const sparse = embedPoints(g, points, labels, side, channels, matrix);
  const dense = embedMask(g, mask, hasMask, channels);
  const positions = densePositions(g, grid, matrix);
  const fine =
    early === undefined ? undefined : earlyFeatures(g, embeddings, early, channels, options.highQuality!.vitChannels);
  const predicted = predictMasks(g, config, embeddings, dense, positions, sparse, fine);

  const { keepsEveryMask = false } = options;
  let [masks, scores] =
    fine === undefined ? [predicted.masks, predicted.iou] : withHighQuality(g, predicted, keepsEveryMask);
  if (options.useStabilityScore) scores = stabilityScore(g, masks, 1);
  const chooses = options.returnSingleMask && !keepsEveryMask;
  if (chooses) [masks, scores] = bestMask(g, masks, scores, points);
  const candidates = fine === undefined ? (chooses ? 1 : MASKS) : keepsEveryMask ? MASKS - 1 : 1;
  const upscaled = postprocess(g, masks, size, side);
  g.output('masks', upscaled, 'f32', [1, candidates, 'height', 'width']);
  g.output('iou_predictions', scores, 'f32', [1, candidates]);
  if (options.returnExtraMetrics) {
    g.output('stability_scores', stabilityScore(g, upscaled, 1), 'f32', [1, candidates]);
    const inside = cast(g, g.node('Greater', [upscaled, g.float(0)]), 'i64');
    g.output('areas', sum(g, sum(g, inside, -1), -1), 'i64', [1, candidates]);
  }
  g.output('low_res_masks', masks, 'f32', [1, candidates, 4 * grid, 4 * grid]);
}

export interface Predicted {
  /** [b, masks, 4·grid, 4·grid] and [b, masks]. */
  readonly masks: Value;
  readonly iou: Value;
}

/** Masks from embeddings [1, c, grid, grid] and tokens [b, n, c]; HQ-SAM's masks from its features come last. */
export function predictMasks(
  g: GraphBuilder,
  config: MaskDecoder,
  embeddings: Value,
  dense: Value,
  positions: Value,
  sparse: Value,
  fine?: Value,
): Predicted {
  const { channels, grid } = config;
  const count = fine === undefined ? MASKS : MASKS + 1;
  const own = [
    ['iou_token', 1],
    ['mask_tokens', MASKS],
    ...(fine === undefined ? [] : [['hf_token', 1] as const]),
  ] as const;
  const learned = concat(
    g,
    own.map(([name, n]) => g.weight(name, [n, channels], { spread: 1 })),
    0,
  );
  const repeated = expand(g, unsqueeze(g, learned, 0), [extent(g, sparse, 0), -1, -1]);
  const tokens = concat(g, [repeated, sparse], 1);
  const perMask = (x: Value): Value => {
    const batch = extent(g, tokens, 0);
    return reshape(g, expand(g, unsqueeze(g, x, 1), [1, batch, channels, grid, grid]), [batch, channels, grid, grid]);
  };
  const source = add(g, perMask(embeddings), dense);
  const flat = (x: Value): Value => transpose(g, reshape(g, x, [extent(g, x, 0), channels, -1]), [0, 2, 1]);
  const [hidden, image] = g.scope('transformer', () =>
    twoWayTransformer(g, flat(source), flat(perMask(positions)), tokens, config),
  );
  const turned = reshape(g, transpose(g, image, [0, 2, 1]), [extent(g, source, 0), channels, grid, grid]);
  const upscaled = g.scope('output_upscaling', () => {
    const first = gelu(g, layerNorm2d(g, '1', convTranspose(g, '0', turned, channels, channels / 4), channels / 4));
    return gelu(g, convTranspose(g, '3', first, channels / 4, channels / 8));
  });
  const hyper = Array.from({ length: count }, (_, i) =>
    unsqueeze(g, hyperNetwork(g, i, select(g, hidden, 1, 1 + i), [channels, channels, channels, channels / 8]), 1),
  );
  const iou = headMlp(
    g,
    'iou_prediction_head',
    select(g, hidden, 1, 0),
    [channels, config.iouHidden, config.iouHidden, MASKS],
    { gain: 6 },
  );
  const masks = maskProduct(g, concat(g, hyper.slice(0, MASKS), 1), upscaled);
  if (fine === undefined) return { masks, iou };
  const refined = g.scope('embedding_maskfeature', () => {
    const [narrow, wide] = [channels / 8, channels / 4];
    const inner = gelu(g, layerNorm2d(g, '1', conv(g, '0', upscaled, narrow, wide, { kernel: 3, padding: 1 }), wide));
    return conv(g, '3', inner, wide, narrow, { kernel: 3, padding: 1 });
  });
  return { masks: concat(g, [masks, maskProduct(g, hyper[MASKS]!, add(g, refined, fine))], 1), iou };
}

/** Each token's vector by each pixel's: [b, n, c] · [b, c, h, w] → [b, n, h, w]. */
export function maskProduct(g: GraphBuilder, hyper: Value, upscaled: Value): Value {
  const [batch, channels, height, width] = [0, 1, 2, 3].map((axis) => extent(g, upscaled, axis)) as [
    Value,
    Value,
    Value,
    Value,
  ];
  const pixels = reshape(g, upscaled, [batch, channels, mul(g, height, width)]);
  return reshape(g, matmul(g, hyper, pixels), [batch, -1, height, width]);
}

/** HQ-SAM's features: of the embedding and of the first global block, both at the size of the low-resolution masks. */
function earlyFeatures(g: GraphBuilder, embeddings: Value, early: Value, channels: number, vitChannels: number): Value {
  const upscale = (name: string, x: Value, from: number, middle: number): Value =>
    g.scope(name, () => {
      const first = gelu(g, layerNorm2d(g, '1', convTranspose(g, '0', x, from, middle), middle));
      return convTranspose(g, '3', first, middle, channels / 8);
    });
  const first = transpose(g, select(g, early, 0, 0), [0, 3, 1, 2]);
  return add(
    g,
    upscale('embedding_encoder', embeddings, channels, channels / 4),
    upscale('compress_vit_feat', first, vitChannels, channels),
  );
}

/** The best of SAM's three masks, or every one of them, plus the high-quality one. */
function withHighQuality(g: GraphBuilder, { masks, iou }: Predicted, keepsEvery: boolean): readonly [Value, Value] {
  const three = slice(g, iou, 1, 1, MASKS);
  const of = slice(g, masks, 1, 1, MASKS);
  const refined = slice(g, masks, 1, MASKS, MASKS + 1);
  if (keepsEvery) return [add(g, refined, of), three];
  const best = g.node('ArgMax', [three], { axis: 1, keepdims: 1 });
  const score = g.node('ReduceMax', [three, ...(g.opset >= 18 ? [g.ints([1])] : [])], {
    keepdims: 1,
    ...(g.opset < 18 && { axes: [1] }),
  });
  const chosen = unsqueeze(g, pick(g, of, squeeze(g, best, 1)), 1);
  return [add(g, refined, chosen), score];
}

/** x[arange(n), index] of [n, m, ..rest]: the exporter makes one axis of the first two and gathers. */
export function pick(g: GraphBuilder, x: Value, index: Value): Value {
  const [n, m] = [extent(g, x, 0), extent(g, x, 1)];
  const shape = g.node('Shape', [x]);
  const rest = g.node('Slice', [shape, g.ints([2]), g.ints([Number.MAX_SAFE_INTEGER]), g.ints([0])]);
  const flat = g.node('Reshape', [x, concat(g, [g.ints([-1]), rest], 0)]);
  const rows = g.node('Range', [g.ints(0), n, g.ints(1)]);
  return g.node('Gather', [flat, add(g, mul(g, rows, m), index)], { axis: 0 });
}

/** Pixels above +offset over pixels above −offset. */
function stabilityScore(g: GraphBuilder, masks: Value, offset: number): Value {
  const above = (threshold: number): Value => {
    const inside = cast(g, g.node('Greater', [masks, g.float(threshold)]), 'i32');
    return cast(g, sum(g, sum(g, inside, -1), -1), 'f32');
  };
  return g.node('Div', [above(offset), above(-offset)]);
}

/** The single mask for several points, the best of the others for one: by a large number added to a score. */
function bestMask(g: GraphBuilder, masks: Value, scores: Value, points: Value): readonly [Value, Value] {
  const weights = g.initializer('score_reweight', {
    dtype: 'f32',
    shape: [1, MASKS],
    data: Float32Array.of(1000, 0, 0, 0),
  });
  const count = cast(g, extent(g, points, 1), 'f32');
  const reweighted = add(g, scores, mul(g, g.node('Sub', [count, g.float(2.5)]), weights));
  const best = g.node('ArgMax', [reweighted], { axis: 1, keepdims: 0 });
  return [unsqueeze(g, pick(g, masks, best), 1), unsqueeze(g, pick(g, scores, best), 1)];
}

/** To the model's frame, cropped to the picture, to the picture's size. */
function postprocess(g: GraphBuilder, masks: Value, size: Value, side: number): Value {
  const large = resizeTo(g, masks, 'linear', g.ints([side, side]));
  const picture = cast(g, size, 'f32');
  const longest = g.node('ReduceMax', [picture], { keepdims: 0 });
  const scaled = mul(g, mul(g, g.node('Reciprocal', [longest]), g.float(side)), picture);
  const kept = cast(g, g.node('Floor', [add(g, scaled, g.float(0.5))]), 'i64');
  const cropped = slice(g, slice(g, large, 2, 0, select(g, kept, 0, 0)), 3, 0, select(g, kept, 0, 1));
  const whole = cast(g, picture, 'i64');
  const to = concat(
    g,
    [0, 1].map((i) => unsqueeze(g, select(g, whole, 0, i), 0)),
    0,
  );
  return resizeTo(g, cropped, 'linear', to);
}

/** The decoder of EdgeSAM: points only, masks at low resolution, scores by stability. */
export function edgeSamDecoder(g: GraphBuilder, config: MaskDecoder): void {
  const { channels, grid } = config;
  const embeddings = g.input('image_embeddings', 'f32', [1, channels, grid, grid]);
  const points = g.input('point_coords', 'f32', [1, 'num_points', 2]);
  const labels = g.input('point_labels', 'f32', [1, 'num_points']);
  const matrix = fourierMatrix(g, channels);
  const sparse = embedPoints(g, points, labels, CELL * grid, channels, matrix);
  const none = reshape(g, g.weight('no_mask_embed', [1, channels], { spread: 0.5 }), [1, -1, 1, 1]);
  const dense = expand(g, none, [1, -1, grid, grid]);
  const { masks } = predictMasks(g, config, embeddings, dense, densePositions(g, grid, matrix), sparse);
  g.output('scores', stabilityScore(g, masks, 1), 'f32', [1, MASKS]);
  g.output('masks', masks, 'f32', [1, MASKS, 4 * grid, 4 * grid]);
}
