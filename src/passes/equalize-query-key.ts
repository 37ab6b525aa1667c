import type { Editor } from '../ir/edit.js';
import type { Node } from '../ir/graph.js';
import { type Refusal, scaleQueryKey } from './scale-query-key.js';

/**
 * The power of two nearest to sqrt(max|K_j| / max|Q_j|): Q_j·f and K_j/f then have ranges alike. Powers of two keep
 * float32 exact.
 */
export function equalizingFactors(queryMax: Float32Array, keyMax: Float32Array): Float32Array {
  return Float32Array.from(queryMax, (q, j) => {
    const ratio = keyMax[j]! / q;
    return Number.isFinite(ratio) && ratio > 0 ? 2 ** Math.round(Math.log2(ratio) / 2) : 1;
  });
}

/** Evens the channel ranges of queries and keys (METHOD 3). Folding signs is the special case f = ±1. */
export const equalizeQueryKey = (editor: Editor, attention: Node, factors: Float32Array): Refusal | undefined =>
  scaleQueryKey(editor, attention, factors);
