import { editGraph } from '../ir/edit.js';
import { type Graph, type ValueId, valueOf } from '../ir/graph.js';
import { ATTENTION } from '../passes/scale-query-key.js';
import { attentionsOf } from './attentions.js';
import { type KeptAttentions, openTrials, type TrialAttention } from './kept-attentions.js';
import {
  type KeyCandidate,
  type KeyTransform,
  transformedProfile,
  transformKeys,
  transformQueries,
  transformTable,
} from './key-transforms.js';
import { activationQuant, type Precision, trialPrecision } from './precision.js';
import { instrument, type Profile, profileCollector, type TensorProfile } from './profile.js';
import type { RunSamples } from './run-samples.js';
import { addError, totals } from './score.js';
import { emitIntegerAttention } from './try-attention.js';

export interface KeyTrialOptions {
  readonly precision: Precision;
  readonly limit: number;
  readonly kept: KeptAttentions;
  /** Whether what is seen of candidates has to stand for the keys and queries of the one that is chosen: then all samples are looked at. */
  readonly profiled: boolean;
}

/** What the keys and queries of one attention become. */
export interface KeyTrial {
  /** Squared error of the attention's output; 0 where it is the only candidate, which needs no measuring. */
  readonly error: number;
  readonly profiles: { readonly q: TensorProfile; readonly k: TensorProfile };
}

interface Emitted {
  readonly attention: TrialAttention;
  readonly candidate: KeyCandidate;
  readonly q: ValueId;
  readonly k: ValueId;
}

/**
 * Measures the candidates of each attention beside its float result; by place and transform. Where an attention has no
 * candidate but `none`, or its values were not profiled, there is nothing to measure.
 */
export async function tryKeys(
  graph: Graph,
  profile: Profile,
  run: RunSamples,
  { precision: wanted, limit, kept, profiled }: KeyTrialOptions,
  candidates: readonly (readonly KeyCandidate[])[],
): Promise<(place: number, transform: KeyTransform) => KeyTrial | undefined> {
  const precision = trialPrecision(wanted);
  const originals = attentionsOf(graph);
  const changed = candidates.flatMap((tried, place) =>
    tried.some(({ transform }) => transform !== 'none') ? [place] : [],
  );
  if (changed.length === 0) return () => undefined;
  const { editor, attentions } = openTrials(graph, kept, changed);
  const emitted = attentions.flatMap((attention): Emitted[] => {
    const { operands } = attention.node;
    return candidates[attention.index]!.map((candidate) => ({
      attention,
      candidate,
      q: transformQueries(editor, operands[ATTENTION.q]!, candidate),
      k: transformKeys(editor, operands[ATTENTION.k]!, candidate),
    }));
  });
  for (const { node } of attentions) editor.output(`keep_${node.results[0]}`, node.results[0]!);
  for (const { q, k } of emitted) for (const value of new Set([q, k])) editor.output(`keep_${value}`, value);
  const program = editor.finish();

  // Operands as they are have been profiled whole; what is new is seen now.
  const known = new Map<ValueId, TensorProfile>();
  for (const { index, node } of attentions)
    for (const role of [ATTENTION.q, ATTENTION.k, ATTENTION.v]) {
      const seen = profile.get(originals[index]!.operands[role]!);
      if (seen) known.set(node.operands[role]!, seen);
    }
  const unseen = [...new Set(emitted.flatMap(({ q, k }) => [q, k]))].filter((value) => !known.has(value));
  const keys = new Set(profiled ? emitted.map(({ k }) => k) : []);
  const collector = profileCollector(unseen, keys);
  const seen = await collector.over((add, summed) =>
    run(instrument(program, unseen), 'ranges of transformed keys', add, profiled ? undefined : limit, {
      kept: kept.values,
      summed,
    }),
  );
  const profileOf = (trial: Emitted, role: 'q' | 'k'): TensorProfile => {
    const value = trial[role];
    const { index } = trial.attention;
    const whole = profile.get(originals[index]!.operands[ATTENTION[role]]!)!;
    return known.get(value) ?? transformedProfile(role, whole, seen.get(value)!, trial.candidate);
  };
  for (const trial of emitted) for (const role of ['q', 'k'] as const) known.set(trial[role], profileOf(trial, role));

  const contested = emitted.filter(
    ({ attention: { index, node } }) => candidates[index]!.length > 1 && known.has(node.operands[ATTENTION.v]!),
  );
  const scoring = editGraph({ ...program, outputs: [] });
  const operand = (value: ValueId) => ({
    value,
    quant: activationQuant(valueOf(program, value).name, known.get(value)!, precision),
  });
  for (const { attention, candidate, q, k } of contested) {
    const { node, index } = attention;
    const result = emitIntegerAttention(scoring, node, {
      q: operand(q),
      k: operand(k),
      v: operand(node.operands[ATTENTION.v]!),
      softmax: precision.trialSoftmax,
      keyPad: (pad) => transformKeys(scoring, pad, candidate),
      table: (table) => transformTable(scoring, table, candidate),
    });
    addError(scoring, `${index}_${candidate.transform}`, node.results[0]!, result);
  }
  const sums = totals();
  if (contested.length > 0) await run(scoring.finish(), 'keys', sums.add, limit, { kept: kept.values });
  const measured = new Set(contested);
  const trials = new Map(
    emitted.map((trial) => {
      const name = `${trial.attention.index}_${trial.candidate.transform}`;
      const error = measured.has(trial) ? sums.get(`error_${name}`) : 0;
      return [name, { error, profiles: { q: known.get(trial.q)!, k: known.get(trial.k)! } }] as const;
    }),
  );
  return (place, transform) => trials.get(`${place}_${transform}`);
}
