import type { Tensor } from '../../src/ir/types.js';
import { type AttributeValue, f32, i64, type ModelSpec, type NodeSpec } from '../ir/onnx/build-model.js';
import { random } from './random.js';

/**
 * Segment Anything in a few thousand weights: every operation of the real models (patches, windows, relative positions,
 * prompts with labels, attention both ways, upscaling, masks of each token, resizing to a size given at run time), so that
 * a run takes microseconds. Its masks mean nothing.
 */

const CHANNELS = 16;
const HEADS = 2;
const HEAD = CHANNELS / HEADS;
/** Tokens along a side. */
const SIDE = 4;
const TOKENS = SIDE * SIDE;
const PATCH = 4;
const IMAGE = SIDE * PATCH;

/** Collects nodes; every function gives the name of its result. */
interface Draft {
  readonly nodes: NodeSpec[];
  readonly initializers: Record<string, Tensor>;
  readonly op: (op: string, inputs: readonly string[], attrs?: Readonly<Record<string, AttributeValue>>) => string;
  readonly weight: (...shape: readonly number[]) => string;
  readonly floats: (...values: readonly number[]) => string;
  readonly ints: (...values: readonly number[]) => string;
}

function draft(seed: number): Draft {
  const nodes: NodeSpec[] = [];
  const initializers: Record<string, Tensor> = {};
  const choose = random(seed);
  const store = (tensor: Tensor): string => {
    const name = `w${Object.keys(initializers).length}`;
    initializers[name] = tensor;
    return name;
  };
  return {
    nodes,
    initializers,
    op: (op, inputs, attrs = {}) => {
      const name = `${op}_${nodes.length}`;
      nodes.push({ op, in: inputs, out: [name], name, attrs });
      return name;
    },
    weight: (...shape) => {
      const count = shape.reduce((a, b) => a * b, 1);
      return store(
        f32(
          shape,
          Array.from({ length: count }, () => (choose.int(2000) - 1000) / 2000),
        ),
      );
    },
    floats: (...values) => store(f32(values.length === 1 ? [] : [values.length], values)),
    ints: (...values) => store(i64([values.length], values)),
  };
}

const linear = (d: Draft, x: string, from: number, to: number): string =>
  d.op('Add', [d.op('MatMul', [x, d.weight(from, to)]), d.weight(to)]);
const norm = (d: Draft, x: string): string =>
  d.op('LayerNormalization', [x, d.weight(CHANNELS), d.weight(CHANNELS)], { axis: -1, epsilon: { float: 1e-6 } });
function gelu(d: Draft, x: string): string {
  const erf = d.op('Erf', [d.op('Div', [x, d.floats(Math.SQRT2)])]);
  return d.op('Mul', [d.op('Mul', [x, d.op('Add', [erf, d.floats(1)])]), d.floats(0.5)]);
}
const mlp = (d: Draft, x: string): string =>
  linear(d, gelu(d, linear(d, x, CHANNELS, 2 * CHANNELS)), 2 * CHANNELS, CHANNELS);

/** Self-attention of the encoder over `windows` squares of `side`², fused projections, relative positions. x: [windows, side, side, C]. */
function encoderAttention(d: Draft, x: string, windows: number, side: number): string {
  const n = side * side;
  const groups = windows * HEADS;
  const qkv = d.op('Reshape', [linear(d, x, CHANNELS, 3 * CHANNELS), d.ints(windows, n, 3, HEADS, HEAD)]);
  const parts = d.op('Reshape', [d.op('Transpose', [qkv], { perm: [2, 0, 3, 1, 4] }), d.ints(3, groups, n, HEAD)]);
  const [q, k, v] = [0, 1, 2].map((i) => d.op('Gather', [parts, index(d, i)], { axis: 0 })) as [string, string, string];
  const scaled = d.op('Mul', [q, d.floats(HEAD ** -0.5)]);
  const logits = d.op('MatMul', [scaled, d.op('Transpose', [k], { perm: [0, 2, 1] })]);
  const grid = d.op('Reshape', [q, d.ints(groups, side, side, HEAD)]);
  const rows = d.op('Einsum', [grid, d.weight(side, side, HEAD)], { equation: 'bhwc,hkc->bhwk' });
  const columns = d.op('Einsum', [grid, d.weight(side, side, HEAD)], { equation: 'bhwc,wkc->bhwk' });
  const split = d.op('Reshape', [logits, d.ints(groups, side, side, side, side)]);
  const withRows = d.op('Add', [split, d.op('Unsqueeze', [rows, d.ints(4)])]);
  const withBoth = d.op('Add', [withRows, d.op('Unsqueeze', [columns, d.ints(3)])]);
  const p = d.op('Softmax', [d.op('Reshape', [withBoth, d.ints(groups, n, n)])], { axis: -1 });
  const heads = d.op('Reshape', [d.op('MatMul', [p, v]), d.ints(windows, HEADS, side, side, HEAD)]);
  const joined = d.op('Reshape', [
    d.op('Transpose', [heads], { perm: [0, 2, 3, 1, 4] }),
    d.ints(windows, side, side, CHANNELS),
  ]);
  return linear(d, joined, CHANNELS, CHANNELS);
}

