import type { Editor } from '../ir/edit.js';
import type { ValueId } from '../ir/graph.js';
import type { SoftmaxQuantizer } from '../ir/integer/attention-parameters.js';
import type { Quantization } from '../ir/types.js';
import { quantizedAttention } from '../passes/insert-quantize.js';
import { ATTENTION } from '../passes/scale-query-key.js';
import type { Attention } from './attentions.js';

interface Operand {
  readonly value: ValueId;
  readonly quant: Quantization;
}

/** Emits the integer form of `attention` with the given operands beside the float one, so that the two can be compared. */
export function emitIntegerAttention(
  editor: Editor,
  attention: Attention,
  p: {
    readonly q: Operand;
    readonly k: Operand;
    readonly v: Operand;
    readonly softmax: SoftmaxQuantizer;
    /** What becomes of the key of a padded token; default: nothing. */
    readonly keyPad?: (pad: ValueId) => ValueId;
    /** What becomes of a relative-position table; default: nothing. */
    readonly table?: (table: ValueId) => ValueId;
  },
): ValueId {
  const operands = [...attention.operands];
  operands[ATTENTION.q] = p.q.value;
  operands[ATTENTION.k] = p.k.value;
  operands[ATTENTION.v] = p.v.value;
  const pad = operands[ATTENTION.keyPad];
  if (pad != null && p.keyPad) operands[ATTENTION.keyPad] = p.keyPad(pad);
  for (const index of [ATTENTION.relHeight, ATTENTION.relWidth]) {
    const table = operands[index];
    if (table != null && p.table) operands[index] = p.table(table);
  }
  const current = editor.definition(attention.results[0]!);
  if (current) editor.at(current);
  return quantizedAttention(editor, { ...attention, operands }, p.q.quant, p.k.quant, p.v.quant, p.softmax);
}
