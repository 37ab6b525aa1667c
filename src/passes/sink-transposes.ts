import type { Editor } from '../ir/edit.js';
import type { Node, NodeOf, ValueId } from '../ir/graph.js';
import type { Dim } from '../ir/scalar.js';
import type { Pass } from './pass.js';
import { type Rule, rewrite } from './rewrite.js';
import { shortenView } from './simplify-movement.js';
import { sinkPerToken, sinkRows, sinkUnary, transposeProduct } from './sink-views.js';
import { applyMovement, identityView, planView, type View } from './view.js';

/**
 * Transposes move towards the outputs, through everything that does not care about the order of axes, until they meet
 * their inverse or stand where one is needed. So the islands between NCHW↔NHWC pairs run channels last, and reductions
 * over channels run over the last axis. Exact, but for the order of sums in a reduction.
 */
export const sinkTransposes: Pass = {
  name: 'sink-transposes',
  run: (graph) =>
    rewrite(graph, {
      unary: [sinkElementwise, sinkUnary],
      cast: [sinkElementwise, sinkUnary],
      gelu: [sinkElementwise, sinkUnary],
      binary: [sinkElementwise],
      select: [sinkElementwise],
      concat: [sinkConcat],
      slice: [sinkSlice],
      reduce: [sinkReduce],
      layer_norm: [sinkPerToken],
      linear: [sinkPerToken],
      matmul: [sinkRows, transposeProduct],
      // What a transpose meets is undone at once, or it would be sunk again.
      reshape: [shortenView],
      transpose: [shortenView],
    }),
};

type Transpose = NodeOf<'transpose'>;
const transposeOf = (editor: Editor, value: ValueId): Transpose | undefined => {
  const node = editor.definition(value);
  return node?.op === 'transpose' ? node : undefined;
};
const invert = (perm: readonly number[]): readonly number[] => perm.map((_, axis) => perm.indexOf(axis));
const samePerm = (a: readonly number[], b: readonly number[]): boolean => a.every((axis, i) => axis === b[i]);

/** f(Pa, Pb, c) → P f(a, b, P⁻¹c) for one permutation P */
const sinkElementwise: Rule = (editor, node) => {
  const operands = node.operands as readonly ValueId[];
  const shape = editor.type(node.results[0]!).shape;
  const transpose = operands
    .map((operand) => transposeOf(editor, operand))
    .find((candidate) => candidate?.attrs.perm.length === shape.length);
  if (transpose === undefined) return undefined;
  const { perm } = transpose.attrs;
  const others = operands.filter((operand) => !isTransposed(editor, operand, perm));
  const free = others.every((operand) => isFree(editor, operand));
  if (!free && !meetsInverse(editor, node.results[0]!, perm)) return undefined;
  const moved = operands.map((operand) =>
    isTransposed(editor, operand, perm)
      ? (transposeOf(editor, operand)!.operands[0] as ValueId)
      : transposeBroadcast(editor, operand, invert(perm)),
  );
  const result = editor.emitOne(node.op as 'unary', moved, node.attrs as NodeOf<'unary'>['attrs']);
  return editor.emitOne('transpose', [result], { perm });
};

const isTransposed = (editor: Editor, value: ValueId, perm: readonly number[]): boolean => {
  const transpose = transposeOf(editor, value);
  return transpose?.attrs.perm.length === perm.length && samePerm(transpose.attrs.perm, perm);
};

/** Whether transposing a value moves no memory at run time: constants, and values of at most one axis. */
const isFree = (editor: Editor, value: ValueId): boolean =>
  editor.constant(value) !== undefined || editor.type(value).shape.filter((dim) => dim !== 1).length <= 1;

/** A value that broadcasts to rank `perm.length`, with its axes permuted. */
function transposeBroadcast(editor: Editor, value: ValueId, perm: readonly number[]): ValueId {
  const { shape } = editor.type(value);
  if (shape.every((dim) => dim === 1) && shape.length <= 1) return value;
  const names = [editor.name(value)];
  const wide = [...new Array<Dim>(perm.length - shape.length).fill(1), ...shape];
  const target = perm.map((axis) => wide[axis]!);
  const aligned = shape.length === perm.length ? value : editor.emitOne('reshape', [value], { shape: wide }, { names });
  const order = perm.filter((axis) => wide[axis] !== 1);
  if (order.every((axis, i) => i === 0 || axis > order[i - 1]!))
    return editor.emitOne('reshape', [aligned], { shape: target }, { names });
  return editor.emitOne('transpose', [aligned], { perm }, { names });
}

