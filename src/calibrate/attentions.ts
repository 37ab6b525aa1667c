import type { Graph, NodeOf } from '../ir/graph.js';

export type Attention = NodeOf<'attention'>;

/** The attentions of a program, in order: an attention keeps its place in this list through the rewrites of the method. */
export const attentionsOf = (graph: Graph): readonly Attention[] =>
  graph.nodes.filter((node): node is Attention => node.op === 'attention');

/** `/layers.0/token_to_image/Softmax` → `layers.0.token_to_image`: the module a source node belongs to. */
export function moduleOf(source: string): string {
  const parts = source.split('/').filter((part) => part !== '');
  return (parts.length > 1 ? parts.slice(0, -1) : parts).join('.');
}