/** A scalar index. */
function index(d: Draft, i: number): string {
  d.initializers[`i${i}`] = i64([], [i]);
  return `i${i}`;
}

function block(d: Draft, x: string, window: number): string {
  const across = SIDE / window;
  const split = d.op(
    'Transpose',
    [d.op('Reshape', [norm(d, x), d.ints(1, across, window, across, window, CHANNELS)])],
    { perm: [0, 1, 3, 2, 4, 5] },
  );
  const windows = d.op('Reshape', [split, d.ints(across * across, window, window, CHANNELS)]);
  const attended = encoderAttention(d, windows, across * across, window);
  const back = d.op('Transpose', [d.op('Reshape', [attended, d.ints(1, across, across, window, window, CHANNELS)])], {
    perm: [0, 1, 3, 2, 4, 5],
  });
  const y = d.op('Add', [x, d.op('Reshape', [back, d.ints(1, SIDE, SIDE, CHANNELS)])]);
  return d.op('Add', [y, mlp(d, norm(d, y))]);
}

export function miniEncoder(): ModelSpec {
  const d = draft(1);
  const patches = d.op('Conv', ['image', d.weight(CHANNELS, 3, PATCH, PATCH), d.weight(CHANNELS)], {
    strides: [PATCH, PATCH],
  });
  const x = d.op('Add', [d.op('Transpose', [patches], { perm: [0, 2, 3, 1] }), d.weight(1, SIDE, SIDE, CHANNELS)]);
  const tokens = block(d, block(d, x, 2), SIDE);
  const neck = d.op('Conv', [d.op('Transpose', [tokens], { perm: [0, 3, 1, 2] }), d.weight(CHANNELS, CHANNELS, 3, 3)], {
    pads: [1, 1, 1, 1],
  });
  d.nodes.push({ op: 'Relu', in: [neck], out: ['image_embeddings'] });
  return {
    inputs: { image: { dtype: 'f32', shape: [1, 3, IMAGE, IMAGE] } },
    outputs: { image_embeddings: { dtype: 'f32', shape: [1, CHANNELS, SIDE, SIDE] } },
    initializers: d.initializers,
    nodes: d.nodes,
  };
}

/** Attention with projections of its own. Lengths are given to reshapes as −1. */
function attention(d: Draft, query: string, key: string, value: string): string {
  const heads = (x: string, perm: readonly number[]): string =>
    d.op('Transpose', [d.op('Reshape', [linear(d, x, CHANNELS, CHANNELS), d.ints(1, -1, HEADS, HEAD)])], { perm });
  const logits = d.op('Div', [
    d.op('MatMul', [heads(query, [0, 2, 1, 3]), heads(key, [0, 2, 3, 1])]),
    d.floats(Math.sqrt(HEAD)),
  ]);
  const read = d.op('MatMul', [d.op('Softmax', [logits], { axis: -1 }), heads(value, [0, 2, 1, 3])]);
  const joined = d.op('Reshape', [d.op('Transpose', [read], { perm: [0, 2, 1, 3] }), d.ints(1, -1, CHANNELS)]);
  return linear(d, joined, CHANNELS, CHANNELS);
}

const MASKS = 4;

