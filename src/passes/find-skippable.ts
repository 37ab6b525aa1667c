import type { Graph, ValueId } from '../ir/graph.js';

/**
 * Nodes whose results nothing reads where the flag of a `gate` is 0, by their index, with that flag: an input. They need not
 * run then, and what they would have written is not read.
 */
export function findSkippable(graph: Graph): ReadonlyMap<number, ValueId> {
  const inputs = new Set(graph.inputs);
  const outputs = new Set(graph.outputs.map(({ value }) => value));
  /** The flags under which values are read; undefined among them: always. */
  const readUnder = new Map<ValueId, Set<ValueId | undefined>>();
  const skippable = new Map<number, ValueId>();
  for (let index = graph.nodes.length - 1; index >= 0; index--) {
    const { op, operands, results } = graph.nodes[index]!;
    const flags = new Set(results.flatMap((value) => [...(readUnder.get(value) ?? [])]));
    const [flag] = flags;
    const own = flags.size === 1 && !results.some((value) => outputs.has(value)) ? flag : undefined;
    if (own !== undefined) skippable.set(index, own);
    const gated = op === 'gate' && inputs.has(operands[1]!) ? operands[1]! : undefined;
    operands.forEach((value, at) => {
      if (value === null) return;
      const under = readUnder.get(value) ?? new Set();
      under.add(own ?? (at === 0 ? gated : undefined));
      readUnder.set(value, under);
    });
  }
  return skippable;
}
