import type { Editor } from '../ir/edit.js';
import type { ValueId } from '../ir/graph.js';
import { type Dim, multiply, product, scalarsEqual } from '../ir/scalar.js';
import { type Scaled, type Term, traceScaled } from './attention-parts.js';
import { type Axis, composeViews, type Digit, digitsEqual, quotient, regroup, type View } from './view.js';

/** The queries as a view [batch and heads, m, c] of their base. */
export interface Queries {
  readonly base: ValueId;
  readonly lead: Axis;
  readonly tokens: Axis;
  readonly channels: Axis;
}

/** A term q · R of SAM's decomposed relative positions: R has a matrix [c, keys] for each row (or column) of queries. */
export interface RelativeTerm {
  readonly side: 'height' | 'width';
  /** R, [.., rows, .., c, keys] with other axes of size 1. */
  readonly table: ValueId;
  readonly rows: Dim;
  readonly keys: Dim;
  /** What the table is to be multiplied by, where the term is made from scaled queries or scaled later. */
  readonly factor: number;
}

/** Stands for the axis of the keys among the axes of the queries' base. */
const KEY = -1;

/**
 * Recognises logits[.., qh, qw, kh, kw] += (q · R)[.., qh, qw, kh, 1] (height: one matrix for each qh) or
 * [.., qh, qw, 1, kw] (width: one for each qw), whatever reshapes, transposes and batched products it is written with:
 * every digit of the term's axes is followed through the product to a digit of the queries.
 */
export function matchRelativeTerm(editor: Editor, term: Term, queries: Queries, keys: Dim): RelativeTerm | undefined {
  const rank = term.shape.length;
  if (rank < 4 || !scalarsEqual(multiply(term.shape[rank - 2]!, term.shape[rank - 1]!), keys)) return undefined;
  const { base: y, view, scale } = traceScaled(editor, term.value);
  const products = editor.definition(y);
  if (products?.op !== 'matmul') return undefined;
  const [x, table] = products.operands as [ValueId, ValueId];
  const traced = traceScaled(editor, x);
  const tableShape = editor.type(table).shape;
  const outRank = editor.type(y).shape.length;
  const rowAxes = tableShape
    .slice(0, -2)
    .flatMap((dim, axis) => (dim === 1 ? [] : [axis + outRank - tableShape.length]));
  const [rowAxis] = rowAxes;
  if (rowAxis === undefined || rowAxes.length !== 1 || !isFromQueries(editor, traced, x, outRank, queries))
    return undefined;

  const keyDigit: Digit = { axis: KEY, stride: 1, size: tableShape.at(-1)! };
  const axes = composeViews(view, [...traced.view.slice(0, -1), [keyDigit]]);
  if (axes === undefined) return undefined;
  const keyAxis = axes.findIndex((digits) => digitsEqual(digits, [keyDigit]));
  const position = keyAxis + rank - axes.length;
  const side = position === rank - 2 ? 'height' : position === rank - 1 ? 'width' : undefined;
  const others = axes.filter((_, axis) => axis !== keyAxis).flat();
  if (keyAxis < 0 || side === undefined) return undefined;
  if (!digitsEqual(others, [...queries.lead, ...queries.tokens])) return undefined;

  const rows = tableShape[rowAxis - outRank + tableShape.length]!;
  const grid = gridOf(queries.tokens, side, rows);
  if (grid === undefined || !digitsEqual(grid[side === 'height' ? 0 : 1]!, traced.view[rowAxis]!)) return undefined;
  return { side, table, rows, keys: tableShape.at(-1)!, factor: term.factor * scale * traced.scale };
}

/** Whether x is a view of the same base as the queries, with their channels last, and of full rank. */
const isFromQueries = (editor: Editor, x: Scaled, value: ValueId, rank: number, queries: Queries): boolean =>
  x.base === queries.base &&
  editor.type(value).shape.length === rank &&
  digitsEqual(x.view.at(-1) ?? [], queries.channels);

/** The queries' tokens as [rows, columns] of their grid, of which one count is known. */
function gridOf(tokens: Axis, side: RelativeTerm['side'], count: Dim): View | undefined {
  const other = quotient(product(tokens.map((digit) => digit.size)), count);
  if (other === undefined) return undefined;
  return regroup(tokens, side === 'height' ? [count, other] : [other, count]);
}

/** The table as [rows, keys, c]. */
export function emitTable(editor: Editor, { table, rows, keys, factor }: RelativeTerm): ValueId {
  const names = [editor.name(table)];
  const channels = editor.type(table).shape.at(-2)!;
  const flat = editor.emitOne('reshape', [table], { shape: [rows, channels, keys] }, { names });
  const turned = editor.emitOne('transpose', [flat], { perm: [0, 2, 1] }, { names });
  if (factor === 1) return turned;
  const scale = editor.addTensor({ dtype: 'f32', shape: [], data: Float32Array.of(factor) }, '');
  return editor.emitOne('binary', [turned, scale], { fn: 'mul' }, { names });
}
