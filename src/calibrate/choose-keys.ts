import { editGraph } from '../ir/edit.js';
import type { Graph, ValueId } from '../ir/graph.js';
import { ATTENTION } from '../passes/scale-query-key.js';
import { type Attention, attentionsOf, moduleOf } from './attentions.js';
import type { KeptAttentions } from './kept-attentions.js';
import {
  applyKeyTransform,
  type KeyCandidate,
  type KeyMode,
  type KeyTransform,
  keyCandidates,
  keyObstacle,
} from './key-transforms.js';
import type { Precision } from './precision.js';
import type { BimodalityVotes, Profile, TensorProfile } from './profile.js';
import { queryKeyBases } from './query-key-bases.js';
import type { RunSamples } from './run-samples.js';
import { type KeyTrial, tryKeys } from './try-keys.js';

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

/** The program with its keys changed, what is known of its values and of the operands that were kept. */
export interface KeyedProgram {
  readonly graph: Graph;
  /** Undefined where it has to be taken again. */
  readonly profile: Profile | undefined;
  readonly kept: KeptAttentions;
  readonly choices: readonly KeyChoice[];
}

/** At this many bits other bases gain too little for what it takes to find them. */
const MIXED_BELOW = 8;

const NONE: KeyCandidate = { transform: 'none' };

/**
 * Decides and applies, for each attention, what is done to its keys: nothing, folding signs where they have two peaks
 * (METHOD 1), or centring by the mean or the mid-range (METHOD 2); with `auto` and `center`, what gives the least error
 * of the attention's output on the calibration samples.
 */
export async function chooseKeys(
  graph: Graph,
  profile: Profile,
  run: RunSamples,
  options: {
    readonly mode: KeyMode;
    readonly precision: Precision;
    readonly limit: number;
    readonly kept: KeptAttentions;
    /** Of the published test of two peaks, by the attention's place. */
    readonly votes: readonly (BimodalityVotes | undefined)[];
  },
): Promise<KeyedProgram> {
  const mixes = options.mode === 'auto' && options.precision.activationBits < MIXED_BELOW;
  const bases = mixes ? await queryKeyBases(graph, run, options) : [];
  const found = attentionsOf(graph).map((attention, place) => {
    const key = attention.operands[ATTENTION.k]!;
    const keyProfile = profile.get(key);
    if (keyProfile === undefined) throw new Error(`no profile of the keys of ${attention.source}`);
    const queryProfile = profile.get(attention.operands[ATTENTION.q]!);
    const refused = queryProfile ? keyObstacle(graph, attention) : 'its queries are constant';
    const votes = options.votes[place];
    const bimodal = votes !== undefined && 2 * votes.bimodal > votes.samples;
    const peaks = votes?.peaks ?? [];
    const candidates =
      refused === undefined && queryProfile !== undefined
        ? keyCandidates(options.mode, bimodal, attention, queryProfile, keyProfile, bases[place])
        : [NONE];
    return { attention, bimodal, peaks, refused, candidates };
  });
  const trialOf = await tryKeys(
    graph,
    profile,
    run,
    { ...options, profiled: !mixes },
    found.map(({ candidates }) => candidates),
  );

  const editor = editGraph(graph);
  const decided = found.map(({ attention, bimodal, peaks, refused, candidates }, place) => {
    const scored = candidates
      .map((candidate) => ({ candidate, trial: trialOf(place, candidate.transform) }))
      .sort((a, b) => (a.trial?.error ?? 0) - (b.trial?.error ?? 0));
    // What could not be folded after all (the heads disagree, say) gives way to the next best.
    let reason = refused;
    const chosen = scored.find(({ candidate }) => {
      const current = editor.definition(attention.results[0]!);
      const refusal = current ? applyKeyTransform(editor, current as Attention, candidate) : undefined;
      if (refusal !== undefined) reason = refusal.reason;
      return refusal === undefined;
    });
    const { transform, signs } = chosen?.candidate ?? NONE;
    const choice: KeyChoice = {
      name: moduleOf(attention.source),
      bimodal,
      peaks,
      transform,
      flippedChannels: signs?.reduce((count, sign) => count + (sign < 0 ? 1 : 0), 0) ?? 0,
      errors:
        chosen && candidates.length > 1
          ? Object.fromEntries(scored.map(({ candidate, trial }) => [candidate.transform, trial?.error ?? 0]))
          : {},
      ...(reason !== undefined && { refused: reason }),
    };
    return { choice, candidate: chosen?.candidate ?? NONE, trial: chosen?.trial };
  });
  const keyed = editor.finish();
  return {
    graph: keyed,
    profile: mixes && decided.some(changes) ? undefined : profileBehind(graph, keyed, profile, decided),
    kept: { ...options.kept, transforms: decided.map(({ candidate }) => candidate) },
    choices: decided.map(({ choice }) => choice),
  };
}

interface Decided {
  readonly candidate: KeyCandidate;
  readonly trial: KeyTrial | undefined;
}

const changes = ({ candidate }: Decided): boolean => candidate.transform !== 'none';

/** The keys and queries have what their trial saw; nothing else has changed in real arithmetic. */
function profileBehind(before: Graph, after: Graph, profile: Profile, decided: readonly Decided[]): Profile {
  const next = new Map<ValueId, TensorProfile>(profile);
  const attentions = attentionsOf(after);
  for (const [place, attention] of attentionsOf(before).entries()) {
    const { trial } = decided[place]!;
    if (!changes(decided[place]!) || trial === undefined) continue;
    const { operands, results } = attentions[place]!;
    next.set(operands[ATTENTION.q]!, trial.profiles.q);
    next.set(operands[ATTENTION.k]!, trial.profiles.k);
    const result = profile.get(attention.results[0]!);
    if (result) next.set(results[0]!, result);
  }
  return next;
}
