import type { Editor } from '../ir/edit.js';
import type { Node, NodeOf, ValueId } from '../ir/graph.js';
import { broadcastShapes } from '../ir/ops/broadcast.js';
import { add, multiply, scalarsEqual } from '../ir/scalar.js';
import { elementCount } from '../ir/types.js';
import { numberOf } from './match.js';
import type { Pass } from './pass.js';
import { type Rule, rewrite } from './rewrite.js';
import { emitView, planView, traceView } from './view.js';

/**
 * Data movement in its shortest form. Chains of reshapes and transposes become the fewest that give the same view; a
 * transpose that only moves axes of size 1 becomes a reshape; slices of slices merge; what moves nothing goes. Exact.
 */
export const simplifyMovement: Pass = {
  name: 'simplify-movement',
  run: (graph) =>
    rewrite(graph, {
      reshape: [shortenView],
      transpose: [shortenView],
      slice: [dropWhole, mergeSlices],
      expand: [dropWhole],
      pad: [dropWhole],
      cast: [dropCast, raiseExpand],
      concat: [dropSingle],
      gather: [gatherOne],
      unary: [raiseExpand],
      binary: [raiseExpand],
    }),
};

/** reshape/transpose chain → its fewest steps. */
export const shortenView: Rule = (editor, node) => {
  const [result] = node.results as [ValueId];
  const { base, view, operations, transposes } = traceView(editor, result);
  const { shape } = editor.type(result);
  const plan = planView(editor.type(base).shape, view, shape);
  const moved = plan.filter((step) => step.op === 'transpose').length;
  if (moved > transposes || plan.length > operations) return undefined;
  if (moved === transposes && plan.length === operations) return undefined;
  return emitView(editor, base, view, shape);
};

const operandOf = (node: Node): ValueId => node.operands[0] as ValueId;
const sameShape = (editor: Editor, a: ValueId, b: ValueId): boolean => {
  const [x, y] = [editor.type(a).shape, editor.type(b).shape];
  return x.length === y.length && x.every((dim, i) => scalarsEqual(dim, y[i]!));
};

/** slice, expand or constant pad of nothing → x. A slice with a negative step turns x round, so it stays. */
const dropWhole: Rule = (editor, node) => {
  const x = operandOf(node);
  if (!sameShape(editor, x, node.results[0]!)) return undefined;
  if (node.op === 'slice' && !node.attrs.starts.every((start, i) => start === 0 && node.attrs.steps[i] === 1))
    return undefined;
  if (node.op === 'pad' && !node.attrs.before.every((count) => count === 0)) return undefined;
  return x;
};

/** x[s][t] → x[s + t·step s] */
const mergeSlices: Rule = (editor, node) => {
  const outer = (node as NodeOf<'slice'>).attrs;
  const inner = editor.definition(operandOf(node));
  if (inner?.op !== 'slice') return undefined;
  return editor.emitOne('slice', [operandOf(inner)], {
    starts: outer.starts.map((start, i) => add(inner.attrs.starts[i]!, multiply(start, inner.attrs.steps[i]!))),
    sizes: outer.sizes,
    steps: outer.steps.map((step, i) => step * inner.attrs.steps[i]!),
  });
};

const dropCast: Rule = (editor, node) => {
  const x = operandOf(node);
  return editor.type(x).dtype === (node as NodeOf<'cast'>).attrs.to ? x : undefined;
};

const dropSingle: Rule = (_, node) => (node.operands.length === 1 ? operandOf(node) : undefined);

/** gather of one known index → slice, reshape: a view where the axes before it have size 1. */
const gatherOne: Rule = (editor, node) => {
  const { axis } = (node as NodeOf<'gather'>).attrs;
  const [x, indices] = node.operands as [ValueId, ValueId];
  const index = numberOf(editor, indices);
  const { shape } = editor.type(x);
  const length = shape[axis];
  if (index === undefined || length === undefined) return undefined;
  if (index < 0 && typeof length !== 'number') return undefined;
  const start = index < 0 ? index + Number(length) : index;
  const slice = editor.emitOne('slice', [x], {
    starts: shape.map((_, i) => (i === axis ? start : 0)),
    sizes: shape.map((dim, i) => (i === axis ? 1 : dim)),
    steps: shape.map(() => 1),
  });
  return editor.emitOne('reshape', [slice], { shape: editor.type(node.results[0]!).shape });
};

/** f(expand(x), c) → expand(f(x, c)) for constants c of one element; f(expand(x), y) → f(x, y) where y has the shape. */
const raiseExpand: Rule = (editor, node) => {
  const operands = node.operands as readonly ValueId[];
  const at = operands.findIndex((operand) => editor.definition(operand)?.op === 'expand');
  const expand = editor.definition(operands[at] ?? operandOf(node));
  if (at < 0 || expand?.op !== 'expand') return undefined;
  const { shape } = editor.type(node.results[0]!);
  const narrow = operands.map((operand, i) => (i === at ? operandOf(expand) : operand));
  const broadcast = broadcastShapes(
    narrow.map((operand) => editor.type(operand).shape),
    { bounds: editor.bounds },
  );
  const emit = (): ValueId => editor.emitOne(node.op as 'binary', narrow, node.attrs as NodeOf<'binary'>['attrs']);
  if (broadcast.length === shape.length && broadcast.every((dim, i) => scalarsEqual(dim, shape[i]!))) return emit();
  const scalars = operands.every((operand, i) => {
    const type = editor.type(operand).shape;
    return i === at || (editor.constant(operand) !== undefined && elementCount(type as readonly number[]) === 1);
  });
  return scalars ? editor.emitOne('expand', [emit()], { shape }) : undefined;
};
