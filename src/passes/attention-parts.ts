import type { Editor } from '../ir/edit.js';
import type { NodeOf, ValueId } from '../ir/graph.js';
import { type Dim, product, scalarsEqual } from '../ir/scalar.js';
import { numberOf } from './match.js';
import { applyMovement, identityView, type View } from './view.js';

/** What attention is made of, found behind the reshapes, transposes and scales that exporters put between. */

export interface Scaled {
  /** value = scale · view(base) */
  readonly base: ValueId;
  readonly view: View;
  readonly scale: number;
}

/** x · s, s · x or x / s with a constant s of one element. */
export function scaledBy(editor: Editor, value: ValueId): { readonly x: ValueId; readonly scale: number } | undefined {
  const node = editor.definition(value);
  if (node?.op !== 'binary') return undefined;
  const [a, b] = node.operands as [ValueId, ValueId];
  const [left, right] = [numberOf(editor, a), numberOf(editor, b)];
  // A constant of higher rank than the value would add axes.
  const keeps = (x: ValueId): boolean => editor.type(x).shape.length === editor.type(value).shape.length;
  if (node.attrs.fn === 'mul' && right !== undefined && keeps(a)) return { x: a, scale: right };
  if (node.attrs.fn === 'mul' && left !== undefined && keeps(b)) return { x: b, scale: left };
  if (node.attrs.fn === 'div' && right !== undefined && right !== 0 && keeps(a)) return { x: a, scale: 1 / right };
  return undefined;
}

/** A value as a scaled view of what lies behind its reshapes, transposes and constant factors. */
export function traceScaled(editor: Editor, value: ValueId): Scaled {
  const factor = scaledBy(editor, value);
  if (factor !== undefined) {
    const inner = traceScaled(editor, factor.x);
    return { ...inner, scale: inner.scale * factor.scale };
  }
  const operand = editor.definition(value)?.operands[0];
  const inner = operand == null ? undefined : traceMoved(editor, operand, value);
  return inner ?? { base: value, view: identityView(editor.type(value).shape), scale: 1 };
}

function traceMoved(editor: Editor, operand: ValueId, value: ValueId): Scaled | undefined {
  const op = editor.definition(value)?.op;
  if (op !== 'reshape' && op !== 'transpose') return undefined;
  const inner = traceScaled(editor, operand);
  const view = applyMovement(editor, inner.view, value);
  return view && { ...inner, view };
}

/** Something added to the logits: `factor` · value, where the logits have the shape `shape`. */
export interface Term {
  readonly value: ValueId;
  readonly shape: readonly Dim[];
  readonly factor: number;
}

export interface Logits {
  /** q · kᵀ */
  readonly product: NodeOf<'matmul'>;
  readonly scale: number;
  readonly terms: readonly Term[];
}

/** Logits as scale · (q · kᵀ) + terms: sums, constant factors and reshapes are taken apart down to the product. */
export function peelLogits(editor: Editor, value: ValueId, count: Dim, factor = 1): Logits | undefined {
  const node = editor.definition(value);
  if (node?.op === 'matmul')
    return scalarsEqual(product(editor.type(value).shape), count)
      ? { product: node, scale: factor, terms: [] }
      : undefined;
  if (node?.op === 'reshape') return peelLogits(editor, node.operands[0]!, count, factor);
  const scaled = scaledBy(editor, value);
  if (scaled !== undefined) return peelLogits(editor, scaled.x, count, factor * scaled.scale);
  if (node?.op !== 'binary' || node.attrs.fn !== 'add') return undefined;
  const { shape } = editor.type(value);
  const [a, b] = node.operands as [ValueId, ValueId];
  for (const [main, other] of [
    [a, b],
    [b, a],
  ] as const) {
    if (!scalarsEqual(product(editor.type(main).shape), count)) continue;
    const inner = peelLogits(editor, main, count, factor);
    if (inner !== undefined) return { ...inner, terms: [...inner.terms, { value: other, shape, factor }] };
  }
  return undefined;
}