/** How far ahead to look for the inverse of a transpose that costs another one to sink. */
const LOOK_AHEAD = 12;

/**
 * Whether a transpose of `value` by `perm`, pulled after it, is undone on every way from there: then one more on the way
 * in pays. `view` is what the way so far makes of the value before the transpose.
 */
function meetsInverse(editor: Editor, value: ValueId, perm: readonly number[]): boolean {
  const shape = unpermute(editor.type(value).shape, perm);
  const own = identityView(shape);
  // `apart`: a reshape stands between the transpose and what comes, and only ops on single elements are sunk through both.
  const cancels = (at: ValueId, view: View, depth: number, apart: boolean): boolean => {
    const users = editor.users(at);
    if (depth === 0 || users.length === 0 || editor.isOutput(at)) return false;
    return users.every((user) => {
      const result = user.results[0]!;
      if (user.op === 'transpose' || user.op === 'reshape') {
        const moved = applyMovement(editor, view, result);
        if (moved === undefined) return false;
        const steps = planView(shape, moved, editor.type(result).shape);
        if (!steps.some(({ op }) => op === 'transpose')) return true;
        return cancels(result, moved, depth - 1, apart || user.op === 'reshape');
      }
      const passes = user.op === 'unary' || user.op === 'cast' || user.op === 'gelu';
      const binds =
        user.op === 'binary' && !apart && user.operands.every((operand) => operand === at || isFree(editor, operand!));
      return (passes || binds) && cancels(result, view, depth - 1, apart);
    });
  };
  return cancels(
    value,
    perm.map((axis) => own[axis]!),
    LOOK_AHEAD,
    false,
  );
}

/** concat(Pa, Pb) → P concat(a, b) along the axis where P has it */
const sinkConcat: Rule = (editor, node) => {
  const { axis } = (node as NodeOf<'concat'>).attrs;
  const perm = transposeOf(editor, node.operands[0]!)?.attrs.perm;
  if (perm === undefined || !node.operands.every((operand) => isTransposed(editor, operand!, perm))) return undefined;
  const inner = node.operands.map((operand) => transposeOf(editor, operand!)!.operands[0] as ValueId);
  const joined = editor.emitOne('concat', inner, { axis: perm[axis]! });
  return editor.emitOne('transpose', [joined], { perm });
};

const unpermute = <T>(values: readonly T[], perm: readonly number[]): readonly T[] =>
  invert(perm).map((axis) => values[axis]!);

/** slice(Px) → P slice(x) */
const sinkSlice: Rule = (editor, node) => {
  const { starts, sizes, steps } = (node as NodeOf<'slice'>).attrs;
  const transpose = transposeOf(editor, node.operands[0]!);
  if (transpose === undefined) return undefined;
  const { perm } = transpose.attrs;
  const sliced = editor.emitOne('slice', [transpose.operands[0]!], {
    starts: unpermute(starts, perm),
    sizes: unpermute(sizes, perm),
    steps: unpermute(steps, perm),
  });
  return editor.emitOne('transpose', [sliced], { perm });
};

/** reduce(Px, axes) → P′ reduce(x, P axes), P′ what P is on the axes that are left */
const sinkReduce: Rule = (editor, node: Node) => {
  const { attrs } = node as NodeOf<'reduce'>;
  const transpose = transposeOf(editor, node.operands[0]!);
  if (transpose === undefined) return undefined;
  const { perm } = transpose.attrs;
  const axes = attrs.axes.map((axis) => perm[axis]!).sort((a, b) => a - b);
  const reduced = editor.emitOne('reduce', [transpose.operands[0]!], { ...attrs, axes });
  if (attrs.keepdims) return editor.emitOne('transpose', [reduced], { perm });
  const left = perm.filter((axis) => !axes.includes(axis));
  const sorted = [...left].sort((a, b) => a - b);
  return editor.emitOne('transpose', [reduced], { perm: left.map((axis) => sorted.indexOf(axis)) });
};
