import { editGraph } from '../ir/edit.js';
import type { Graph, ValueId } from '../ir/graph.js';
import { valueOf } from '../ir/graph.js';
import { ATTENTION } from '../passes/scale-query-key.js';
import { type Attention, attentionsOf, moduleOf } from './attentions.js';
import {
  applyKeyTransform,
  type KeyCandidate,
  type KeyMode,
  type KeyTransform,
  keyCandidates,
  keyObstacle,
  transformKeys,
  transformQueries,
  transformTable,
} from './key-transforms.js';
import { activationQuant, type Precision } from './precision.js';
import { instrument, type Profile, profileCollector } from './profile.js';
import type { RunSamples } from './run-samples.js';
import { addError, totals } from './score.js';
import { emitIntegerAttention } from './try-attention.js';

/** What was found and done, for the report. */
export interface KeyChoice {
  readonly name: string;
  readonly bimodal: boolean;
  readonly peaks: readonly { readonly value: number; readonly density: number }[];
  readonly transform: KeyTransform;
  readonly flippedChannels: number;
  /** Squared error of the attention's output for each transform tried. */
  readonly errors: Readonly<Partial<Record<KeyTransform, number>>>;
  /** Why the keys could not be changed, where they could not. */
  readonly refused?: string;
}

interface Trial {
  readonly attention: Attention;
  readonly index: number;
  readonly candidate: KeyCandidate;
  readonly q: ValueId;
  readonly k: ValueId;
}

/**
 * Decides and applies, for each attention, what is done to its keys: nothing, folding signs where they have two peaks
 * (METHOD 1), or centring by the mean or the mid-range (METHOD 2); with `auto` and `center`, what gives the least error
 * of the attention's output on the calibration samples.
 */
export async function chooseKeys(
  graph: Graph,
  profile: Profile,
  run: RunSamples,
  options: { readonly mode: KeyMode; readonly precision: Precision; readonly limit: number },
): Promise<{ readonly graph: Graph; readonly choices: readonly KeyChoice[] }> {
  const attentions = attentionsOf(graph);
  const found = attentions.map((attention) => {
    const key = attention.operands[ATTENTION.k]!;
    const keyProfile = profile.get(key);
    if (keyProfile === undefined) throw new Error(`no profile of the keys of ${attention.source}`);
    const queryProfile = profile.get(attention.operands[ATTENTION.q]!);
    const refused = queryProfile ? keyObstacle(graph, attention) : 'its queries are constant';
    const votes = keyProfile.bimodality;
    const bimodal = votes !== undefined && 2 * votes.bimodal > votes.samples;
    const peaks = votes?.peaks ?? [];
    const candidates =
      refused === undefined && queryProfile !== undefined
        ? keyCandidates(options.mode, bimodal, attention, queryProfile, keyProfile)
        : [{ transform: 'none' } satisfies KeyCandidate];
    return { attention, bimodal, peaks, refused, candidates };
  });

  const errors = await errorsOfTrials(graph, profile, run, options, found);
  const editor = editGraph(graph);
  const choices = found.map(({ attention, bimodal, peaks, refused, candidates }, index) => {
    const scored = candidates.map((candidate) => ({
      candidate,
      error: errors.get(`${index}_${candidate.transform}`) ?? 0,
    }));
    scored.sort((a, b) => a.error - b.error);
    // What could not be folded after all (the heads disagree, say) gives way to the next best.
    let reason = refused;
    for (const { candidate } of scored) {
      const current = editor.definition(attention.results[0]!);
      const refusal = current ? applyKeyTransform(editor, current as Attention, candidate) : undefined;
      if (refusal === undefined)
        return {
          name: moduleOf(attention.source),
          bimodal,
          peaks,
          transform: candidate.transform,
          flippedChannels: candidate.signs?.reduce((count, sign) => count + (sign < 0 ? 1 : 0), 0) ?? 0,
          errors: candidates.length > 1 ? Object.fromEntries(scored.map((s) => [s.candidate.transform, s.error])) : {},
          ...(reason !== undefined && { refused: reason }),
        };
      reason = refusal.reason;
    }
    return {
      name: moduleOf(attention.source),
      bimodal,
      peaks,
      transform: 'none' as const,
      flippedChannels: 0,
      errors: {},
      ...(reason !== undefined && { refused: reason }),
    };
  });
  return { graph: editor.finish(), choices };
}

/** The error of every candidate where there are several, keyed `<attention>_<transform>`. */
async function errorsOfTrials(
  graph: Graph,
  profile: Profile,
  run: RunSamples,
  { precision, limit }: { readonly precision: Precision; readonly limit: number },
  found: readonly { readonly attention: Attention; readonly candidates: readonly KeyCandidate[] }[],
): Promise<ReadonlyMap<string, number>> {
  const contested = found
    .map((entry, index) => ({ ...entry, index }))
    .filter(({ attention, candidates }) => candidates.length > 1 && profile.has(attention.operands[ATTENTION.v]!));
  if (contested.length === 0) return new Map();

  const editor = editGraph({ ...graph, outputs: [] });
  const trials: Trial[] = contested.flatMap(({ attention, candidates, index }) =>
    candidates.map((candidate) => ({
      attention,
      index,
      candidate,
      q: transformQueries(editor, attention.operands[ATTENTION.q]!, candidate),
      k: transformKeys(editor, attention.operands[ATTENTION.k]!, candidate),
    })),
  );
  for (const { attention } of contested) editor.output(`keep_${attention.results[0]}`, attention.results[0]!);
  for (const [i, { q, k }] of trials.entries()) {
    editor.output(`keep_q${i}`, q);
    editor.output(`keep_k${i}`, k);
  }
  const withTrials = editor.finish();
  const unseen = [...new Set(trials.flatMap(({ q, k }) => [q, k]))].filter((value) => !profile.has(value));
  const collector = profileCollector(unseen);
  if (unseen.length > 0) await run(instrument(withTrials, unseen), 'ranges of transformed keys', collector.add, limit);
  const known: Profile = new Map([...profile, ...collector.finish()]);

  const scoring = editGraph({ ...withTrials, outputs: [] });
  const quantOf = (value: ValueId) => activationQuant(valueOf(withTrials, value).name, known.get(value)!, precision);
  for (const { attention, index, candidate, q, k } of trials) {
    const v = attention.operands[ATTENTION.v]!;
    const result = emitIntegerAttention(scoring, attention, {
      q: { value: q, quant: quantOf(q) },
      k: { value: k, quant: quantOf(k) },
      v: { value: v, quant: quantOf(v) },
      softmax: precision.trialSoftmax,
      keyPad: (pad) => transformKeys(scoring, pad, candidate),
      table: (table) => transformTable(scoring, table, candidate),
    });
    addError(scoring, `${index}_${candidate.transform}`, attention.results[0]!, result);
  }
  const sums = totals();
  await run(scoring.finish(), 'keys', sums.add, limit);
  return new Map(
    trials.map(({ index, candidate }) => {
      const name = `${index}_${candidate.transform}`;
      return [name, sums.get(`error_${name}`)] as const;
    }),
  );
}
