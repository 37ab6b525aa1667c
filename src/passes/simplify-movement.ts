import type { Editor } from '../ir/edit.js';
import type { Node, NodeOf, ValueId } from '../ir/graph.js';
import { broadcastShapes } from '../ir/ops/broadcast.js';
import { add, multiply, scalarsEqual } from '../ir/scalar.js';
import { elementCount } from '../ir/types.js';
import { numberOf } from './match.js';
import type { Pass } from './pass.js';
import { hasOneUser, type Rule, rewrite } from './rewrite.js';
import { emitView, planView, traceView } from './view.js';

/**
 * Data movement in its shortest form. Chains of reshapes and transposes become the fewest that give the same view; a
 * transpose that only moves axes of size 1 becomes a reshape; slices of slices merge, and a resize makes no more than what is
 * cut out of it; what moves nothing goes. Exact.
 */
export const simplifyMovement: Pass = {
  name: 'simplify-movement',
  run: (graph) =>
    rewrite(graph, {
      reshape: [shortenView],
      transpose: [shortenView],
      slice: [dropWhole, mergeSlices, cropResize],
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

/** Where a result of these lies in x depends on the scale, not on how many results there are. */
const CROPPED = new Set<NodeOf<'resize'>['attrs']['coordinates']>(['half_pixel', 'asymmetric']);

/** resize(x)[0 .. size] → resize to size, at the same scale */
const cropResize: Rule = (editor, node) => {
  const { starts, sizes, steps } = (node as NodeOf<'slice'>).attrs;
  const resize = editor.definition(operandOf(node));
  if (resize?.op !== 'resize' || !hasOneUser(editor, resize.results[0]!)) return undefined;
  if (!starts.every((start) => start === 0) || !steps.every((step) => step === 1)) return undefined;
  const { attrs } = resize;
  if (!CROPPED.has(attrs.coordinates) || attrs.antialias) return undefined;
  const scales = editor.type(operandOf(resize)).shape.map((from, axis) => {
    const to = attrs.sizes[axis];
    if (attrs.scales) return attrs.scales[axis];
    if (typeof from !== 'number' || typeof to !== 'number' || from === 0) return undefined;
    // The float32 that coordinates are scaled by must stay what it is.
    return Math.fround(1 / (to / from)) === Math.fround(from / to) ? to / from : undefined;
  });
  if (!scales.every((scale) => scale !== undefined)) return undefined;
  return editor.emitOne('resize', resize.operands, { ...attrs, scales, sizes }, { source: resize.source });
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
