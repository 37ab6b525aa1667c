import type { Extent, GraphBuilder, Value } from './graph.js';

/** Modules and functions of PyTorch, as its exporter writes them. Weights are seeded so that activations stay near 1. */

/** [axes] as an attribute up to the opset before `since`, an input from there on. */
function withAxes(g: GraphBuilder, op: string, x: Value, axes: readonly number[], since: number, rest = {}): Value {
  if (g.opset < since) return g.node(op, [x], { axes, ...rest });
  return g.node(op, [x, g.ints(axes)], rest);
}
export const unsqueeze = (g: GraphBuilder, x: Value, axis: number): Value => withAxes(g, 'Unsqueeze', x, [axis], 13);
export const squeeze = (g: GraphBuilder, x: Value, axis: number): Value => withAxes(g, 'Squeeze', x, [axis], 13);
export const mean = (g: GraphBuilder, x: Value, axes: readonly number[]): Value =>
  withAxes(g, 'ReduceMean', x, axes, 18, { keepdims: 1 });
export const sum = (g: GraphBuilder, x: Value, axis: number): Value =>
  withAxes(g, 'ReduceSum', x, [axis], 13, { keepdims: 0 });

export const add = (g: GraphBuilder, a: Value, b: Value): Value => g.node('Add', [a, b]);
export const mul = (g: GraphBuilder, a: Value, b: Value): Value => g.node('Mul', [a, b]);
export const matmul = (g: GraphBuilder, a: Value, b: Value): Value => g.node('MatMul', [a, b]);
export const concat = (g: GraphBuilder, parts: readonly Value[], axis: number): Value =>
  g.node('Concat', parts, { axis });
export const transpose = (g: GraphBuilder, x: Value, perm: readonly number[]): Value =>
  g.node('Transpose', [x], { perm });
export const softmax = (g: GraphBuilder, x: Value): Value => g.node('Softmax', [x], { axis: -1 });
export const cast = (g: GraphBuilder, x: Value, to: 'f32' | 'i32' | 'i64'): Value =>
  g.node('Cast', [x], { to: { f32: 1, i32: 6, i64: 7 }[to] });
/** x[:, index] and the like. */
export const select = (g: GraphBuilder, x: Value, axis: number, index: number): Value =>
  g.node('Gather', [x, g.ints(index)], { axis });
export const slice = (g: GraphBuilder, x: Value, axis: number, from: number, to: Value | number): Value =>
  g.node('Slice', [x, g.ints([from]), typeof to === 'number' ? g.ints([to]) : unsqueeze(g, to, 0), g.ints([axis])]);
/** x.shape[axis] */
export const extent = (g: GraphBuilder, x: Value, axis: number): Value =>
  g.node('Gather', [g.node('Shape', [x]), g.ints(axis)], { axis: 0 });

/** A shape of numbers and of scalars computed in the graph: Unsqueeze and Concat, a constant where all are numbers. */
export function shapeOf(g: GraphBuilder, extents: readonly Extent[]): Value {
  const numbers = extents.filter((dim): dim is number => typeof dim === 'number');
  if (numbers.length === extents.length) return g.ints(numbers);
  return concat(
    g,
    extents.map((dim) => (typeof dim === 'number' ? g.ints([dim]) : unsqueeze(g, dim, 0))),
    0,
  );
}
export const reshape = (g: GraphBuilder, x: Value, extents: readonly Extent[]): Value =>
  g.node('Reshape', [x, shapeOf(g, extents)]);
/** x.expand(…), where −1 keeps an axis: the exporter asks for it by Where and Equal. */
export function expand(g: GraphBuilder, x: Value, extents: readonly Extent[]): Value {
  const shape = reshape(g, shapeOf(g, extents), [-1]);
  const one = { tensor: { dims: [1], dataType: 7, rawData: Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0) } };
  const ones = g.node('ConstantOfShape', [g.node('Shape', [shape])], { value: one });
  const kept = g.node('Equal', [shape, mul(g, ones, g.ints(-1))]);
  return g.node('Expand', [x, g.node('Where', [kept, ones, shape])]);
}

/** nn.Linear of [.., from]: a product with the turned weight, and its bias added from the left. */
export const linear = (g: GraphBuilder, name: string, x: Value, from: number, to: number, bias = true): Value =>
  g.scope(name, () => {
    const y = matmul(g, x, g.weight('weight', [from, to], { spread: Math.sqrt(3 / from) }));
    return bias ? add(g, g.weight('bias', [to], { spread: 0.1 }), y) : y;
  });
/** nn.Linear of [n, from]; `gain` makes its results larger. */
export const gemm = (g: GraphBuilder, name: string, x: Value, from: number, to: number, gain = 1): Value =>
  g.scope(name, () => {
    const weight = g.weight('weight', [to, from], { spread: gain * Math.sqrt(3 / from) });
    const scales = { alpha: { float: 1 }, beta: { float: 1 }, transB: 1 };
    return g.node('Gemm', [x, weight, g.weight('bias', [to], { spread: 0.1 })], scales);
  });

export interface ConvOptions {
  readonly kernel?: number;
  readonly stride?: number;
  readonly padding?: number;
  readonly groups?: number;
  readonly bias?: boolean;
}
const square = (n: number): readonly number[] => [n, n];

