import type { Editor } from '../ir/edit.js';
import type { NodeOf, ValueId } from '../ir/graph.js';
import { boundsOf, type Dim, product } from '../ir/scalar.js';
import { hasOneUser, type Rule } from './rewrite.js';
import { type Axis, emitView, quotient, type TracedView, traceView, type View } from './view.js';

/**
 * Rules that sink whole views (reshape–transpose–reshape chains, as depth-to-space is) through ops that treat every
 * token, a row of the last axis, alike. Part of sink-transposes.
 */

interface Rows {
  /** The base with its last axis cut so that the rows of the view are rows of it. */
  readonly base: ValueId;
  /** The view over that base without its last axis. */
  readonly outer: View;
}

/** A view that permutes whole rows of its base, if it is one and transposes at all. */
function rowsOf(editor: Editor, { base, view, transposes }: TracedView): Rows | undefined {
  if (transposes === 0) return undefined;
  const { shape } = editor.type(base);
  const axis = shape.length - 1;
  const last = view.at(-1);
  const digit = last?.[0];
  if (digit === undefined || last?.length !== 1 || digit.axis !== axis || digit.stride !== 1) return undefined;
  const outer = view.slice(0, -1);
  const blocks = quotient(shape[axis]!, digit.size);
  if (blocks === undefined) return undefined;
  if (blocks === 1) return { base, outer };
  const cut = outer.map((digits) =>
    digits.map((other) => {
      const stride = other.axis === axis ? quotient(other.stride, digit.size) : other.stride;
      return stride === undefined ? undefined : { ...other, stride };
    }),
  );
  if (cut.some((digits) => digits.includes(undefined))) return undefined;
  const rows = editor.emitOne('reshape', [base], { shape: [...shape.slice(0, -1), blocks, digit.size] });
  return { base: rows, outer: cut as View };
}

/** The view of a value's last axis alone. */
function lastAxis(editor: Editor, value: ValueId): Axis {
  const { shape } = editor.type(value);
  const size = shape.at(-1)!;
  return size === 1 ? [] : [{ axis: shape.length - 1, stride: 1, size }];
}

const mostElements = (editor: Editor, value: ValueId): number =>
  boundsOf(product(editor.type(value).shape), editor.bounds).max;

/** f(V x) → V f(x) for f on rows: layer_norm, and linear where it does not widen what V has to move by far. */
export const sinkPerToken: Rule = (editor, node) => {
  const [x] = node.operands as [ValueId];
  const [result] = node.results as [ValueId];
  if (node.op === 'linear' && (node.operands[3] != null || mostElements(editor, result) > 2 * mostElements(editor, x)))
    return undefined;
  if (!hasOneUser(editor, x)) return undefined;
  const rows = rowsOf(editor, traceView(editor, x));
  if (rows === undefined) return undefined;
  const y = editor.emitOne(
    node.op as 'linear',
    [rows.base, ...node.operands.slice(1)],
    node.attrs as NodeOf<'linear'>['attrs'],
    { names: [editor.name(result)] },
  );
  return emitView(editor, y, [...rows.outer, lastAxis(editor, y)], editor.type(result).shape);
};

/** f(V x) → V f(x) for f on elements, whatever the view */
export const sinkUnary: Rule = (editor, node) => {
  const [x] = node.operands as [ValueId];
  const [result] = node.results as [ValueId];
  const { base, view, transposes } = traceView(editor, x);
  if (transposes === 0 || !hasOneUser(editor, x)) return undefined;
  const y = editor.emitOne(node.op as 'unary', [base], node.attrs as NodeOf<'unary'>['attrs'], {
    names: [editor.name(result)],
  });
  return emitView(editor, y, view, editor.type(result).shape);
};

const isOneBatch = (shape: readonly Dim[]): boolean => shape.slice(0, -2).every((dim) => dim === 1);

/** Each row of the base times one matrix, [.., k, n]. */
function multiplyRows(editor: Editor, rows: Rows, matrix: ValueId): ValueId {
  const { shape } = editor.type(rows.base);
  const [k, n] = editor.type(matrix).shape.slice(-2) as [Dim, Dim];
  const left = editor.emitOne('reshape', [rows.base], { shape: [product(shape.slice(0, -1)), k] });
  const right = editor.emitOne('reshape', [matrix], { shape: [k, n] });
  const y = editor.emitOne('matmul', [left, right], {});
  return editor.emitOne('reshape', [y], { shape: [...shape.slice(0, -1), n] });
}

/** matmul(V x, B) → V matmul(x, B), B the same for all rows */
export const sinkRows: Rule = (editor, node) => {
  const [a, b] = node.operands as [ValueId, ValueId];
  const [result] = node.results as [ValueId];
  if (!isOneBatch(editor.type(b).shape) || !hasOneUser(editor, a)) return undefined;
  if (mostElements(editor, result) > mostElements(editor, a)) return undefined;
  const rows = rowsOf(editor, traceView(editor, a));
  if (rows === undefined) return undefined;
  const y = multiplyRows(editor, rows, b);
  return emitView(editor, y, [...rows.outer, lastAxis(editor, y)], editor.type(result).shape);
};

/** matmul(A, (V x)ᵀ) → (V matmul(x, Aᵀ))ᵀ where x is by far the largest: its rows are read as they lie */
export const transposeProduct: Rule = (editor, node) => {
  const [a, b] = node.operands as [ValueId, ValueId];
  const [result] = node.results as [ValueId];
  const types = [editor.type(a).shape, editor.type(b).shape, editor.type(result).shape];
  if (!types.every(isOneBatch) || !hasOneUser(editor, b)) return undefined;
  if (mostElements(editor, b) < 2 * (mostElements(editor, a) + mostElements(editor, result))) return undefined;
  const traced = traceView(editor, b);
  const swapped = [...traced.view.slice(0, -2), traced.view.at(-1)!, traced.view.at(-2)!];
  const rows = rowsOf(editor, { ...traced, view: swapped });
  if (rows === undefined) return undefined;
  const rank = types[0]!.length;
  const perm = Array.from({ length: rank }, (_, i) => (i === rank - 1 ? rank - 2 : i === rank - 2 ? rank - 1 : i));
  const y = multiplyRows(editor, rows, editor.emitOne('transpose', [a], { perm }));
  const columns = rows.outer.at(-1)!;
  const batch: Axis[] = new Array<Axis>(types[2]!.length - 2).fill([]);
  return emitView(editor, y, [...batch, lastAxis(editor, y), columns], types[2]!);
};
