import type { Editor } from '../ir/edit.js';
import type { NodeOf, ValueId } from '../ir/graph.js';
import { type Scalar, scalarsEqual } from '../ir/scalar.js';
import { linearsReading } from './center-input.js';

/** A sum y + c that linear layers read, c a constant that differs from row to row: a position embedding. */
export interface ConstantAddend {
  readonly y: ValueId;
  readonly constant: ValueId;
  /** Layers with room for the constant behind them. */
  readonly linears: readonly NodeOf<'linear'>[];
}

export function constantAddendOf(editor: Editor, x: ValueId): ConstantAddend | undefined {
  const node = editor.definition(x);
  if (node?.op !== 'binary' || node.attrs.fn !== 'add') return undefined;
  const [a, b] = node.operands as [ValueId, ValueId];
  /** x's shape, maybe without leading ones. */
  const isAddend = (value: ValueId): boolean => {
    const { shape } = editor.type(value);
    const leading = editor.type(x).shape.length - shape.length;
    return (
      editor.constant(value) !== undefined &&
      shape.length > 1 &&
      sameShape([...Array(leading).fill(1), ...shape], editor.type(x).shape)
    );
  };
  const [y, constant] = isAddend(b) ? [a, b] : [b, a];
  if (!isAddend(constant) || !sameShape(editor.type(y).shape, editor.type(x).shape)) return undefined;
  const linears = linearsReading(editor, x).linears.filter(
    ({ operands, attrs }) => operands[3] == null && attrs.activation === 'none',
  );
  return linears.length > 0 ? { y, constant, linears } : undefined;
}

const sameShape = (a: readonly Scalar[], b: readonly Scalar[]): boolean =>
  a.length === b.length && a.every((dim, axis) => scalarsEqual(dim, b[axis]!));

/** c·Wᵀ in the shape of a layer's result, folded. */
export function liftedTerm(editor: Editor, { constant }: ConstantAddend, linear: NodeOf<'linear'>): ValueId {
  const [, weight] = linear.operands as [ValueId, ValueId];
  const term = editor.emitOne('linear', [constant, weight, null], { activation: 'none' });
  return editor.emitOne('reshape', [term], { shape: editor.type(linear.results[0]!).shape });
}

/**
 * (y + c)·Wᵀ + b = y·Wᵀ + b + c·Wᵀ: the last term is a constant, added behind the layers that read x = y + c. Their codes then span y alone,
 * and whatever else reads y reads the same codes. It costs a constant of the size of each layer's result.
 */
export function liftAddend(editor: Editor, x: ValueId): void {
  const found = constantAddendOf(editor, x);
  for (const linear of found?.linears ?? []) {
    editor.at(linear);
    const [, weight, bias] = linear.operands as [ValueId, ValueId, ValueId | null | undefined];
    const operands = [found!.y, weight, bias ?? null, liftedTerm(editor, found!, linear)];
    editor.replace(linear.results[0]!, editor.emitOne('linear', operands, linear.attrs));
  }
}
