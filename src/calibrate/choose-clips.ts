import { type Editor, editGraph } from '../ir/edit.js';
import { type Graph, type ValueId, valueOf } from '../ir/graph.js';
import { type Dim, divideExact } from '../ir/scalar.js';
import { type ActivationCodes, attentionObstacle } from '../passes/insert-quantize.js';
import { ATTENTION } from '../passes/scale-query-key.js';
import { type Attention, attentionsOf, moduleOf } from './attentions.js';
import { type KeptAttentions, openTrials } from './kept-attentions.js';
import { activationQuant, type Precision } from './precision.js';
import type { Profile, TensorProfile } from './profile.js';
import type { RunSamples } from './run-samples.js';
import { addError, totals } from './score.js';
import { emitIntegerAttention } from './try-attention.js';

export const CLIP_MODES = ['auto', 'none', 'perceptual'] as const;
/** How the ranges of Q and K are clipped: not, to keep what is attended to, or as is better for the attention's output. */
export type ClipMode = (typeof CLIP_MODES)[number];

/** Shares of the extremes that Q and K are clipped to, both alike. */
const SHARES = [1, 0.9, 0.8, 0.7, 0.6, 0.5] as const;

export interface ClipChoice {
  readonly name: string;
  /** Share of the extremes of Q and K that their codes span; undefined: the observer's range. */
  readonly share: number | undefined;
  /** By share: 1 − IoU of the keys that rows attend to, and squared error of the attention's output. */
  readonly tried: readonly { readonly share: number; readonly lost: number; readonly error: number }[];
  /** Of the observer's range. */
  readonly error: number;
}

/** An attention over whole rows whose logits are Q·Kᵀ alone, as the decoder's are: what can be attended to is in Q and K. */
const isPlain = ({ operands, attrs }: Attention): boolean =>
  attrs.window === undefined && operands.slice(ATTENTION.bias).every((operand) => operand == null);

function clippedCodes(
  name: string,
  { min, max, ...rest }: TensorProfile,
  share: number,
  precision: Precision,
): ActivationCodes {
  const clipped = { ...rest, min: min.map((low) => low * share), max: max.map((high) => high * share) };
  return activationQuant(name, clipped, { ...precision, observer: 'minmax', steps: 'even' });
}

/** 1 for every key whose probability is more than half of its row's largest: rows [b, heads, m, n] of the logits. */
function attended(editor: Editor, attention: Attention, q: ValueId, k: ValueId): ValueId {
  const { heads, scale } = attention.attrs;
  const split = (x: ValueId, perm: readonly number[]): ValueId => {
    const [batch, tokens, width] = editor.type(x).shape as [Dim, Dim, Dim];
    const apart = editor.emitOne('reshape', [x], { shape: [batch, tokens, heads, divideExact(width, heads)] });
    return editor.emitOne('transpose', [apart], { perm });
  };
  const logits = editor.emitOne('matmul', [split(q, [0, 2, 1, 3]), split(k, [0, 2, 3, 1])], {});
  const largest = editor.emitOne('reduce', [logits], { fn: 'max', axes: [3], keepdims: true });
  const half = editor.addTensor({ dtype: 'f32', shape: [], data: Float32Array.of(Math.LN2 / scale) }, 'half');
  const least = editor.emitOne('binary', [largest, half], { fn: 'sub' });
  return editor.emitOne('cast', [editor.emitOne('binary', [least, logits], { fn: 'less' })], { to: 'f32' });
}

/** Adds the output `lost_<name>`: 1 − IoU of two masks of attended keys, by row. */
function addLost(editor: Editor, name: string, exact: ValueId, coded: ValueId): void {
  const count = (fn: 'min' | 'max'): ValueId =>
    editor.emitOne('reduce', [editor.emitOne('binary', [exact, coded], { fn })], {
      fn: 'sum',
      axes: [3],
      keepdims: false,
    });
  const [shared, either] = [count('min'), count('max')];
  const lost = editor.emitOne('binary', [editor.emitOne('binary', [either, shared], { fn: 'sub' }), either], {
    fn: 'div',
  });
  editor.output(`lost_${name}`, lost);
}

