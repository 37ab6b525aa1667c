import { type Editor, editGraph } from '../ir/edit.js';
import type { Graph, Node, NodeOf, ValueId } from '../ir/graph.js';
import { type Dim, divideExact } from '../ir/scalar.js';
import { matchAttention } from './fuse-attention.js';
import { matchWindow } from './fuse-window-attention.js';
import { traceView } from './view.js';

/** An attention of a program, fused into one op or not. */
export interface AttentionInfo {
  /** Where it stands in the source model, e.g. `blocks.0/attn`; unique in the program. */
  readonly name: string;
  /** `window`: self-attention inside the windows of a grid. */
  readonly kind: 'self' | 'cross' | 'window';
  readonly heads: number;
  readonly batch: Dim;
  readonly queries: Dim;
  readonly keys: Dim;
  /** Channels of one head of q and k, and of v. */
  readonly channels: Dim;
  readonly valueChannels: Dim;
  /** [grid_h, grid_w, win_h, win_w] */
  readonly window?: readonly number[];
  readonly hasBias: boolean;
  readonly hasRelativePositions: boolean;
  /** The `attention` op's result in this program. */
  readonly result: ValueId;
  /** Why windows of a batch stay copies in memory, where they might be windows of a grid. */
  readonly note?: string;
}

/** A softmax that is part of no attention that could be fused. */
export interface LooseSoftmax {
  readonly name: string;
  readonly shape: readonly Dim[];
  /** `not fused: …` */
  readonly reason: string;
  readonly result: ValueId;
}

export interface Attentions {
  readonly attentions: readonly AttentionInfo[];
  readonly loose: readonly LooseSoftmax[];
}

/** Lists the attentions of a program, and the softmaxes that did not become one, with the reason. Changes nothing. */
export function findAttention(graph: Graph): Attentions {
  const editor = editGraph(graph);
  const unique = uniqueNames();
  const attentions: AttentionInfo[] = [];
  const loose: LooseSoftmax[] = [];
  for (const node of graph.nodes) {
    const result = node.results[0]!;
    if (node.op === 'attention')
      attentions.push({
        ...describe(editor, node as NodeOf<'attention'>),
        name: unique(placeOf(node, 'attention')),
        result,
      });
    if (node.op === 'softmax')
      loose.push({
        name: unique(placeOf(node, 'softmax')),
        shape: editor.type(result).shape,
        reason: `not fused: ${reasonFor(editor, result)}`,
        result,
      });
  }
  return { attentions, loose };
}

function describe(editor: Editor, node: NodeOf<'attention'>): Omit<AttentionInfo, 'name' | 'result'> {
  const [q, k, v, bias, relHeight] = node.operands as [ValueId, ValueId, ValueId, ...(ValueId | null | undefined)[]];
  const { heads, window } = node.attrs;
  const [batch, queries, width] = editor.type(q).shape as [Dim, Dim, Dim];
  const [, keys, valueWidth] = editor.type(v).shape as [Dim, Dim, Dim];
  const unwindowed = window === undefined && batch !== 1 ? matchWindow(editor, node) : undefined;
  return {
    kind: window ? 'window' : sourceOf(editor, q) === sourceOf(editor, k) ? 'self' : 'cross',
    heads,
    batch,
    queries,
    keys,
    channels: divideExact(width, heads),
    valueChannels: divideExact(valueWidth, heads),
    ...(window && { window }),
    hasBias: bias != null,
    hasRelativePositions: relHeight != null,
    ...(typeof unwindowed === 'string' && { note: unwindowed }),
  };
}

/** The tokens that an operand is a projection of. */
function sourceOf(editor: Editor, operand: ValueId): ValueId {
  const { base } = traceView(editor, operand);
  const linear = editor.definition(base);
  return linear?.op === 'linear' ? traceView(editor, linear.operands[0]!).base : base;
}

/** Why a softmax that is still there was not fused: what the matcher says of the first product that reads it. */
function reasonFor(editor: Editor, result: ValueId): string {
  if (editor.isOutput(result)) return 'its probabilities are an output';
  for (const user of readersThroughViews(editor, result))
    if (user.op === 'matmul' && traceView(editor, user.operands[0]!).base === result) {
      const found = matchAttention(editor, user as NodeOf<'matmul'>);
      return typeof found === 'string' ? found : 'fuse-attention was not run';
    }
  return 'no product of values with its probabilities';
}

function* readersThroughViews(editor: Editor, value: ValueId): Iterable<Node> {
  for (const user of editor.users(value))
    if (user.op === 'reshape' || user.op === 'transpose') yield* readersThroughViews(editor, user.results[0]!);
    else yield user;
}

/** The module of the source node: `/blocks.0/attn/MatMul_1 (MatMul)` lies in `blocks.0/attn`. */
function placeOf(node: Node, otherwise: string): string {
  const [path = ''] = node.source.split(' (');
  const module = path.split('/').filter((part) => part !== '');
  return module.slice(0, -1).join('/') || module.join('/') || otherwise;
}

function uniqueNames(): (name: string) => string {
  const counts = new Map<string, number>();
  return (name) => {
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    return count === 1 ? name : `${name} #${count}`;
  };
}
