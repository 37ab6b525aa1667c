import type { Editor } from '../ir/edit.js';
import type { Node } from '../ir/graph.js';
import { type HeadBases, mixColumns, mixProjection } from './mix-channels.js';
import { ATTENTION, isRefusal, projectionOf, type Refusal } from './scale-query-key.js';

/**
 * Q ← Q·B, K ← K·B⁻ᵀ for each head, folded into their projections: (QB)(KB⁻ᵀ)ᵀ = QKᵀ in real arithmetic (METHOD 3). `equalize-query-key` is
 * the special case of a diagonal B. The relative-position tables, which the queries are multiplied with too, and the key of a
 * padded token follow the keys; tables that the heads share need one B for all of them.
 */
export function mixQueryKey(editor: Editor, attention: Node, { heads, to, from }: HeadBases): Refusal | undefined {
  if (attention.op !== 'attention') return { reason: 'not an attention' };
  const query = projectionOf(editor, attention.operands[ATTENTION.q]!, 'the query');
  if (isRefusal(query)) return query;
  const key = projectionOf(editor, attention.operands[ATTENTION.k]!, 'the key');
  if (isRefusal(key)) return key;
  mixProjection(editor, query, { heads, to });
  mixProjection(editor, key, { heads, to: from });
  const current = editor.definition(attention.results[0]!)!;
  editor.at(current);
  const operands = [...current.operands];
  for (const index of [ATTENTION.relHeight, ATTENTION.relWidth, ATTENTION.keyPad])
    if (operands[index] != null) operands[index] = mixColumns(editor, operands[index], from, heads);
  editor.replace(current.results[0]!, editor.emitOne('attention', operands, attention.attrs));
  return undefined;
}
