import { type Editor, editGraph } from '../ir/edit.js';
import type { Graph, ValueId } from '../ir/graph.js';
import { centerKeys } from '../passes/center-keys.js';
import { equalizeQueryKey, equalizingFactors } from '../passes/equalize-query-key.js';
import { foldSign } from '../passes/fold-sign.js';
import { type HeadBases, mixColumns } from '../passes/mix-channels.js';
import { mixQueryKey } from '../passes/mix-query-key.js';
import { ATTENTION, isRefusal, projectionOf, type Refusal } from '../passes/scale-query-key.js';
import type { Attention } from './attentions.js';
import type { TensorProfile } from './profile.js';

export const KEY_MODES = ['auto', 'none', 'sign', 'center'] as const;
export type KeyMode = (typeof KEY_MODES)[number];

type Base = 'none' | 'sign' | 'mean' | 'mid-range';
/** What can be done to the keys of one attention; each equals leaving them in real arithmetic. */
export type KeyTransform = Base | `${Base}+equalized` | `${Base}+mixed`;

/** K ← (K − shift)/factors, Q ← Q·factors, per channel; or with bases in place of factors. */
export interface KeyCandidate {
  readonly transform: KeyTransform;
  readonly signs?: Int8Array;
  readonly shift?: Float32Array;
  readonly factors?: Float32Array;
  readonly bases?: HeadBases;
}

/** γ of METHOD 1: a mean of exactly 0 keeps its channel. */
const signsOf = ({ mean }: TensorProfile): Int8Array => Int8Array.from(mean, (m) => (m >= 0 ? 1 : -1));

/** The candidates that a mode asks for; `auto` tries all that can help. */
export function keyCandidates(
  mode: KeyMode,
  bimodal: boolean,
  attention: Attention,
  query: TensorProfile,
  key: TensorProfile,
  bases: HeadBases | undefined,
): readonly KeyCandidate[] {
  const none: KeyCandidate = { transform: 'none' };
  const sign: KeyCandidate = { transform: 'sign', signs: signsOf(key) };
  const mean: KeyCandidate = { transform: 'mean', shift: key.mean };
  const midRange: KeyCandidate = {
    transform: 'mid-range',
    shift: key.min.map((low, j) => Math.fround((low + key.max[j]!) / 2)),
  };
  const equalized = (candidate: KeyCandidate): KeyCandidate => ({
    ...candidate,
    transform: `${candidate.transform as Base}+equalized`,
    factors: factorsOf(attention, query, key, candidate.shift),
  });
  const mixed =
    (heads: HeadBases) =>
    (candidate: KeyCandidate): KeyCandidate => ({
      ...candidate,
      transform: `${candidate.transform as Base}+mixed`,
      bases: heads,
    });
  const byMode: Readonly<Record<KeyMode, readonly KeyCandidate[]>> = {
    none: [none],
    sign: bimodal ? [sign] : [none],
    center: [none, mean, midRange],
    auto: [
      none,
      ...(bimodal ? [sign] : []),
      mean,
      midRange,
      ...[none, mean, midRange].map(equalized),
      ...(bases ? [none, mean, midRange].map(mixed(bases)) : []),
    ],
  };
  return byMode[mode];
}

/** Factors that even the channels (METHOD 3), the same for every head where the heads share relative-position tables. */
function factorsOf(
  attention: Attention,
  query: TensorProfile,
  key: TensorProfile,
  shift: Float32Array | undefined,
): Float32Array {
  const reach = ({ min, max }: TensorProfile, offset?: Float32Array): Float32Array =>
    min.map((low, j) => Math.max(Math.abs(low - (offset?.[j] ?? 0)), Math.abs(max[j]! - (offset?.[j] ?? 0))));
  const [q, k] = [reach(query), reach(key, shift)];
  if (attention.operands[ATTENTION.relHeight] == null) return equalizingFactors(q, k);
  const channels = q.length / attention.attrs.heads;
  const overHeads = (values: Float32Array): Float32Array =>
    values.map((_, j) => {
      let largest = 0;
      for (let i = j % channels; i < values.length; i += channels) largest = Math.max(largest, values[i]!);
      return largest;
    });
  return equalizingFactors(overHeads(q), overHeads(k));
}

