import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { evaluateGraph } from '../../../src/ir/evaluate.js';
import { importModel } from '../../../src/ir/onnx/import-model.js';
import { type Bounds, scalarKey } from '../../../src/ir/scalar.js';
import { elementCount, type Tensor } from '../../../src/ir/types.js';
import { f32, type InfoSpec, i64, type ModelSpec, type NodeSpec, writeModel } from './build-model.js';

/** Shape arithmetic as exporters write it: it leaves no node behind, and every size gives what onnxruntime gives. */

const ramp = (shape: readonly number[]): Tensor =>
  f32(
    shape,
    Array.from({ length: elementCount(shape) }, (_, i) => ((i * 37) % 64) / 8 - 4),
  );
const floats = (...shape: InfoSpec['shape']): InfoSpec => ({ dtype: 'f32', shape });

interface Case {
  readonly name: string;
  readonly inputs: Readonly<Record<string, InfoSpec>>;
  readonly nodes: readonly NodeSpec[];
  readonly initializers?: Readonly<Record<string, Tensor>>;
  readonly dims: Readonly<Record<string, Bounds>>;
  /** Shape of y as scalars. */
  readonly shape: string;
  /** IR ops left, in order. */
  readonly ops: readonly string[];
  readonly runs: readonly Readonly<Record<string, Tensor>>[];
}

const node = (op: string, input: string, out: string, attrs: NodeSpec['attrs'] = {}): NodeSpec => ({
  op,
  in: input.split(' ').map((name) => (name === '_' ? '' : name)),
  out: out.split(' '),
  attrs,
});
const int = (value: number): Tensor => i64([], [value]);
const ints = (...values: number[]): Tensor => i64([values.length], values);

