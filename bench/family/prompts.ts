import type { GraphBuilder, Value } from './graph.js';
import { add, cast, concat, conv, gelu, layerNorm2d, matmul, mul, reshape, transpose, unsqueeze } from './layers.js';

/** The prompt encoder of Segment Anything, as its ONNX example rewrites it. */

/** 2π(2x − 1)·G as sine and cosine, of coordinates in 0 … 1; `matrix` is [2, c / 2]. */
export function fourierFeatures(g: GraphBuilder, x: Value, matrix: Value): Value {
  const centred = g.node('Sub', [mul(g, x, g.float(2)), g.float(1)]);
  const angles = mul(g, matmul(g, centred, matrix), g.float(2 * Math.PI));
  return concat(g, [g.node('Sin', [angles]), g.node('Cos', [angles])], -1);
}
export const fourierMatrix = (g: GraphBuilder, channels: number): Value =>
  g.weight('positional_encoding_gaussian_matrix', [2, channels / 2], { spread: 1.5 });

/** Positions of a grid's cells, [1, c, grid, grid]; computed from constants, as in models that export it so. */
export function densePositions(g: GraphBuilder, grid: number, matrix: Value): Value {
  const data = Float32Array.from({ length: grid * grid * 2 }, (_, i) => {
    const cell = i >> 1;
    return ((i % 2 === 0 ? cell % grid : Math.floor(cell / grid)) + 0.5) / grid;
  });
  const cells = g.initializer('grid', { dtype: 'f32', shape: [grid, grid, 2], data });
  return unsqueeze(g, transpose(g, fourierFeatures(g, cells, matrix), [2, 0, 1]), 0);
}

/** Points [b, n, 2] in pixels of the model's frame and labels [b, n] → [b, n, c]; labels pick what is added by Equal and Cast. */
export function embedPoints(
  g: GraphBuilder,
  points: Value,
  labels: Value,
  side: number,
  channels: number,
  matrix: Value,
): Value {
  const scaled = g.node('Div', [add(g, points, g.float(0.5)), g.float(side)]);
  const features = fourierFeatures(g, scaled, matrix);
  const wide = g.node('Expand', [unsqueeze(g, labels, -1), g.node('Shape', [features])]);
  const is = (label: number): Value => g.node('Equal', [wide, g.float(label)]);
  const embedding = (name: string): Value => g.weight(name, [1, channels], { spread: 1 });
  let y = mul(g, features, cast(g, g.node('Not', [is(-1)]), 'f32'));
  y = add(g, y, mul(g, embedding('not_a_point_embed'), cast(g, is(-1), 'f32')));
  for (let label = 0; label < 4; label++)
    y = add(g, y, mul(g, embedding(`point_embeddings.${label}`), cast(g, is(label), 'f32')));
  return y;
}

/** A mask [b, 1, 4·grid, 4·grid] → [b, c, grid, grid], or the embedding of no mask. */
export function embedMask(g: GraphBuilder, mask: Value, hasMask: Value, channels: number): Value {
  const downscaled = g.scope('mask_downscaling', () => {
    const first = gelu(g, layerNorm2d(g, '1', conv(g, '0', mask, 1, 4, { kernel: 2, stride: 2 }), 4));
    const second = gelu(g, layerNorm2d(g, '4', conv(g, '3', first, 4, 16, { kernel: 2, stride: 2 }), 16));
    return conv(g, '6', second, 16, channels);
  });
  const none = reshape(g, g.weight('no_mask_embed', [1, channels], { spread: 0.5 }), [1, -1, 1, 1]);
  return add(g, mul(g, hasMask, downscaled), mul(g, g.node('Sub', [g.float(1), hasMask]), none));
}
