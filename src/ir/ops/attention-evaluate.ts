import { expSoftmaxF32, sum16F32 } from '../float-math.js';
import { type EvaluateContext, type Operands, requireTensor, TypeMismatch } from '../op.js';
import { allocate, type Tensor } from '../types.js';
import { broadcastStrides } from './broadcast.js';
import { requireAtLeast } from './check.js';
import { floatsOf, zeros } from './elements.js';
import { multiplyRows, type Rows } from './product.js';

const f = Math.fround;
/** Queries whose logits are held at a time. */
const QUERY_ROWS = 64;

/** `window` as [grid_h, grid_w, win_h, win_w]: tokens of the grid in row-major order, attention inside each window. */
export function requireGrid(window: readonly number[]): readonly [number, number, number, number] {
  requireAtLeast(window, 'window', 1);
  const [gridHeight, gridWidth, height, width] = window;
  if (gridHeight === undefined || gridWidth === undefined || height === undefined || width === undefined)
    throw new TypeMismatch(`window: expected [grid_h, grid_w, win_h, win_w], found ${window.length} values`);
  return [gridHeight, gridWidth, height, width];
}

/** The tokens of each window in its row-major order, −1 outside the grid; without windows, one of all tokens. */
function windowTokens(window: readonly number[] | undefined, tokens: number): readonly Int32Array[] {
  if (!window) return [Int32Array.from({ length: tokens }, (_, i) => i)];
  const [gridHeight, gridWidth, height, width] = requireGrid(window);
  const windows: Int32Array[] = [];
  for (let top = 0; top < gridHeight; top += height)
    for (let left = 0; left < gridWidth; left += width)
      windows.push(
        Int32Array.from({ length: height * width }, (_, i) => {
          const [y, x] = [top + Math.floor(i / width), left + (i % width)];
          return y < gridHeight && x < gridWidth ? y * gridWidth + x : -1;
        }),
      );
  return windows;
}

/** Channels [start, start + count) of each token of x [b, tokens, c]; `padding` (or zeros) for tokens of −1. */
function headRows(
  x: Tensor,
  batch: number,
  tokens: Int32Array,
  start: number,
  count: number,
  padding: Tensor | undefined,
): Float32Array {
  const [, length, width] = x.shape as readonly [number, number, number];
  const from = floatsOf(x.data);
  const pad = padding && floatsOf(padding.data);
  const rows = new Float32Array(tokens.length * count);
  tokens.forEach((token, i) => {
    if (token >= 0) {
      const at = (batch * length + token) * width + start;
      rows.set(from.subarray(at, at + count), i * count);
    } else if (pad) rows.set(pad.subarray(start, start + count), i * count);
  });
  return rows;
}

interface RelativeTables {
  readonly height: Float32Array;
  readonly width: Float32Array;
  /** [queries' width, keys' height, keys' width] */
  readonly queryWidth: number;
  readonly keyHeight: number;
  readonly keyWidth: number;
}

const whole = (data: Float32Array, stride: number): Rows => ({ data, start: 0, stride });

/** logits[i, j] += q_i·height[y(i), ky(j)] + q_i·width[x(i), kx(j)] for `rows` queries from `first` on. */
function addRelative(
  logits: Float32Array,
  n: number,
  q: Float32Array,
  c: number,
  first: number,
  rows: number,
  { height, width, queryWidth, keyHeight, keyWidth }: RelativeTables,
): void {
  const [ofHeight, ofWidth] = [new Float32Array(keyHeight), new Float32Array(keyWidth)];
  for (let i = 0; i < rows; i++) {
    const [y, x] = [Math.floor((first + i) / queryWidth), (first + i) % queryWidth];
    const query = { data: q, start: (first + i) * c, stride: c };
    const table = (data: Float32Array, start: number): Rows => ({ data, start, stride: c });
    multiplyRows('f32', 1, keyHeight, c, query, table(height, y * keyHeight * c), whole(ofHeight, keyHeight));
    multiplyRows('f32', 1, keyWidth, c, query, table(width, x * keyWidth * c), whole(ofWidth, keyWidth));
    for (let ky = 0, at = i * n; ky < keyHeight; ky++)
      for (let kx = 0; kx < keyWidth; kx++, at++) logits[at] = logits[at]! + f(ofHeight[ky]! + ofWidth[kx]!);
  }
}

