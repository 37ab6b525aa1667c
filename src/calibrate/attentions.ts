import type { Graph, NodeOf, ValueId } from '../ir/graph.js';

export type Attention = NodeOf<'attention'>;

/** The attentions of a program, in order: an attention keeps its place in this list through the rewrites of the method. */
export const attentionsOf = (graph: Graph): readonly Attention[] =>
  graph.nodes.filter((node): node is Attention => node.op === 'attention');

/** `/layers.0/token_to_image/Softmax` → `layers.0.token_to_image`: the module a source node belongs to. */
export function moduleOf(source: string): string {
  const parts = source.split('/').filter((part) => part !== '');
  return (parts.length > 1 ? parts.slice(0, -1) : parts).join('.');
}

export type AttentionKind = 'self' | 'cross' | 'window';

/** `window`: within windows of a grid; `self`: queries and keys are projected from one tensor; `cross`: from two. */
export function kindOf(graph: Graph, { operands, attrs }: Attention): AttentionKind {
  if (attrs.window) return 'window';
  /** What a projection reads, through reshapes before and behind it. */
  const origin = (value: ValueId | null | undefined): unknown => {
    const node = graph.nodes.find((candidate) => value != null && candidate.results.includes(value));
    return node?.op === 'reshape' || node?.op === 'linear' ? origin(node.operands[0]) : value;
  };
  return origin(operands[0]) === origin(operands[1]) ? 'self' : 'cross';
}
