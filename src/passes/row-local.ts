import { type Graph, type Node, type NodeOf, typeOf, type ValueId } from '../ir/graph.js';
import { isStatic } from '../ir/scalar.js';
import { elementCount } from '../ir/types.js';

/**
 * How a node that works on each of `rows` rows alone reads an operand: the same rows of it, as they lie one after the other;
 * rows that are columns, `stride` elements apart; or all of it for every row.
 */
export type RowOperand = 'rows' | 'whole' | { readonly stride: number };

const shapeOf = (graph: Graph, value: ValueId): readonly number[] | undefined => {
  const { shape } = typeOf(graph, value);
  return isStatic(shape) && !shape.includes(0) ? shape : undefined;
};

/** Axes of `shape` that make up `rows` rows; undefined where none do. */
export function leadingAxes(shape: readonly number[], rows: number): number | undefined {
  for (let axes = 0, count = 1; axes <= shape.length; count *= shape[axes++] ?? 1) if (count === rows) return axes;
  return undefined;
}

/** The most rows that a node may be cut into: all but the last axis of what it gives, or takes where that has fewer. */
export function naturalRows(graph: Graph, node: Node): number | undefined {
  if (node.op === 'reshape') return undefined;
  const shape = shapeOf(graph, node.results[0]!);
  return shape && elementCount(shape.slice(0, -1));
}

type Rule = (
  graph: Graph,
  node: Node,
  rows: number,
  wide: (value: ValueId) => number,
) => readonly RowOperand[] | undefined;

const ofElements: Rule = () => ['rows'];

/** x [..., k] by what has its columns; `others` are read as a whole. */
const ofColumns =
  (columns: (graph: Graph, node: Node) => number, others: number): Rule =>
  (graph, node, _, wide) =>
    wide(node.operands[0]!) % columns(graph, node) === 0
      ? ['rows', ...new Array<RowOperand>(others).fill('whole')]
      : undefined;

const last = (graph: Graph, value: ValueId): number => (typeOf(graph, value).shape.at(-1) as number | undefined) ?? 1;

/** b lies like a, or is shorter than a row and repeated within each. */
const ofSum: Rule = (graph, { operands: [a, b] }, rows, wide) => {
  const count = elementCount(shapeOf(graph, b!)!);
  if (count === rows * wide(a!)) return ['rows', 'rows'];
  return wide(a!) % count === 0 ? ['rows', 'whole'] : undefined;
};

const ofBinary: Rule = (graph, node, rows) => {
  const shape = shapeOf(graph, node.results[0]!)!;
  const axes = leadingAxes(shape, rows);
  if (axes === undefined) return undefined;
  const kinds = (node.operands as readonly ValueId[]).map((operand): RowOperand | undefined => {
    const own = shapeOf(graph, operand)!;
    const aligned = [...new Array<number>(shape.length - own.length).fill(1), ...own];
    if (aligned.every((dim, axis) => dim === shape[axis])) return 'rows';
    return aligned.slice(0, axes).every((dim) => dim === 1) ? 'whole' : undefined;
  });
  return kinds.every((kind) => kind !== undefined) && kinds.includes('rows') ? kinds : undefined;
};

/** Rows of the result that are one run of axes of the operand, as channels first become channels last. */
const ofTranspose: Rule = (graph, node, rows) => {
  const { perm } = (node as NodeOf<'transpose'>).attrs;
  const [from, to] = [shapeOf(graph, node.operands[0]!)!, shapeOf(graph, node.results[0]!)!];
  const axes = leadingAxes(to, rows);
  if (axes === undefined) return undefined;
  const run = perm.slice(0, axes).filter((axis) => from[axis] !== 1);
  if (run.length === 0 || run.some((axis, i) => i > 0 && axis !== run[i - 1]! + 1)) return undefined;
  return [{ stride: elementCount(from.slice(run.at(-1)! + 1)) }];
};

const ofMatmul: Rule = (graph, { operands: [a, b] }, _, wide) => {
  if (typeOf(graph, a!).shape.length !== 2 || typeOf(graph, b!).shape.length !== 2) return undefined;
  return wide(a!) % last(graph, a!) === 0 ? ['rows', 'whole'] : undefined;
};

const RULES: { readonly [K in Node['op']]?: Rule } = {
  reshape: ofElements,
  quantize: ofElements,
  gelu: ofElements,
  gate: () => ['rows', 'whole'],
  add_quantize: ofSum,
  layer_norm_quantize: ofColumns((graph, { operands: [, gamma] }) => last(graph, gamma!), 2),
  integer_linear: (graph, node, rows, wide) => {
    const kinds = ofColumns((_, { operands: [, weight] }) => last(graph, weight!), 3)(graph, node, rows, wide);
    return kinds && [...kinds, 'rows'];
  },
  binary: ofBinary,
  transpose: ofTranspose,
  matmul: ofMatmul,
};

/**
 * How a node reads its operands where it may be run on any of `rows` rows of its results alone; undefined where it may not.
 * Its results are cut like what is read by `rows`.
 */
export function rowOperands(graph: Graph, node: Node, rows: number): readonly RowOperand[] | undefined {
  const values = [...node.operands, ...node.results].filter((value) => value !== null);
  const shapes = values.map((value) => shapeOf(graph, value));
  if (shapes.includes(undefined)) return undefined;
  if (!node.results.every((value) => elementCount(shapeOf(graph, value)!) % rows === 0)) return undefined;
  const { dtype } = typeOf(graph, node.results[0]!);
  if (dtype !== 'f32' && dtype !== 'u8') return undefined;
  const wide = (value: ValueId): number => elementCount(shapeOf(graph, value)!) / rows;
  const kinds = RULES[node.op]?.(graph, node, rows, wide);
  const cut = kinds?.every(
    (kind, i) => kind !== 'rows' || node.operands[i] == null || Number.isInteger(wide(node.operands[i]!)),
  );
  return cut ? kinds : undefined;
}
