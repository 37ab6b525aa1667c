import type { Editor } from '../ir/edit.js';
import type { Node } from '../ir/graph.js';
import { ATTENTION, isRefusal, projectionOf, type Refusal } from './scale-query-key.js';

/**
 * K ← K − 1cᵀ, folded into the bias of the key projection: Q(K − 1cᵀ)ᵀ = QKᵀ − (Qc)1ᵀ, a constant of each row of
 * logits, which softmax over the keys ignores (METHOD 2). Exact in real arithmetic.
 *
 * @param center heads·c values, one a channel.
 */
export function centerKeys(editor: Editor, attention: Node, center: Float32Array): Refusal | undefined {
  if (attention.op !== 'attention') return { reason: 'not an attention' };
  const key = projectionOf(editor, attention.operands[ATTENTION.k]!, 'the key');
  if (isRefusal(key)) return key;
  const shift = editor.addTensor({ dtype: 'f32', shape: [center.length], data: center.map((c) => -c) }, '');
  editor.at(key.node);
  const operands = [...key.node.operands];
  operands[2] = key.bias === null ? shift : editor.emitOne('binary', [key.bias, shift], { fn: 'add' });
  editor.replace(key.node.results[0]!, editor.emitOne('linear', operands, key.node.attrs));
  const current = editor.definition(attention.results[0]!)!;
  const keyPad = current.operands[ATTENTION.keyPad];
  if (keyPad == null) return undefined;
  editor.at(current);
  const padded = [...current.operands];
  padded[ATTENTION.keyPad] = editor.emitOne('binary', [keyPad, shift], { fn: 'add' });
  editor.replace(current.results[0]!, editor.emitOne('attention', padded, attention.attrs));
  return undefined;
}