/** Rows of logits to exp(logit − max), in place; gives their sums in 16 lanes. */
function soften(logits: Float32Array, rows: number, n: number): Float32Array {
  const sums = new Float32Array(rows);
  for (let i = 0; i < rows; i++) {
    let top = Number.NEGATIVE_INFINITY;
    for (let at = i * n; at < (i + 1) * n; at++) if (logits[at]! > top) top = logits[at]!;
    for (let at = i * n; at < (i + 1) * n; at++) logits[at] = expSoftmaxF32(f(logits[at]! - top));
    sums[i] = sum16F32(logits, i * n, n);
  }
  return sums;
}

function relativeTables(height: Tensor | undefined, width: Tensor | undefined): RelativeTables | undefined {
  if (!height || !width) return undefined;
  return {
    height: height.data as Float32Array,
    width: width.data as Float32Array,
    queryWidth: width.shape[0]!,
    keyHeight: height.shape[1]!,
    keyWidth: width.shape[1]!,
  };
}

/**
 * The definition, one head and a block of queries at a time: logits (q·k)·scale, plus the relative terms, plus the bias;
 * Σ exp(logit − max)·v sequential over the keys, divided by the 16-lane sum. Each operation rounds to float32, as in
 * kernel `sq_attention_f32`.
 */
export function evaluateAttention(
  operands: Operands,
  attrs: { readonly heads: number; readonly scale: number; readonly window?: readonly number[] | undefined },
  { types: [type] }: EvaluateContext,
): readonly Tensor[] {
  const [q, k, v] = [requireTensor(operands, 0), requireTensor(operands, 1), requireTensor(operands, 2)];
  const bias = operands[3];
  const relative = relativeTables(operands[4], operands[5]);
  const { heads, window } = attrs;
  const result = zeros('f32', type!.shape);
  const out = floatsOf(result.data);
  const [batches, queries, width] = q.shape as readonly [number, number, number];
  const [c, cv] = [width / heads, v.shape[2]! / heads];
  const queryWindows = windowTokens(window, queries);
  const keyWindows = window ? queryWindows : windowTokens(undefined, k.shape[1]!);

  for (let b = 0; b < batches; b++)
    queryWindows.forEach((tokens, w) => {
      const keys = keyWindows[w]!;
      const [m, n] = [tokens.length, keys.length];
      for (let h = 0; h < heads; h++) {
        const headQ = headRows(q, b, tokens, h * c, c, undefined);
        const headK = headRows(k, b, keys, h * c, c, operands[6]);
        const columns = transpose(headRows(v, b, keys, h * cv, cv, operands[7]), n, cv);
        for (let first = 0; first < m; first += QUERY_ROWS) {
          const rows = Math.min(QUERY_ROWS, m - first);
          const logits = new Float32Array(rows * n);
          multiplyRows(
            'f32',
            rows,
            n,
            c,
            { data: headQ, start: first * c, stride: c },
            whole(headK, c),
            whole(logits, n),
          );
          const scale = f(attrs.scale);
          for (let at = 0; at < logits.length; at++) logits[at] = logits[at]! * scale;
          if (relative) addRelative(logits, n, headQ, c, first, rows, relative);
          if (bias)
            addBias(logits, bias, [batches * queryWindows.length, heads, m, n], b * queryWindows.length + w, h, first);
          const sums = soften(logits, rows, n);
          const sought = new Float32Array(rows * cv);
          multiplyRows('f32', rows, cv, n, whole(logits, n), whole(columns, n), whole(sought, cv));
          for (let i = 0; i < rows; i++) {
            const token = tokens[first + i]!;
            if (token < 0) continue;
            const at = (b * queries + token) * heads * cv + h * cv;
            for (let j = 0; j < cv; j++) out[at + j] = sought[i * cv + j]! / sums[i]!;
          }
        }
      }
    });
  return [result];
}

function transpose(x: Float32Array, rows: number, columns: number): Float32Array {
  const result = allocate('f32', x.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) result[j * rows + i] = x[i * columns + j]!;
  return result;
}

/** logits[i, j] += bias[b, h, first + i, j], the bias broadcast to `shape`. */
function addBias(
  logits: Float32Array,
  bias: Tensor,
  shape: readonly [number, number, number, number],
  b: number,
  h: number,
  first: number,
): void {
  const [ofBatch, ofHead, ofRow, ofKey] = broadcastStrides(bias.shape, shape) as [number, number, number, number];
  const from = floatsOf(bias.data);
  const n = shape[3];
  for (let at = 0; at < logits.length; at++) {
    const row = first + Math.floor(at / n);
    logits[at] = logits[at]! + from[b * ofBatch + h * ofHead + row * ofRow + (at % n) * ofKey]!;
  }
}
