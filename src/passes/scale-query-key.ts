import type { Editor } from '../ir/edit.js';
import type { Node, NodeOf, ValueId } from '../ir/graph.js';
import { scalarsEqual } from '../ir/scalar.js';

/** Operand positions of `attention`. */
export const ATTENTION = {
  q: 0,
  k: 1,
  v: 2,
  bias: 3,
  relHeight: 4,
  relWidth: 5,
  keyPad: 6,
  valuePad: 7,
} as const;

/** A linear layer that ends in one operand of one attention and in nothing else, so that its weights may be changed. */
export interface Projection {
  readonly node: NodeOf<'linear'>;
  readonly weight: ValueId;
  readonly bias: ValueId | null;
  /** A constant that is added to the result, its last axis the channels. */
  readonly addend: ValueId | null;
}

/** A reason in words why a rewrite is not legal, for the report. */
export interface Refusal {
  readonly reason: string;
}
export const isRefusal = (result: object): result is Refusal => 'reason' in result;

const spansChannels = (editor: Editor, addend: ValueId, result: ValueId): boolean =>
  editor.type(addend).shape.at(-1) === editor.type(result).shape.at(-1);

/** The projection behind an attention's operand, through reshapes that keep the channel axis. */
export function projectionOf(editor: Editor, value: ValueId, name: string): Projection | Refusal {
  let at = value;
  for (;;) {
    if (editor.users(at).length !== 1 || editor.isOutput(at))
      return { reason: `${name} has consumers beside the attention` };
    const node = editor.definition(at);
    if (node === undefined) return { reason: `${name} is not computed by a linear layer` };
    if (node.op === 'reshape') {
      const from = node.operands[0]!;
      const [inner, outer] = [editor.type(from).shape.at(-1), editor.type(at).shape.at(-1)];
      if (inner === undefined || outer === undefined || !scalarsEqual(inner, outer))
        return { reason: `${name} is reshaped across its channel axis` };
      at = from;
      continue;
    }
    if (node.op !== 'linear') return { reason: `${name} is computed by ${node.op}, not by a linear layer` };
    const [, weight, bias, residual] = node.operands;
    const constant = residual == null || (editor.constant(residual) && spansChannels(editor, residual, at));
    if (node.attrs.activation !== 'none' || !constant) return { reason: `${name} has an epilogue that is not linear` };
    if (!weight || editor.constant(weight) === undefined) return { reason: `the weight of ${name} is not constant` };
    return { node, weight, bias: bias ?? null, addend: residual ?? null };
  }
}

const vector = (editor: Editor, data: Float32Array, shape: readonly number[]): ValueId =>
  editor.addTensor({ dtype: 'f32', shape, data }, '');

const scaled = (editor: Editor, value: ValueId, factors: Float32Array, shape: readonly number[]): ValueId =>
  editor.emitOne('binary', [value, vector(editor, factors, shape)], { fn: 'mul' });

/** Multiplies output channel j of a projection by `factors[j]`: rows of the weight, elements of the bias. */
export function scaleProjection(
  editor: Editor,
  { node, weight, bias, addend }: Projection,
  factors: Float32Array,
): void {
  editor.at(node);
  const operands = [...node.operands];
  operands[1] = scaled(editor, weight, factors, [factors.length, 1]);
  if (bias !== null) operands[2] = scaled(editor, bias, factors, [factors.length]);
  if (addend !== null) operands[3] = scaled(editor, addend, factors, [factors.length]);
  editor.replace(node.results[0]!, editor.emitOne('linear', operands, node.attrs));
}

/** The factors of one head, where every head has the same; the relative-position tables are shared by the heads. */
function sharedByHeads(factors: Float32Array, heads: number): Float32Array | Refusal {
  const channels = factors.length / heads;
  for (let i = channels; i < factors.length; i++)
    if (factors[i] !== factors[i % channels])
      return {
        reason: `the heads share their relative-position tables and disagree on channel ${i % channels}`,
      };
  return factors.subarray(0, channels);
}

/**
 * Q_j ← Q_j·f_j, K_j ← K_j/f_j, for every channel j: (fQ)(K/f)ᵀ = QKᵀ. Signs and powers of two keep every float32 bit
 * of the logits. Each consumer of Q follows: relative-position tables take 1/f (METHOD 1 and 3, "every consumer must be
 * followed").
 *
 * @returns a refusal where some consumer cannot absorb the factors; the program is then unchanged.
 */
export function scaleQueryKey(editor: Editor, attention: Node, factors: Float32Array): Refusal | undefined {
  if (attention.op !== 'attention') return { reason: 'not an attention' };
  const query = projectionOf(editor, attention.operands[ATTENTION.q]!, 'the query');
  if (isRefusal(query)) return query;
  const key = projectionOf(editor, attention.operands[ATTENTION.k]!, 'the key');
  if (isRefusal(key)) return key;
  const inverse = factors.map((factor) => 1 / factor);
  const tables = [ATTENTION.relHeight, ATTENTION.relWidth].filter((index) => attention.operands[index] != null);
  const tableFactors = tables.length > 0 ? sharedByHeads(inverse, attention.attrs.heads) : inverse;
  if (isRefusal(tableFactors)) return tableFactors;

  scaleProjection(editor, query, factors);
  scaleProjection(editor, key, inverse);
  const current = editor.definition(attention.results[0]!)!;
  if (tables.length === 0 && current.operands[ATTENTION.keyPad] == null) return undefined;
  editor.at(current);
  const operands = [...current.operands];
  for (const index of tables)
    operands[index] = scaled(editor, operands[index]!, tableFactors, [1, 1, tableFactors.length]);
  const keyPad = operands[ATTENTION.keyPad];
  if (keyPad != null) operands[ATTENTION.keyPad] = scaled(editor, keyPad, inverse, [inverse.length]);
  editor.replace(current.results[0]!, editor.emitOne('attention', operands, attention.attrs));
  return undefined;
}
