import type { Editor } from '../ir/edit.js';
import type { Node, NodeOf, ValueId } from '../ir/graph.js';
import { scalarsEqual } from '../ir/scalar.js';
import { type HeadBases, mixColumns, mixProjection, times } from './mix-channels.js';
import { ATTENTION, isRefusal, projectionOf, type Refusal } from './scale-query-key.js';

/** The linear layer that reads an attention's result, through reshapes that keep the channel axis, where nothing else does. */
export function outputProjectionOf(editor: Editor, attention: Node): NodeOf<'linear'> | Refusal {
  let at = attention.results[0]!;
  for (;;) {
    const [user, ...others] = editor.users(at);
    if (user === undefined || others.length > 0 || editor.isOutput(at))
      return { reason: 'the result has other consumers than a linear layer' };
    if (user.op === 'reshape') {
      const [inner, outer] = [editor.type(at).shape.at(-1), editor.type(user.results[0]!).shape.at(-1)];
      if (inner === undefined || outer === undefined || !scalarsEqual(inner, outer))
        return { reason: 'the result is reshaped across its channel axis' };
      at = user.results[0]!;
      continue;
    }
    const [x, weight, bias, residual] = user.operands;
    if (user.op !== 'linear' || x !== at || residual === at)
      return { reason: `the result is read by ${user.op}, not by a linear layer` };
    const constant = [weight, bias].every((operand) => operand == null || editor.constant(operand) !== undefined);
    return constant ? user : { reason: 'the weights behind the result are not constant' };
  }
}

/** What V is changed by: V ← (V − 1cᵀ)·B. */
export interface ValueChange {
  /** c, heads·d values. */
  readonly center?: Float32Array;
  readonly bases?: HeadBases;
}

/**
 * V ← (V − 1cᵀ)·B for each head, folded into the value projection. The rows of A = softmax(…) sum to 1, so A·((V − 1cᵀ)B) = (A·V − 1cᵀ)·B,
 * and the output projection takes it back: Wo ← Wo·B⁻ᵀ, bo ← bo + Wo·c (METHOD 3). Exact in real arithmetic.
 */
export function mixValue(editor: Editor, attention: Node, { center, bases }: ValueChange): Refusal | undefined {
  if (attention.op !== 'attention') return { reason: 'not an attention' };
  const value = projectionOf(editor, attention.operands[ATTENTION.v]!, 'the value');
  if (isRefusal(value)) return value;
  const output = outputProjectionOf(editor, attention);
  if (isRefusal(output)) return output;

  editor.at(output);
  const behind = [...output.operands];
  const [, weight, bias] = output.operands as [ValueId, ValueId, ValueId | null | undefined];
  if (center) {
    const given = times(editor, weight, center);
    behind[2] = bias == null ? given : editor.emitOne('binary', [bias, given], { fn: 'add' });
  }
  if (bases) behind[1] = mixColumns(editor, weight, bases.from, bases.heads);
  editor.replace(output.results[0]!, editor.emitOne('linear', behind, output.attrs));

  const minus = center && editor.addTensor({ dtype: 'f32', shape: [center.length], data: center.map((c) => -c) }, '');
  const shifted = (x: ValueId | null): ValueId | null => {
    if (!minus) return x;
    return x === null ? minus : editor.emitOne('binary', [x, minus], { fn: 'add' });
  };
  editor.at(value.node);
  mixProjection(editor, { ...value, bias: shifted(value.bias) }, bases);
  const current = editor.definition(attention.results[0]!)!;
  const pad = current.operands[ATTENTION.valuePad];
  if (pad == null) return undefined;
  editor.at(current);
  const operands = [...current.operands];
  const moved = shifted(pad)!;
  operands[ATTENTION.valuePad] = bases ? mixColumns(editor, moved, bases.to, bases.heads) : moved;
  editor.replace(current.results[0]!, editor.emitOne('attention', operands, attention.attrs));
  return undefined;
}