/**
 * Clips the ranges of Q and K so that rows keep attending to the same keys (SAQ-SAM, arXiv 2503.06515, perceptual-consistency
 * clipping): the share of the extremes with the least 1 − IoU{A > ½ max A}. With `auto` that stands only where the output of
 * the attention is nearer to the float one than with the observer's ranges.
 *
 * @returns the codes of the clipped values
 */
export async function chooseClips(
  graph: Graph,
  profile: Profile,
  run: RunSamples,
  {
    mode,
    precision,
    limit,
    kept,
  }: {
    readonly mode: ClipMode;
    readonly precision: Precision;
    readonly limit: number;
    readonly kept: KeptAttentions;
  },
): Promise<{ readonly choices: readonly ClipChoice[]; readonly codes: ReadonlyMap<ValueId, ActivationCodes> }> {
  const codes = new Map<ValueId, ActivationCodes>();
  const all = attentionsOf(graph);
  const whole = editGraph(graph);
  const plain = [...all.keys()].filter(
    (place) => isPlain(all[place]!) && attentionObstacle(whole, all[place]!) === undefined,
  );
  if (mode === 'none' || plain.length === 0) return { choices: [], codes };
  const seen = (value: ValueId) => ({ name: valueOf(graph, value).name, profile: profile.get(value)! });
  const observed = (value: ValueId): ActivationCodes => {
    const { name, profile: own } = seen(value);
    return activationQuant(name, own, precision);
  };
  const clipped = (value: ValueId, share: number): ActivationCodes => {
    const { name, profile: own } = seen(value);
    return clippedCodes(name, own, share, precision);
  };

  const { editor, attentions } = openTrials(graph, kept, plain);
  for (const { index, node } of attentions) {
    // Codes are of the program's values; a trial reads what was kept of them.
    const [ofQ, ofK, ofV] = all[index]!.operands as [ValueId, ValueId, ValueId];
    const [q, k, v] = node.operands as [ValueId, ValueId, ValueId];
    const behind = editor.definition(node.results[0]!);
    if (behind) editor.at(behind);
    const exact = attended(editor, node, q, k);
    const tryCodes = (name: string, qCodes: ActivationCodes, kCodes: ActivationCodes): void => {
      const result = emitIntegerAttention(editor, node, {
        q: { value: q, quant: qCodes },
        k: { value: k, quant: kCodes },
        v: { value: v, quant: observed(ofV) },
        softmax: precision.trialSoftmax,
      });
      addError(editor, name, node.results[0]!, result);
    };
    tryCodes(`${index}`, observed(ofQ), observed(ofK));
    for (const share of SHARES) {
      const [qCodes, kCodes] = [clipped(ofQ, share), clipped(ofK, share)];
      tryCodes(`${index}_${share}`, qCodes, kCodes);
      const coded = (value: ValueId, quant: ActivationCodes): ValueId =>
        editor.emitOne('dequantize', [editor.emitOne('quantize', [value], { quant })], { quant });
      addLost(editor, `${index}_${share}`, exact, attended(editor, node, coded(q, qCodes), coded(k, kCodes)));
    }
  }
  const sums = totals();
  await run(editor.finish(), 'clips of Q and K', sums.add, limit, { kept: kept.values });
  const choices = plain.map((index): ClipChoice => {
    const attention = all[index]!;
    const tried = SHARES.map((share) => ({
      share,
      lost: sums.get(`lost_${index}_${share}`),
      error: sums.get(`error_${index}_${share}`),
    }));
    const best = tried.reduce((a, b) => (b.lost < a.lost ? b : a));
    const error = sums.get(`error_${index}`);
    const taken = mode === 'perceptual' || best.error < error;
    if (taken)
      for (const value of attention.operands.slice(0, 2) as ValueId[]) codes.set(value, clipped(value, best.share));
    return { name: moduleOf(attention.source), share: taken ? best.share : undefined, tried, error };
  });
  return { choices, codes };
}