const cases: readonly Case[] = [
  {
    name: 'heads of an attention: Shape, Gather, Div, Unsqueeze, Concat, Reshape',
    inputs: { x: floats('b', 'n', 12) },
    initializers: { i0: int(0), i1: int(1), i2: int(2), c3: int(3), heads: ints(3), axis: ints(0) },
    nodes: [
      node('Shape', 'x', 's'),
      node('Gather', 's i0', 'b', { axis: 0 }),
      node('Gather', 's i1', 'n', { axis: 0 }),
      node('Gather', 's i2', 'c', { axis: 0 }),
      node('Div', 'c c3', 'd'),
      node('Cast', 'd', 'd64', { to: 7 }),
      node('Unsqueeze', 'b axis', 'b1'),
      node('Unsqueeze', 'n axis', 'n1'),
      node('Unsqueeze', 'd64 axis', 'd1'),
      node('Concat', 'b1 n1 heads d1', 'to', { axis: 0 }),
      node('Reshape', 'x to', 'r'),
      node('Transpose', 'r', 'y', { perm: [0, 2, 1, 3] }),
    ],
    dims: { b: { min: 1, max: 4 }, n: { min: 1, max: 9 } },
    shape: 'b 3 n 4',
    ops: ['reshape', 'transpose'],
    runs: [{ x: ramp([1, 2, 12]) }, { x: ramp([3, 5, 12]) }],
  },
  {
    name: 'the -1 of a reshape',
    inputs: { x: floats('b', 4, 'n') },
    initializers: { to: ints(0, -1), flat: ints(-1, 2) },
    nodes: [node('Reshape', 'x to', 'r'), node('Reshape', 'r flat', 'y')],
    dims: { b: { min: 1, max: 4 }, n: { min: 1, max: 9 } },
    shape: '(2*b*n) 2',
    ops: ['reshape', 'reshape'],
    runs: [{ x: ramp([2, 4, 3]) }, { x: ramp([1, 4, 1]) }],
  },
  {
    name: 'expand(x, -1, -1): Shape, ConstantOfShape, Mul, Equal, Where, Expand',
    inputs: { x: floats('b', 2), t: floats(1, 5, 3) },
    initializers: { i0: int(0), minus: int(-1), keep: ints(-1, -1), axis: ints(0), flat: ints(-1) },
    nodes: [
      node('Shape', 'x', 's'),
      node('Gather', 's i0', 'b', { axis: 0 }),
      node('Unsqueeze', 'b axis', 'b1'),
      node('Concat', 'b1 keep', 'c', { axis: 0 }),
      node('Reshape', 'c flat', 'r'),
      node('Shape', 'r', 'count'),
      node('ConstantOfShape', 'count', 'ones', { value: i64([1], [1]) }),
      node('Mul', 'ones minus', 'minuses'),
      node('Equal', 'r minuses', 'open'),
      node('Where', 'open ones r', 'to'),
      node('Expand', 't to', 'y'),
    ],
    dims: { b: { min: 1, max: 4 } },
    shape: 'b 5 3',
    ops: ['expand'],
    runs: [
      { x: ramp([1, 2]), t: ramp([1, 5, 3]) },
      { x: ramp([4, 2]), t: ramp([1, 5, 3]) },
    ],
  },
  {
    name: 'interpolation by a factor: Shape, Slice, Cast, Mul, Floor, Cast, Concat, Resize',
    inputs: { x: floats(1, 2, 'h', 'w') },
    initializers: { factor: f32([1], [1.5]), from: ints(2), to: ints(4), zero: ints(0), two: ints(2), axis: ints(0) },
    nodes: [
      node('Shape', 'x', 's'),
      node('Slice', 's from to axis', 'hw'),
      node('Slice', 's zero two axis', 'bc'),
      node('Cast', 'hw', 'f', { to: 1 }),
      node('Mul', 'f factor', 'm'),
      node('Floor', 'm', 'fl'),
      node('Cast', 'fl', 'hw2', { to: 7 }),
      node('Concat', 'bc hw2', 'sizes', { axis: 0 }),
      node('Resize', 'x _ _ sizes', 'y', { mode: 'linear' }),
    ],
    dims: { h: { min: 2, max: 20 }, w: { min: 2, max: 20 } },
    shape: '1 2 to_int(floor_f32(mul_f32(to_f32(h), 1.5))) to_int(floor_f32(mul_f32(to_f32(w), 1.5)))',
    ops: ['resize'],
    runs: [{ x: ramp([1, 2, 5, 4]) }, { x: ramp([1, 2, 3, 7]) }],
  },
  {
    name: 'a picture as large as the values of an input say',
    inputs: { x: floats(1, 1, 8, 8), size: { dtype: 'i64', shape: [2] } },
    initializers: { one: ints(1, 1), from: ints(0, 0), axes: ints(2, 3), eight: int(8) },
    nodes: [
      node('Concat', 'one size', 'sizes', { axis: 0 }),
      node('Resize', 'x _ _ sizes', 'r', { mode: 'nearest' }),
      node('Div', 'size eight', 'eighth'),
      node('Slice', 'r from eighth axes', 'y'),
    ],
    dims: { size: { min: 1, max: 100 } },
    shape: '1 1 floor_div(size[0], 8) floor_div(size[1], 8)',
    ops: ['resize', 'slice'],
    runs: [
      { x: ramp([1, 1, 8, 8]), size: ints(16, 24) },
      { x: ramp([1, 1, 8, 8]), size: ints(31, 9) },
    ],
  },
  {
    name: 'positions: Range, Equal, Cast and a mask of symbolic size',
    inputs: { x: floats('n', 3) },
    initializers: { i0: int(0), i1: int(1), axis: ints(1), k: int(0) },
    nodes: [
      node('Shape', 'x', 's'),
      node('Gather', 's i0', 'n', { axis: 0 }),
      node('Range', 'i0 n i1', 'p'),
      node('Unsqueeze', 'p axis', 'row'),
      node('Equal', 'row p', 'diagonal'),
      node('Cast', 'diagonal', 'eye', { to: 1 }),
      node('Trilu', 'eye k', 'upper'),
      node('MatMul', 'upper x', 'y'),
    ],
    dims: { n: { min: 1, max: 6 } },
    shape: 'n 3',
    ops: ['iota', 'reshape', 'binary', 'cast', 'iota', 'reshape', 'iota', 'binary', 'select', 'matmul'],
    runs: [{ x: ramp([1, 3]) }, { x: ramp([5, 3]) }],
  },
  {
    name: 'the last half, backwards: Slice with symbolic and negative positions',
    inputs: { x: floats('n', 2) },
    initializers: { i0: int(0), two: int(2), axis: ints(0), end: ints(-(2 ** 40)), minus: ints(-1), last: ints(-1) },
    nodes: [
      node('Shape', 'x', 's'),
      node('Gather', 's i0', 'n', { axis: 0 }),
      node('Div', 'n two', 'h'),
      node('Unsqueeze', 'h axis', 'start'),
      node('Unsqueeze', 'n axis', 'stop'),
      node('Slice', 'x start stop axis', 'half'),
      node('Slice', 'half last end axis minus', 'y'),
    ],
    dims: { n: { min: 1, max: 9 } },
    shape: '(-1*floor_div(n, 2) + n) 2',
    ops: ['slice', 'slice'],
    runs: [{ x: ramp([1, 2]) }, { x: ramp([6, 2]) }, { x: ramp([7, 2]) }],
  },
  {
    name: 'shapes as data: a tensor of scalars',
    inputs: { x: floats('n', 4) },
    initializers: { half: f32([], [0.5]) },
    nodes: [
      node('Shape', 'x', 's'),
      node('Cast', 's', 'f', { to: 1 }),
      node('ReduceProd', 'f', 'p', { keepdims: 0 }),
      node('Mul', 'p half', 'scale'),
      node('Mul', 'x scale', 'y'),
    ],
    dims: { n: { min: 1, max: 9 } },
    shape: 'n 4',
    ops: ['scalars', 'binary'],
    runs: [{ x: ramp([3, 4]) }],
  },
  {
    name: 'repeat_interleave of the batch: Unsqueeze, Expand, Tile, Reshape',
    inputs: { x: floats(1, 3), y0: floats('b', 2) },
    initializers: { i0: int(0), axis: ints(0), one: ints(1) },
    nodes: [
      node('Shape', 'y0', 's'),
      node('Gather', 's i0', 'b', { axis: 0 }),
      node('Unsqueeze', 'b axis', 'b1'),
      node('Concat', 'b1 one', 'repeats', { axis: 0 }),
      node('Tile', 'x repeats', 't'),
      node('Concat', 't y0', 'y', { axis: 1 }),
    ],
    dims: { b: { min: 1, max: 4 } },
    shape: 'b 5',
    ops: ['reshape', 'expand', 'reshape', 'concat'],
    runs: [
      { x: ramp([1, 3]), y0: ramp([1, 2]) },
      { x: ramp([1, 3]), y0: ramp([4, 2]) },
    ],
  },
  {
    name: 'the mask chosen by the number of points, as SAM exports one mask',
    inputs: { coords: floats(1, 'n', 2), iou: floats('b', 4), masks: floats('b', 4, 2, 3) },
    initializers: { i0: int(0), i1: int(1), bias: f32([], [2.5]), weight: f32([1, 4], [1000, 0, 0, 0]), last: ints(1) },
    nodes: [
      node('Shape', 'coords', 's'),
      node('Gather', 's i1', 'n', { axis: 0 }),
      node('Cast', 'n', 'nf', { to: 1 }),
      node('Sub', 'nf bias', 'over'),
      node('Mul', 'over weight', 'reweight'),
      node('Add', 'iou reweight', 'score'),
      node('ArgMax', 'score', 'best', { axis: 1, keepdims: 0 }),
      node('Shape', 'masks', 'ms'),
      node('Gather', 'ms i0', 'b', { axis: 0 }),
      node('Range', 'i0 b i1', 'rows'),
      node('Unsqueeze', 'rows last', 'r'),
      node('Unsqueeze', 'best last', 'c'),
      node('Concat', 'r c', 'indices', { axis: 1 }),
      node('GatherND', 'masks indices', 'y'),
    ],
    dims: { n: { min: 1, max: 8 }, b: { min: 1, max: 3 } },
    shape: 'b 2 3',
    ops: ['scalars', 'binary', 'arg_reduce', 'iota', 'reshape', 'reshape', 'concat', 'gather_nd'],
    runs: [
      { coords: ramp([1, 1, 2]), iou: ramp([2, 4]), masks: ramp([2, 4, 2, 3]) },
      { coords: ramp([1, 5, 2]), iou: ramp([3, 4]), masks: ramp([3, 4, 2, 3]) },
    ],
  },
  {
    name: 'a picture of any size through convolution, pool and flattening',
    inputs: { x: floats('b', 1, 'h', 'w') },
    initializers: { k: ramp([2, 1, 3, 3]) },
    nodes: [
      node('Conv', 'x k', 'c', { strides: [2, 2], pads: [1, 1, 1, 1] }),
      node('MaxPool', 'c', 'p', { kernel_shape: [2, 2], strides: [1, 1] }),
      node('GlobalAveragePool', 'p', 'g'),
      node('Flatten', 'g', 'y'),
    ],
    dims: { b: { min: 1, max: 2 }, h: { min: 4, max: 9 }, w: { min: 4, max: 9 } },
    shape: 'b 2',
    ops: ['transpose', 'conv', 'transpose', 'max_pool', 'reduce', 'reshape'],
    runs: [{ x: ramp([1, 1, 4, 9]) }, { x: ramp([2, 1, 7, 6]) }],
  },
];

