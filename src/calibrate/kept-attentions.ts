import { type Editor, editGraph } from '../ir/edit.js';
import { type Graph, typeOf, type ValueId } from '../ir/graph.js';
import { isStatic } from '../ir/scalar.js';
import { DTYPE_BYTES, elementCount } from '../ir/types.js';
import { ATTENTION } from '../passes/scale-query-key.js';
import { type Attention, attentionsOf } from './attentions.js';
import { type KeyCandidate, transformKeys, transformQueries } from './key-transforms.js';
import type { KeptValues } from './run-samples.js';
import { type Sampling, sampleOperand, sampleTable, samplingOf, TRIAL_MACS } from './sample-attention.js';

/**
 * q, k and v of attentions as the program that took the ranges computed them. A trial of an attention reads them and needs
 * nothing of what comes before it in the model; of large attentions only a sample is kept.
 */
export interface KeptAttentions {
  readonly values: KeptValues;
  /** By the attention's place in `attentionsOf`; undefined where its operands are not kept. */
  readonly samplings: readonly (Sampling | undefined)[];
  /** What has been done to the keys since, by place. */
  readonly transforms: readonly KeyCandidate[];
}

/** What may lie on disk of all samples together; of as many samples as trials look at it is kept all the same. */
const KEPT_BYTES = 2 ** 32;

const ROLES = ['q', 'k', 'v'] as const;
const nameOf = (role: (typeof ROLES)[number], index: number): string => `kept_${role}${index}`;

/** Which attentions are kept, how much of each, and of how many samples: `trialSamples` or more. */
export function planKept(graph: Graph, trialSamples: number, trialMacs = TRIAL_MACS): KeptAttentions {
  const attentions = attentionsOf(graph);
  const absentOrConstant = (value: ValueId | null): boolean => value === null || graph.constants.has(value);
  const samplings = attentions.map((attention) => {
    const computed = ROLES.map((role) => attention.operands[ATTENTION[role]]!);
    const known = computed.every((value) => isStatic(typeOf(graph, value).shape) && !graph.constants.has(value));
    return known && attention.operands.slice(ROLES.length).every(absentOrConstant)
      ? samplingOf(graph, attention, trialMacs)
      : undefined;
  });
  const bytes = samplings
    .flatMap((sampling) => (sampling ? ROLES.map((role) => elementCount(sampling.shapes[role])) : []))
    .reduce((sum, elements) => sum + elements * DTYPE_BYTES.f32, 0);
  return {
    values: {
      names: new Set(samplings.flatMap((sampling, i) => (sampling ? ROLES.map((role) => nameOf(role, i)) : []))),
      samples: Math.max(trialSamples, Math.floor(KEPT_BYTES / Math.max(1, bytes))),
    },
    samplings,
    transforms: attentions.map(() => ({ transform: 'none' })),
  };
}

/** `program`, which has the values of `graph`, with what is kept of them as further outputs. */
export function withKeptOutputs(program: Graph, graph: Graph, { samplings }: KeptAttentions): Graph {
  const editor = editGraph(program);
  for (const [i, attention] of attentionsOf(graph).entries()) {
    const sampling = samplings[i];
    if (sampling === undefined) continue;
    for (const role of ROLES) {
      const value = attention.operands[ATTENTION[role]]!;
      const node = editor.definition(value);
      if (node) editor.at(node);
      editor.output(nameOf(role, i), sampleOperand(editor, value, role, sampling));
    }
  }
  return editor.finish();
}

/** An attention of a trial program. */
export interface TrialAttention {
  /** Its place in `attentionsOf`. */
  readonly index: number;
  /** With the operands that it has in the trial program; its result there is the float reference. */
  readonly node: Attention;
}

/** Opens a program of the attentions at `places` alone: on kept operands where there are some, else behind the rest of `graph`. */
export function openTrials(
  graph: Graph,
  { samplings, transforms }: KeptAttentions,
  places: readonly number[],
): { readonly editor: Editor; readonly attentions: readonly TrialAttention[] } {
  const standAlone = places.every((index) => samplings[index] !== undefined);
  const editor = editGraph({ ...graph, outputs: [], ...(standAlone && { inputs: [] }) });
  const all = attentionsOf(graph);
  const attentions = places.map((index): TrialAttention => {
    const attention = all[index]!;
    const sampling = samplings[index];
    if (sampling === undefined) return { index, node: attention };
    const read = (role: (typeof ROLES)[number]): ValueId =>
      editor.input(nameOf(role, index), { dtype: 'f32', shape: sampling.shapes[role] });
    const operands = [...attention.operands];
    const transform = transforms[index]!;
    operands[ATTENTION.q] = transformQueries(editor, read('q'), transform);
    operands[ATTENTION.k] = transformKeys(editor, read('k'), transform);
    operands[ATTENTION.v] = read('v');
    const table = operands[ATTENTION.relHeight];
    if (table != null) operands[ATTENTION.relHeight] = sampleTable(editor, table, sampling);
    const attrs = { ...attention.attrs, ...(sampling.window && { window: sampling.window }) };
    const { source } = attention;
    const reference = editor.emitOne('attention', operands, attrs, { source });
    return { index, node: { ...attention, operands, attrs, results: [reference] } };
  });
  return { editor, attentions };
}