/** nn.Conv2d, or one with its BatchNorm2d folded in. */
export const conv = (
  g: GraphBuilder,
  name: string,
  x: Value,
  from: number,
  to: number,
  options: ConvOptions = {},
): Value =>
  g.scope(name, () => {
    const { kernel = 1, stride = 1, padding = 0, groups = 1, bias = true } = options;
    const spread = Math.sqrt((3 * groups) / (from * kernel * kernel));
    const weight = g.weight('weight', [to, from / groups, kernel, kernel], { spread });
    return g.node('Conv', bias ? [x, weight, g.weight('bias', [to], { spread: 0.1 })] : [x, weight], {
      dilations: square(1),
      group: groups,
      kernel_shape: square(kernel),
      pads: [...square(padding), ...square(padding)],
      strides: square(stride),
    });
  });
/** nn.ConvTranspose2d of kernel and stride 2. */
export const convTranspose = (g: GraphBuilder, name: string, x: Value, from: number, to: number): Value =>
  g.scope(name, () => {
    const weight = g.weight('weight', [from, to, 2, 2], { spread: Math.sqrt(3 / from) });
    return g.node('ConvTranspose', [x, weight, g.weight('bias', [to], { spread: 0.1 })], {
      dilations: square(1),
      group: 1,
      kernel_shape: square(2),
      pads: [0, 0, 0, 0],
      strides: square(2),
    });
  });

/** (x − mean) / sqrt(variance + eps) over an axis, op by op. */
function standardized(g: GraphBuilder, x: Value, axis: number, eps: number): Value {
  const difference = g.node('Sub', [x, mean(g, x, [axis])]);
  const variance = mean(g, g.node('Pow', [difference, g.float(2)]), [axis]);
  return g.node('Div', [difference, g.node('Sqrt', [add(g, variance, g.float(eps))])]);
}
/** nn.LayerNorm over the last axis: an operator from opset 17 on. */
export const layerNorm = (g: GraphBuilder, name: string, x: Value, channels: number, eps = 1e-6): Value =>
  g.scope(name, () => {
    const weight = g.weight('weight', [channels], { mean: 1, spread: 0.3 });
    const bias = g.weight('bias', [channels], { spread: 0.2 });
    if (g.opset >= 17) return g.node('LayerNormalization', [x, weight, bias], { axis: -1, epsilon: { float: eps } });
    return add(g, mul(g, standardized(g, x, -1, eps), weight), bias);
  });
/** LayerNorm2d of Segment Anything: over the channels of [b, c, h, w]. */
export const layerNorm2d = (g: GraphBuilder, name: string, x: Value, channels: number): Value =>
  g.scope(name, () => {
    const weight = g.weight('weight', [channels, 1, 1], { mean: 1, spread: 0.3 });
    const y = mul(g, weight, standardized(g, x, 1, 1e-6));
    return add(g, y, g.weight('bias', [channels, 1, 1], { spread: 0.2 }));
  });
/** nn.GELU by the error function. */
export const gelu = (g: GraphBuilder, x: Value): Value =>
  g.scope('act', () => {
    const erf = g.node('Erf', [g.node('Div', [x, g.float(Math.SQRT2)])]);
    return mul(g, mul(g, x, add(g, erf, g.float(1))), g.float(0.5));
  });
export const relu = (g: GraphBuilder, x: Value): Value => g.node('Relu', [x]);

/** F.interpolate; before opset 13 the unused inputs are empty tensors. */
export function interpolate(
  g: GraphBuilder,
  x: Value,
  mode: 'linear' | 'cubic' | 'nearest',
  to: { readonly sizes: Value } | { readonly scale: number },
): Value {
  const empty = (): Value =>
    g.opset >= 13
      ? ''
      : g.node('Constant', [], { value: { tensor: { dims: [0], dataType: 1, rawData: new Uint8Array() } } });
  const attributes = {
    coordinate_transformation_mode: mode === 'nearest' ? 'asymmetric' : 'half_pixel',
    cubic_coeff_a: { float: -0.75 },
    mode,
    nearest_mode: 'floor',
  };
  if ('sizes' in to) return g.node('Resize', [x, empty(), empty(), to.sizes], attributes);
  const scales = g.initializer('scales', {
    dtype: 'f32',
    shape: [4],
    data: Float32Array.of(1, 1, to.scale, to.scale),
  });
  return g.node('Resize', [x, empty(), scales], attributes);
}
/** The first two extents of x before a new size of its last two axes, as F.interpolate gives them. */
export const resizeTo = (g: GraphBuilder, x: Value, mode: 'linear' | 'cubic', size: Value): Value =>
  interpolate(g, x, mode, { sizes: concat(g, [slice(g, g.node('Shape', [x]), 0, 0, 2), cast(g, size, 'i64')], 0) });

/** Zeros below and to the right of [b, height, width, c], as F.pad is traced: its list is turned round in the graph. */
export function padBelow(g: GraphBuilder, x: Value, below: number, right: number): Value {
  const given = concat(g, [g.ints([0, 0, 0, right, 0, below]), g.ints([0, 0])], 0);
  const pairs = g.node('Slice', [
    reshape(g, given, [-1, 2]),
    g.ints([-1]),
    g.ints([Number.MIN_SAFE_INTEGER]),
    g.ints([0]),
    g.ints([-1]),
  ]);
  const pads = reshape(g, transpose(g, pairs, [1, 0]), [-1]);
  return g.node('Pad', [x, cast(g, pads, 'i64'), g.float(0)], { mode: 'constant' });
}
