import { maxElements } from './edit.js';
import { type Graph, type Node, type NodeOf, typeOf, type ValueId } from './graph.js';
import { boundsOf } from './scalar.js';

/** Multiply-accumulates of one kind of op at the largest shapes. */
export interface MacCount {
  readonly op: string;
  readonly integer: number;
  readonly float: number;
}

type Counter = (graph: Graph, node: Node) => number;

const elements = (graph: Graph, id: ValueId): number => maxElements(typeOf(graph, id).shape, graph.bounds);

const axis = (graph: Graph, id: ValueId, at: number): number => {
  const dim = typeOf(graph, id).shape.at(at);
  return dim === undefined ? 1 : boundsOf(dim, graph.bounds).max;
};

/** Every element of the result is a sum over one row of the weight. */
const ofRows: Counter = (graph, { operands: [, weight], results: [result] }) =>
  elements(graph, result!) * (elements(graph, weight!) / axis(graph, weight!, 0));

/** Every element of x meets one row of the weight [c, kernel…, o/groups]. */
const ofTransposed: Counter = (graph, { operands: [x, weight] }) =>
  elements(graph, x!) * (elements(graph, weight!) / axis(graph, weight!, 0));

/** a [b…, m, k] · b [b…, k, n]. */
const ofMatmul: Counter = (graph, { operands: [a], results: [result] }) =>
  elements(graph, result!) * axis(graph, a!, -1);

/** q·kᵀ and A·v over the heads; within windows where there are any. Relative positions are not counted. */
const ofAttention: Counter = (graph, node) => {
  const [q, k, v] = node.operands as readonly [ValueId, ValueId, ValueId];
  const width = axis(graph, q, -1) + axis(graph, v, -1);
  const { window } = (node as NodeOf<'attention'>).attrs;
  if (window) {
    const [gridHeight = 0, gridWidth = 0, height = 1, width_ = 1] = window;
    const windows = Math.ceil(gridHeight / height) * Math.ceil(gridWidth / width_);
    return axis(graph, q, 0) * windows * (height * width_) ** 2 * width;
  }
  return axis(graph, q, 0) * axis(graph, q, 1) * axis(graph, k, 1) * width;
};

/** Ops that multiply matrices, as the report calls them; the others' multiplications are next to nothing. */
const COUNTERS: Readonly<
  Partial<Record<Node['op'], { readonly op: string; readonly integer: boolean; readonly count: Counter }>>
> = {
  linear: { op: 'linear', integer: false, count: ofRows },
  integer_linear: { op: 'linear', integer: true, count: ofRows },
  conv: { op: 'conv', integer: false, count: ofRows },
  integer_conv: { op: 'conv', integer: true, count: ofRows },
  conv_transpose: { op: 'conv_transpose', integer: false, count: ofTransposed },
  matmul: { op: 'matmul', integer: false, count: ofMatmul },
  attention: { op: 'attention', integer: false, count: ofAttention },
  integer_attention: { op: 'attention', integer: true, count: ofAttention },
};

/** Multiply-accumulates of a program by op, most first. */
export function countMacs(graph: Graph): readonly MacCount[] {
  const sums = new Map<string, { integer: number; float: number }>();
  for (const node of graph.nodes) {
    const counter = COUNTERS[node.op];
    if (counter === undefined) continue;
    const sum = sums.get(counter.op) ?? { integer: 0, float: 0 };
    sum[counter.integer ? 'integer' : 'float'] += counter.count(graph, node);
    sums.set(counter.op, sum);
  }
  return [...sums]
    .map(([op, sum]) => ({ op, ...sum }))
    .sort((a, b) => b.integer + b.float - (a.integer + a.float) || (a.op < b.op ? -1 : 1));
}