/** x [..., heads·d] with the channels of each head multiplied by their block of `blocks` [heads, d, d]. */
export function inBases(editor: Editor, x: ValueId, blocks: Float64Array, heads: number): ValueId {
  if (editor.constant(x) !== undefined) return mixColumns(editor, x, blocks, heads);
  const d = Math.sqrt(blocks.length / heads);
  const n = heads * d;
  const data = new Float32Array(n * n);
  for (let h = 0; h < heads; h++)
    for (let i = 0; i < d; i++)
      for (let j = 0; j < d; j++) data[(h * d + i) * n + h * d + j] = blocks[(h * d + i) * d + j]!;
  return editor.emitOne('matmul', [x, editor.addTensor({ dtype: 'f32', shape: [n, n], data }, 'bases')], {});
}

const vector = (editor: Editor, data: Float32Array): ValueId =>
  editor.addTensor({ dtype: 'f32', shape: [data.length], data }, 'key transform');

/** The candidate's keys, computed in the program for a trial. */
export function transformKeys(editor: Editor, keys: ValueId, { signs, shift, factors, bases }: KeyCandidate): ValueId {
  let at = keys;
  if (signs) at = editor.emitOne('binary', [at, vector(editor, Float32Array.from(signs))], { fn: 'mul' });
  if (shift) at = editor.emitOne('binary', [at, vector(editor, shift)], { fn: 'sub' });
  if (bases) at = inBases(editor, at, bases.from, bases.heads);
  return factors ? editor.emitOne('binary', [at, vector(editor, factors)], { fn: 'div' }) : at;
}

/** The candidate's queries, likewise. */
export function transformQueries(editor: Editor, queries: ValueId, { signs, factors, bases }: KeyCandidate): ValueId {
  let at = signs
    ? editor.emitOne('binary', [queries, vector(editor, Float32Array.from(signs))], { fn: 'mul' })
    : queries;
  if (bases) at = inBases(editor, at, bases.to, bases.heads);
  return factors ? editor.emitOne('binary', [at, vector(editor, factors)], { fn: 'mul' }) : at;
}

/** A relative-position table that fits the candidate's queries; its last axis is the channels of one head. */
export function transformTable(editor: Editor, table: ValueId, { factors, bases }: KeyCandidate): ValueId {
  if (bases) return mixColumns(editor, table, bases.from, bases.heads);
  if (!factors) return table;
  const channels = editor.type(table).shape.at(-1) as number;
  return editor.emitOne('binary', [table, vector(editor, factors.slice(0, channels))], { fn: 'div' });
}

/**
 * The profile of queries or keys after the candidate: bounds and means of the channels follow from those of `whole`, before
 * it, and how the values are spread is what `seen`, maybe only a part of them, shows.
 */
export function transformedProfile(
  role: 'q' | 'k',
  whole: TensorProfile,
  seen: TensorProfile,
  { signs, shift, factors, bases }: KeyCandidate,
): TensorProfile {
  if (bases) return seen;
  const image = (x: number, j: number): number => {
    const signed = x * (signs?.[j] ?? 1);
    const factor = factors?.[j] ?? 1;
    return role === 'q' ? signed * factor : (signed - (shift?.[j] ?? 0)) / factor;
  };
  return {
    ...seen,
    min: whole.min.map((low, j) => Math.min(image(low, j), image(whole.max[j]!, j))),
    max: whole.max.map((high, j) => Math.max(image(high, j), image(whole.min[j]!, j))),
    mean: whole.mean.map(image),
  };
}

/** Folds the candidate into the weights of `attention`. */
export function applyKeyTransform(
  editor: Editor,
  attention: Attention,
  { signs, shift, factors, bases }: KeyCandidate,
): Refusal | undefined {
  if (signs) return foldSign(editor, attention, signs);
  const refusal = shift && centerKeys(editor, attention, shift);
  if (refusal) return refusal;
  if (bases) return mixQueryKey(editor, attention, bases);
  if (!factors) return undefined;
  return equalizeQueryKey(editor, attention, factors);
}

/** Why the keys of an attention cannot be changed at all. */
export function keyObstacle(graph: Graph, attention: Attention): string | undefined {
  const projection = projectionOf(editGraph(graph), attention.operands[ATTENTION.k]!, 'the key');
  return isRefusal(projection) ? projection.reason : undefined;
}
