import type { Editor } from '../ir/edit.js';
import type { ValueId } from '../ir/graph.js';
import { scalarsEqual } from '../ir/scalar.js';
import {
  any,
  anyNumber,
  binary,
  commuted,
  get,
  match,
  named,
  number,
  numberOf,
  oneOf,
  op,
  type Pattern,
  unary,
} from './match.js';
import type { Pass } from './pass.js';
import { type Rule, rewrite } from './rewrite.js';

/**
 * Layer normalisation written out becomes one op:
 * d / √(mean(d²) + ε) with d = x − mean(x), means over the last axis; then · γ and + β of one value a channel.
 * Within 1e-5·max: sums are taken in another order.
 */
export const fuseLayerNorm: Pass = {
  name: 'fuse-layer-norm',
  run: (graph) => rewrite(graph, { binary: [normalise, scale, shift] }),
};

const mean = (a: Pattern): Pattern => op('reduce', [a], ({ attrs }) => attrs.fn === 'mean' && attrs.axes.length === 1);
/** d, the same value in every place. */
const centred = named('d', binary('sub', any('x'), mean(any('x'))));
const squared = oneOf(binary('mul', centred, centred), binary('pow', centred, number(2)));
const deviation = unary('sqrt', commuted('add', mean(squared), anyNumber('epsilon')));
const normalised = oneOf(
  binary('div', centred, deviation),
  commuted('mul', centred, binary('div', number(1), deviation)),
  commuted('mul', centred, binary('pow', deviation, number(-1))),
);

/** The axis of every mean of the match is the last one. */
function overLastAxis(editor: Editor, result: ValueId, x: ValueId): boolean {
  const rank = editor.type(x).shape.length;
  const pending = [result];
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    if (id === x) continue;
    const node = editor.definition(id);
    if (node?.op === 'reduce' && (node.attrs.axes[0] !== rank - 1 || !node.attrs.keepdims)) return false;
    for (const operand of node?.operands ?? []) if (operand !== null) pending.push(operand);
  }
  return true;
}

const normalise: Rule = (editor, node) => {
  const [result] = node.results as [ValueId];
  const found = match(editor, result, normalised);
  if (found === undefined || editor.type(result).dtype !== 'f32' || !overLastAxis(editor, result, get(found, 'x')))
    return undefined;
  const epsilon = numberOf(editor, get(found, 'epsilon')) as number;
  return editor.emitOne('layer_norm', [get(found, 'x'), null, null], { epsilon });
};

/** A constant [c], or [1, …, 1, c], as [c]. */
function perChannel(editor: Editor, value: ValueId, like: ValueId): ValueId | undefined {
  const { shape } = editor.type(value);
  const channels = editor.type(like).shape.at(-1)!;
  if (editor.constant(value) === undefined || shape.length === 0) return undefined;
  if (!scalarsEqual(shape.at(-1)!, channels) || !shape.slice(0, -1).every((dim) => dim === 1)) return undefined;
  return shape.length === 1
    ? value
    : editor.emitOne('reshape', [value], { shape: [channels] }, { names: [editor.name(value)] });
}

const layerNorm = named('norm', op('layer_norm', [any('x')]));

/** LN(x) · γ, before any other scale or shift. */
const scale: Rule = (editor, node) => {
  const found = match(editor, node.results[0]!, commuted('mul', layerNorm, any('gamma')));
  const norm = found && editor.definition(get(found, 'norm'));
  if (found === undefined || norm?.op !== 'layer_norm') return undefined;
  const [x, gamma, beta] = norm.operands;
  if (x == null || gamma != null || beta != null) return undefined;
  const factor = perChannel(editor, get(found, 'gamma'), x);
  return factor && editor.emitOne('layer_norm', [x, factor, null], norm.attrs);
};

/** LN(x) + β */
const shift: Rule = (editor, node) => {
  const found = match(editor, node.results[0]!, commuted('add', layerNorm, any('beta')));
  const norm = found && editor.definition(get(found, 'norm'));
  if (found === undefined || norm?.op !== 'layer_norm') return undefined;
  const [x, gamma, beta] = norm.operands;
  if (x == null || beta != null) return undefined;
  const offset = perChannel(editor, get(found, 'beta'), x);
  return offset && editor.emitOne('layer_norm', [x, gamma ?? null, offset], norm.attrs);
};
