import type { Editor } from '../ir/edit.js';
import type { Node, NodeOf, ValueId } from '../ir/graph.js';
import { type Dim, product, scalarsEqual } from '../ir/scalar.js';
import { type Logits, peelLogits, type Scaled, type Term, traceScaled } from './attention-parts.js';
import type { Pass } from './pass.js';
import { emitTable, matchRelativeTerm, type RelativeTerm } from './relative-position.js';
import { hasOneUser, type Rule, rewrite } from './rewrite.js';
import { type Axis, type Digit, emitView, quotient, regroup, traceView, type View } from './view.js';

/**
 * softmax(scale · q·kᵀ + terms) · v becomes one token-major `attention`: heads' reshapes and transposes are absorbed,
 * scales on q, k or the logits become its scale, SAM's decomposed relative positions its tables, every other term its
 * bias. Within 1e-5·max: sums are taken in another order.
 */
export const fuseAttention: Pass = {
  name: 'fuse-attention',
  run: (graph) => rewrite(graph, { matmul: [fuse] }),
};

export interface AttentionMatch {
  readonly q: Scaled;
  readonly k: Scaled;
  readonly v: Scaled;
  readonly scale: number;
  readonly batch: Dim;
  readonly heads: number;
  readonly lead: readonly Dim[];
  readonly relative: readonly RelativeTerm[];
  readonly biases: readonly Term[];
}

/** The attention that ends in `node`, a product with a softmax on its left; or why it is none that can be fused. */
export function matchAttention(editor: Editor, node: NodeOf<'matmul'>): AttentionMatch | string {
  const [probabilities, values] = node.operands as [ValueId, ValueId];
  const { base: softmaxResult } = traceView(editor, probabilities);
  const softmax = editor.definition(softmaxResult);
  if (softmax?.op !== 'softmax' || softmax.attrs.log) return 'no softmax';
  const shape = editor.type(softmaxResult).shape;
  const outer = editor.type(probabilities).shape;
  if (softmax.attrs.axis !== shape.length - 1) return 'the softmax is not over the last axis';
  if (!lastEqual(shape, outer, 2)) return 'the probabilities are reshaped before they meet the values';
  if (!hasOneUser(editor, softmaxResult) || !hasOneUser(editor, probabilities))
    return 'something else reads the probabilities';
  if (editor.type(softmaxResult).dtype !== 'f32') return 'it is not float32';

  const logits = peelLogits(editor, softmax.operands[0]!, product(shape));
  if (logits === undefined) return 'its logits are no product with terms added';
  const [queries, keys] = logits.product.operands as [ValueId, ValueId];
  const lead = outer.slice(0, -2);
  const leads = [queries, keys, values].map((value) => editor.type(value).shape.slice(0, -2));
  if (!leads.every((other) => scalarsEqual(product(other), product(lead))))
    return 'queries, keys and values are broadcast to each other';
  if (!lastEqual(editor.type(logits.product.results[0]!).shape, shape, 2))
    return 'the logits are reshaped before the softmax';
  return assemble(editor, logits, [queries, keys, values], lead);
}

const lastEqual = (a: readonly Dim[], b: readonly Dim[], count: number): boolean =>
  a.length >= count && b.length >= count && a.slice(-count).every((dim, i) => scalarsEqual(dim, b.slice(-count)[i]!));

function assemble(
  editor: Editor,
  logits: Logits,
  [queries, keys, values]: readonly [ValueId, ValueId, ValueId],
  lead: readonly Dim[],
): AttentionMatch | string {
  const q = traceScaled(editor, queries);
  const turned = traceScaled(editor, keys);
  const k = { ...turned, view: [...turned.view.slice(0, -2), turned.view.at(-1)!, turned.view.at(-2)!] };
  const plain = traceView(editor, values);
  const v: Scaled = { base: plain.base, view: plain.view, scale: 1 };
  const heads =
    [q, k, v].map((part) => headsOf(editor, part)).find((count) => count !== undefined) ??
    (lead.length > 1 ? lead.at(-1)! : 1);
  const batch = quotient(product(lead), heads);
  if (typeof heads !== 'number' || batch === undefined) return 'the number of heads is not known';

  const n = editor.type(values).shape.at(-2)!;
  const base = {
    base: q.base,
    lead: q.view.slice(0, -2).flat(),
    tokens: q.view.at(-2)!,
    channels: q.view.at(-1)!,
  };
  const relative: RelativeTerm[] = [];
  const biases: Term[] = [];
  for (const term of logits.terms) {
    const found = matchRelativeTerm(editor, term, base, n);
    if (found === undefined || relative.some(({ side }) => side === found.side)) biases.push(term);
    else relative.push(found);
  }
  // The op takes both tables or none.
  const both = relative.length === 2;
  return {
    q,
    k,
    v,
    scale: logits.scale * q.scale * k.scale,
    batch,
    heads,
    lead,
    relative: both ? relative : [],
    biases: both ? biases : logits.terms,
  };
}