async function onnxruntime(path: string, inputs: Readonly<Record<string, Tensor>>): Promise<ort.Tensor> {
  const session = await ort.InferenceSession.create(path, { logSeverityLevel: 3 });
  const feeds = Object.entries(inputs).map(([name, { dtype, shape, data }]) => [
    name,
    dtype === 'i64'
      ? new ort.Tensor('int64', data as BigInt64Array, [...shape])
      : new ort.Tensor('float32', data as Float32Array, [...shape]),
  ]);
  const { y } = await session.run(Object.fromEntries(feeds));
  await session.release();
  if (y === undefined) throw new Error('onnxruntime gave no y');
  return y;
}

describe('dynamic shapes', () => {
  it.each(cases)('$name', async ({ inputs, nodes, initializers = {}, dims, shape, ops, runs }) => {
    const spec: ModelSpec = { inputs, nodes, initializers, outputs: { y: null } };
    const path = writeModel(spec);
    const graph = importModel(path, { dims });
    const [output] = graph.outputs;
    const type = output && graph.values.get(output.value)?.type;
    expect(type?.shape.map(scalarKey).join(' ')).toBe(shape);
    expect(graph.nodes.map(({ op }) => op)).toEqual(ops);
    for (const run of runs) {
      const expected = await onnxruntime(path, run);
      const found = evaluateGraph(graph, new Map(Object.entries(run))).get('y');
      expect(found?.shape).toEqual(expected.dims);
      const wanted = Array.from(expected.data as Float32Array, Number);
      for (const [i, value] of Array.from(found?.data ?? [], Number).entries())
        expect(value).toBeCloseTo(wanted[i] ?? Number.NaN, 4);
    }
  });
});
