import { editGraph } from '../ir/edit.js';
import { type Graph, type ValueId, valueOf } from '../ir/graph.js';
import type { SoftmaxQuantizer } from '../ir/integer/attention-parameters.js';
import { type ActivationCodes, attentionObstacle } from '../passes/insert-quantize.js';
import { ATTENTION } from '../passes/scale-query-key.js';
import { attentionsOf } from './attentions.js';
import { type KeptAttentions, openTrials } from './kept-attentions.js';
import { activationQuant, type Precision, rowLog2 } from './precision.js';
import type { Profile } from './profile.js';
import type { RunSamples } from './run-samples.js';
import { addError, totals } from './score.js';
import { emitIntegerAttention } from './try-attention.js';

export const SOFTMAX_MODES = ['auto', 'uniform', 'agq', 'row-log2'] as const;
export type SoftmaxMode = (typeof SOFTMAX_MODES)[number];

export interface SoftmaxError {
  readonly softmax: SoftmaxQuantizer;
  /** Squared error of the attention's output over the calibration samples. */
  readonly error: number;
}

export interface SoftmaxChoice {
  readonly softmax: SoftmaxQuantizer;
  /** Every candidate, best first. */
  readonly errors: readonly SoftmaxError[];
}

const TAUS = [1, 2, 4, 8, 16];
const PUBLISHED_TAUS = [1, 2, 4];

/** Row-referenced codes: τ and the clip offset o jointly (METHOD 4). o cuts up to two octaves off the top. */
const rowCandidates = (bits: number): SoftmaxQuantizer[] =>
  TAUS.flatMap((tau) =>
    [...new Set([0, Math.ceil(tau / 2), tau, 2 * tau])].map((offset) => rowLog2(bits, tau, offset)),
  );

/** The published form: one reference for the tensor, on a grid of half octaves in place of the scalar search. */
const agqCandidates = (bits: number): SoftmaxQuantizer[] =>
  PUBLISHED_TAUS.flatMap((tau) =>
    Array.from({ length: 9 }, (_, i) => ({
      quantizer: 'agq' as const,
      bits,
      tau,
      offset: 0,
      reference: Math.fround(2 ** (-i / 2)),
    })),
  );

const uniformCandidates = (bits: number): SoftmaxQuantizer[] => [
  { quantizer: 'row_uniform', bits, tau: 1, offset: 0, reference: 1 },
];

const CANDIDATES: Readonly<Record<SoftmaxMode, (bits: number) => SoftmaxQuantizer[]>> = {
  // At 8 bits the published form, τ ≤ 4, is worse than uniform codes (METHOD 4), and costs most of the time of the search.
  auto: (bits) => [...rowCandidates(bits), ...uniformCandidates(bits), ...(bits < 8 ? agqCandidates(bits) : [])],
  uniform: uniformCandidates,
  agq: agqCandidates,
  'row-log2': rowCandidates,
};

/**
 * Codes of powers of two cost a shift where uniform ones cost an exponential for each pair of tokens: this much more of squared
 * error is 0.4 dB of one attention's output.
 */
const UNIFORM_IS_WORTH = 1.1;

/** The best of the candidates, best first; uniform codes only where they are clearly better. */
function preferred(errors: readonly SoftmaxError[]): SoftmaxQuantizer {
  const [best] = errors;
  if (best === undefined) throw new Error('no candidate for the softmax');
  const shifts = errors.find(({ softmax }) => softmax.quantizer !== 'row_uniform');
  return shifts && shifts.error <= UNIFORM_IS_WORTH * best.error ? shifts.softmax : best.softmax;
}

/**
 * The coding of each attention's probabilities that gives the least error of its output, or nearly so, measured where the attention is
 * computed, on quantized q, k and v. Attentions that cannot run on integers are left out.
 */
export async function chooseSoftmaxGranularity(
  graph: Graph,
  profile: Profile,
  run: RunSamples,
  options: {
    readonly mode: SoftmaxMode;
    /** Codes that were chosen for single operands; the others have the observer's. */
    readonly clipped: ReadonlyMap<ValueId, ActivationCodes>;
    readonly precision: Precision;
    readonly limit: number;
    readonly kept: KeptAttentions;
  },
): Promise<ReadonlyMap<ValueId, SoftmaxChoice>> {
  const { clipped, precision, mode, limit, kept } = options;
  const candidates = CANDIDATES[mode](precision.activationBits);
  const all = attentionsOf(graph);
  const whole = editGraph(graph);
  const places = [...all.keys()].filter((place) => attentionObstacle(whole, all[place]!) === undefined);
  if (places.length === 0) return new Map();
  if (candidates.length === 1)
    return new Map(places.map((place) => [all[place]!.results[0]!, { softmax: candidates[0]!, errors: [] }] as const));
  const { editor, attentions } = openTrials(graph, kept, places);
  for (const { index, node } of attentions) {
    const operand = (role: 'q' | 'k' | 'v') => {
      const value = all[index]!.operands[ATTENTION[role]]!;
      const quant = clipped.get(value) ?? activationQuant(valueOf(graph, value).name, profile.get(value)!, precision);
      return { value: node.operands[ATTENTION[role]]!, quant };
    };
    const quantized = { q: operand('q'), k: operand('k'), v: operand('v') };
    candidates.forEach((softmax, i) => {
      const result = emitIntegerAttention(editor, node, { ...quantized, softmax });
      addError(editor, `${index}_${i}`, node.results[0]!, result);
    });
  }
  const sums = totals();
  // Many candidates, each as costly as the attention itself: half the samples decide.
  await run(editor.finish(), 'softmax granularity', sums.add, Math.ceil(limit / 2), { kept: kept.values });
  return new Map(
    places.map((place) => {
      const errors = candidates
        .map((softmax, i) => ({ softmax, error: sums.get(`error_${place}_${i}`) }))
        .sort((a, b) => a.error - b.error);
      return [all[place]!.results[0]!, { softmax: preferred(errors), errors }] as const;
    }),
  );
}
