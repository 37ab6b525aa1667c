import type { Editor } from '../ir/edit.js';
import type { Node } from '../ir/graph.js';
import { type Refusal, scaleQueryKey } from './scale-query-key.js';

/**
 * Bimodal Integration (PTQ4SAM, section 3.2): γ ⊙ Wq, γ ⊙ bq, γ ⊙ Wk, γ ⊙ bk. A sign flips no rounding, so the logits
 * stay equal bit for bit while the two peaks of K become one.
 *
 * @param signs ±1 for each channel of the key projection, heads·c of them.
 */
export const foldSign = (editor: Editor, attention: Node, signs: Int8Array): Refusal | undefined =>
  scaleQueryKey(editor, attention, Float32Array.from(signs));