/** Prompt encoder, two-way attention, upscaling, heads, resize: the official decoder's interface. */
export function miniDecoder(): ModelSpec {
  const d = draft(2);
  const { op } = d;
  // Points: sine and cosine of random frequencies, and an embedding of each label.
  const coords = op('MatMul', [
    op('Sub', [op('Div', ['point_coords', d.floats(IMAGE / 2)]), d.floats(1)]),
    d.weight(2, CHANNELS / 2),
  ]);
  const position = op('Concat', [op('Sin', [coords]), op('Cos', [coords])], { axis: -1 });
  const labels = op('Unsqueeze', ['point_labels', d.ints(-1)]);
  const known = op('Cast', [op('Not', [op('Equal', [labels, d.floats(-1)])])], { to: 1 });
  let points = op('Mul', [position, known]);
  for (const label of [-1, 0, 1, 2, 3]) {
    const is = op('Cast', [op('Equal', [labels, d.floats(label)])], { to: 1 });
    points = op('Add', [points, op('Mul', [d.weight(1, CHANNELS), is])]);
  }
  let tokens = op('Concat', [d.weight(1, MASKS + 1, CHANNELS), points], { axis: 1 });
  const mask = op('Conv', ['mask_input', d.weight(CHANNELS, 1, PATCH, PATCH), d.weight(CHANNELS)], {
    strides: [PATCH, PATCH],
  });
  const dense = op('Add', [
    op('Mul', ['has_mask_input', mask]),
    op('Mul', [op('Sub', [d.floats(1), 'has_mask_input']), d.weight(1, CHANNELS, 1, 1)]),
  ]);
  const flat = op('Reshape', [op('Add', ['image_embeddings', dense]), d.ints(1, CHANNELS, TOKENS)]);
  let picture = op('Transpose', [flat], { perm: [0, 2, 1] });
  const places = d.weight(1, TOKENS, CHANNELS);
  tokens = norm(d, op('Add', [tokens, attention(d, tokens, tokens, tokens)]));
  tokens = norm(d, op('Add', [tokens, attention(d, tokens, op('Add', [picture, places]), picture)]));
  tokens = norm(d, op('Add', [tokens, mlp(d, tokens)]));
  picture = norm(d, op('Add', [picture, attention(d, op('Add', [picture, places]), tokens, tokens)]));
  const back = op('Reshape', [op('Transpose', [picture], { perm: [0, 2, 1] }), d.ints(1, CHANNELS, SIDE, SIDE)]);
  const upscaled = gelu(d, op('ConvTranspose', [back, d.weight(CHANNELS, 8, 2, 2), d.weight(8)], { strides: [2, 2] }));
  const heads = op('Slice', [tokens, d.ints(1), d.ints(MASKS + 1), d.ints(1)]);
  const products = op('MatMul', [
    linear(d, op('Relu', [linear(d, heads, CHANNELS, CHANNELS)]), CHANNELS, 8),
    op('Reshape', [upscaled, d.ints(1, 8, 4 * TOKENS)]),
  ]);
  const first = op('Gather', [tokens, index(d, 0)], { axis: 1 });
  d.nodes.push({ op: 'Reshape', in: [products, d.ints(1, MASKS, 2 * SIDE, 2 * SIDE)], out: ['low_res_masks'] });
  d.nodes.push({ op: 'Sigmoid', in: [linear(d, first, CHANNELS, MASKS)], out: ['iou_predictions'] });
  // To the size of the picture: as if scaled to the side of the model, the padding cut off, and back.
  const wide = op('Resize', ['low_res_masks', '', '', d.ints(1, MASKS, IMAGE, IMAGE)], {
    mode: 'linear',
    coordinate_transformation_mode: 'half_pixel',
  });
  const longest = op('ReduceMax', ['orig_im_size'], { axes: [0], keepdims: 0 });
  const scaled = op('Mul', [op('Div', [d.floats(IMAGE), longest]), 'orig_im_size']);
  const kept = op('Cast', [op('Floor', [op('Add', [scaled, d.floats(0.5)])])], { to: 7 });
  const cut = op('Slice', [wide, d.ints(0, 0), kept, d.ints(2, 3)]);
  const sizes = op('Concat', [d.ints(1, MASKS), op('Cast', ['orig_im_size'], { to: 7 })], { axis: 0 });
  d.nodes.push({
    op: 'Resize',
    in: [cut, '', '', sizes],
    out: ['masks'],
    attrs: { mode: 'linear', coordinate_transformation_mode: 'half_pixel' },
  });
  return {
    inputs: {
      image_embeddings: { dtype: 'f32', shape: [1, CHANNELS, SIDE, SIDE] },
      point_coords: { dtype: 'f32', shape: [1, 'num_points', 2] },
      point_labels: { dtype: 'f32', shape: [1, 'num_points'] },
      mask_input: { dtype: 'f32', shape: [1, 1, IMAGE, IMAGE] },
      has_mask_input: { dtype: 'f32', shape: [1] },
      orig_im_size: { dtype: 'f32', shape: [2] },
    },
    outputs: { masks: null, iou_predictions: null, low_res_masks: null },
    initializers: d.initializers,
    nodes: d.nodes,
  };
}
