import { editGraph } from '../ir/edit.js';
import type { Graph, ValueId } from '../ir/graph.js';
import type { HeadBases } from '../passes/mix-channels.js';
import { ATTENTION, isRefusal, projectionOf } from '../passes/scale-query-key.js';
import { attentionsOf } from './attentions.js';
import { balancingBasis } from './balancing-basis.js';
import type { KeptAttentions } from './kept-attentions.js';
import { headMoments, operandMoments } from './operand-moments.js';
import type { RunSamples } from './run-samples.js';

/**
 * For each attention the bases of its heads in which queries and keys, about their mean, have the same second moments, one basis for all
 * heads where they share relative-position tables; undefined where queries or keys cannot be changed.
 */
export async function queryKeyBases(
  graph: Graph,
  run: RunSamples,
  options: { readonly limit: number; readonly kept: KeptAttentions },
): Promise<readonly (HeadBases | undefined)[]> {
  const all = attentionsOf(graph);
  const editor = editGraph(graph);
  const isProjected = (value: ValueId | null): boolean =>
    value !== null && !isRefusal(projectionOf(editor, value, 'an operand'));
  const places = [...all.keys()].filter((place) => all[place]!.operands.slice(0, 2).every(isProjected));
  if (places.length === 0) return [];
  const moments = await operandMoments(graph, run, places, ['q', 'k'], options);
  return all.map(({ attrs: { heads }, operands }, place) => {
    if (!places.includes(place)) return undefined;
    const [q, k] = [moments(place, 'q'), moments(place, 'k')];
    const ofHeads = Array.from({ length: heads }, (_, head) => ({
      q: headMoments(q, heads, head),
      k: headMoments(k, heads, head, k.mean),
    }));
    const sum = (role: 'q' | 'k'): Float64Array =>
      ofHeads.map((one) => one[role]).reduce((total, one) => total.map((x, i) => x + one[i]!));
    const shared = operands[ATTENTION.relHeight] != null;
    const used = shared ? ofHeads.map(() => ({ q: sum('q'), k: sum('k') })) : ofHeads;
    const found = used.map((one) => balancingBasis(one.q, one.k, q.channels / heads));
    const known = found.filter((basis) => basis !== undefined);
    if (known.length < heads) return undefined;
    return {
      heads,
      to: Float64Array.from(known.flatMap(({ to }) => [...to])),
      from: Float64Array.from(known.flatMap(({ from }) => [...from])),
    };
  });
}
