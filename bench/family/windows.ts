import type { Extent, GraphBuilder, Value } from './graph.js';
import { padBelow, reshape, slice, transpose } from './layers.js';

/** A grid of tokens [b, height, width, c]. */
export interface Grid {
  readonly height: number;
  readonly width: number;
}

const overhang = (extent: number, window: number): number => (window - (extent % window)) % window;
export const padded = ({ height, width }: Grid, window: number): Grid => ({
  height: height + overhang(height, window),
  width: width + overhang(width, window),
});

/** window_partition of Segment Anything's image encoders: [b, height, width, c] → [b·windows, window, window, c]. */
export function partition(
  g: GraphBuilder,
  x: Value,
  batch: Extent,
  grid: Grid,
  window: number,
  channels: number,
): Value {
  const { height, width } = padded(grid, window);
  const whole = height === grid.height && width === grid.width;
  const filled = whole ? x : padBelow(g, x, height - grid.height, width - grid.width);
  const blocks = reshape(g, filled, [batch, height / window, window, width / window, window, channels]);
  return reshape(g, transpose(g, blocks, [0, 1, 3, 2, 4, 5]), [-1, window, window, channels]);
}

/** window_unpartition: the inverse, padding cropped. */
export function unpartition(
  g: GraphBuilder,
  x: Value,
  batch: Extent,
  grid: Grid,
  window: number,
  channels: number,
): Value {
  const { height, width } = padded(grid, window);
  const blocks = reshape(g, x, [batch, height / window, width / window, window, window, -1]);
  const whole = reshape(g, transpose(g, blocks, [0, 1, 3, 2, 4, 5]), [batch, height, width, channels]);
  if (height === grid.height && width === grid.width) return whole;
  return slice(g, slice(g, whole, 1, 0, grid.height), 2, 0, grid.width);
}