/** Heads as the digits of the channels that were moved to the batch: [b, n, (heads, c)] → [b, heads, n, c]. */
function headsOf(editor: Editor, { base, view }: Scaled): Dim | undefined {
  const channelAxis = editor.type(base).shape.length - 1;
  const lead = view.slice(0, -2).flat();
  const from = lead.findLastIndex((digit) => digit.axis !== channelAxis) + 1;
  const digits = lead.slice(from);
  return digits.length === 0 || channelAxis === 0 ? undefined : product(digits.map((digit) => digit.size));
}

const fuse: Rule = (editor, node) => {
  const found = matchAttention(editor, node as NodeOf<'matmul'>);
  return typeof found === 'string' ? undefined : emitAttention(editor, node, found);
};

function emitAttention(editor: Editor, node: Node, found: AttentionMatch): ValueId | undefined {
  const { q, k, v, batch, heads, relative, biases } = found;
  const result = node.results[0]!;
  const shape = editor.type(result).shape;
  const [m, cv] = shape.slice(-2) as [Dim, Dim];
  const parts = [q, k, v].map((part) => tokenMajor(part, batch, heads));
  if (parts.some((part) => part === undefined)) return undefined;
  const operands = [q, k, v].map((part, i) => {
    const view = parts[i]!;
    return emitView(
      editor,
      part.base,
      view,
      view.map((axis) => product(axis.map((digit) => digit.size))),
    );
  });
  const table = (side: RelativeTerm['side']): ValueId | null => {
    const term = relative.find((candidate) => candidate.side === side);
    return term === undefined ? null : emitTable(editor, term);
  };
  const bias = emitBias(editor, biases, found, [m, keysOf(editor, node)]);
  const attention = editor.emitOne(
    'attention',
    [...operands, bias, table('height'), table('width'), null, null],
    { heads, scale: found.scale },
    { names: [editor.name(result)] },
  );
  const outer: Digit[] = [
    { axis: 0, stride: 1, size: batch },
    { axis: 2, stride: cv, size: heads },
  ];
  const lead = regroup(
    outer.filter((digit) => digit.size !== 1),
    found.lead,
  );
  if (lead === undefined) return undefined;
  const axis = (digit: Digit): Axis => (digit.size === 1 ? [] : [digit]);
  const view = [...lead, axis({ axis: 1, stride: 1, size: m }), axis({ axis: 2, stride: 1, size: cv })];
  return emitView(editor, attention, view, shape);
}

const keysOf = (editor: Editor, node: Node): Dim => editor.type(node.operands[1]!).shape.at(-2)!;

/** [lead…, n, c] → [batch, n, heads·c] */
function tokenMajor({ view }: Scaled, batch: Dim, heads: number): View | undefined {
  const lead = regroup(view.slice(0, -2).flat(), [batch, heads]);
  return lead && [lead[0]!, view.at(-2)!, [...lead[1]!, ...view.at(-1)!]];
}

/** The sum of the terms, each of a shape that broadcasts to [batch, heads, m, n]. */
function emitBias(
  editor: Editor,
  terms: readonly Term[],
  found: AttentionMatch,
  rows: readonly [Dim, Dim],
): ValueId | null {
  const biases = terms.map((term) => {
    const bias = alignTerm(editor, term, found, rows);
    if (term.factor === 1) return bias;
    const scale = editor.addTensor({ dtype: 'f32', shape: [], data: Float32Array.of(term.factor) }, '');
    return editor.emitOne('binary', [bias, scale], { fn: 'mul' });
  });
  return biases.reduce<ValueId | null>(
    (sum, bias) => (sum === null ? bias : editor.emitOne('binary', [sum, bias], { fn: 'add' })),
    null,
  );
}

/** A term as [batch or 1, heads or 1, m or 1, n or 1]; as a whole where reshapes hide which axes it stretches over. */
function alignTerm(
  editor: Editor,
  { value, shape }: Term,
  { batch, heads, lead }: AttentionMatch,
  rows: readonly [Dim, Dim],
): ValueId {
  const own = editor.type(value).shape;
  const wide = [...new Array<Dim>(shape.length - own.length).fill(1), ...own];
  const outer = wide.slice(0, -2);
  if (shape.length === lead.length + 2) {
    const last = wide.slice(-2);
    if (lead.length === 2 && scalarsEqual(lead[1]!, heads)) return editor.emitOne('reshape', [value], { shape: wide });
    if (outer.every((dim) => dim === 1)) return editor.emitOne('reshape', [value], { shape: [1, 1, ...last] });
    if (outer.every((dim, i) => scalarsEqual(dim, shape[i]!)))
      return editor.emitOne('reshape', [value], { shape: [batch, heads, ...last] });
  }
  const whole = editor.emitOne('expand', [value], { shape });
  return editor.emitOne('reshape', [whole], { shape: [batch, heads, ...rows] });
}
