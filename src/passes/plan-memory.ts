import { maxElements } from '../ir/edit.js';
import { type Graph, type Node, typeOf, type ValueId, valueOf } from '../ir/graph.js';
import { TypeMismatch } from '../ir/op.js';
import { showShape } from '../ir/ops/check.js';
import { DTYPE_BYTES } from '../ir/types.js';

/** Where the elements of a value are. Values that share memory (a reshape and its operand) have equal storage. */
export type Storage =
  /** Bytes from the start of the arena. */
  | { readonly kind: 'arena'; readonly offset: number }
  /** The caller's buffer of an input, read in place. */
  | { readonly kind: 'input'; readonly input: ValueId }
  /** The caller's buffer of output `index`, written in place. */
  | { readonly kind: 'output'; readonly index: number }
  | { readonly kind: 'constant'; readonly constant: ValueId };

export interface MemoryPlan {
  readonly storage: ReadonlyMap<ValueId, Storage>;
  /** Offset in the arena of what a node asked for besides its results, by the node's index. */
  readonly workspaces: ReadonlyMap<number, number>;
  /** Outputs that are not written in place: an input, a constant, or another output under a second name. */
  readonly copiedOutputs: readonly number[];
  /** Size of the arena. */
  readonly bytes: number;
  /** The most bytes that are alive at once, which no plan can go below. */
  readonly lowerBound: number;
  /** Bytes alive while each node runs; its maximum is `lowerBound`. */
  readonly liveBytes: readonly number[];
}

/** A block that is needed from node `first` to node `last`, both included. */
export interface LiveBlock {
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

export const ARENA_ALIGN = 64;
const roundUp = (bytes: number): number => Math.ceil(bytes / ARENA_ALIGN) * ARENA_ALIGN;

/** The operand whose elements a node's result is, unmoved; undefined for nodes that compute. */
export const aliasedOperand = (node: Node): ValueId | null | undefined =>
  node.op === 'reshape' ? node.operands[0] : undefined;

/** The bytes alive while each of `nodes` nodes runs. */
export function liveBytes(blocks: readonly LiveBlock[], nodes: number): readonly number[] {
  const change = new Float64Array(nodes + 1);
  for (const { bytes, first, last } of blocks) {
    change[first]! += roundUp(bytes);
    change[last + 1]! -= roundUp(bytes);
  }
  let alive = 0;
  return Array.from({ length: nodes }, (_, at) => {
    alive += change[at]!;
    return alive;
  });
}

/** The peak over time of the bytes alive. */
export function peakLiveBytes(blocks: readonly LiveBlock[]): number {
  const nodes = blocks.reduce((most, { last }) => Math.max(most, last + 1), 0);
  return liveBytes(blocks, nodes).reduce((most, bytes) => Math.max(most, bytes), 0);
}

/**
 * Gives each block the tightest gap among the blocks placed before it that are alive at some common time, in the given
 * order. Offsets are multiples of 64.
 */
function placeInOrder(blocks: readonly LiveBlock[], order: readonly number[]): { offsets: number[]; bytes: number } {
  const offsets = new Array<number>(blocks.length).fill(0);
  const placed: number[] = []; // by offset
  let total = 0;
  for (const index of order) {
    const block = blocks[index]!;
    const size = roundUp(block.bytes);
    let end = 0;
    let best: { offset: number; slack: number } | undefined;
    for (const other of placed) {
      const neighbour = blocks[other]!;
      if (neighbour.last < block.first || block.last < neighbour.first) continue;
      const slack = offsets[other]! - end - size;
      if (slack >= 0 && (best === undefined || slack < best.slack)) best = { offset: end, slack };
      end = Math.max(end, offsets[other]! + roundUp(neighbour.bytes));
    }
    const offset = best?.offset ?? end;
    offsets[index] = offset;
    total = Math.max(total, offset + size);
    const at = placed.findIndex((other) => offsets[other]! > offset);
    placed.splice(at < 0 ? placed.length : at, 0, index);
  }
  return { offsets, bytes: total };
}

/** Places blocks so that no two alive at once overlap; several greedy orders are tried and the smallest result kept. */
export function placeBlocks(blocks: readonly LiveBlock[]): { offsets: readonly number[]; bytes: number } {
  const lowerBound = peakLiveBytes(blocks);
  const area = (block: LiveBlock): number => block.bytes * (block.last - block.first + 1);
  const orders: readonly ((a: LiveBlock, b: LiveBlock) => number)[] = [
    (a, b) => b.bytes - a.bytes || b.last - b.first - (a.last - a.first),
    (a, b) => area(b) - area(a),
    (a, b) => b.last - b.first - (a.last - a.first) || b.bytes - a.bytes,
    (a, b) => a.first - b.first || b.bytes - a.bytes,
  ];
  let best: { offsets: readonly number[]; bytes: number } | undefined;
  for (const compare of orders) {
    const order = blocks.map((_, index) => index).sort((a, b) => compare(blocks[a]!, blocks[b]!) || a - b);
    const plan = placeInOrder(blocks, order);
    if (best === undefined || plan.bytes < best.bytes) best = plan;
    if (best.bytes === lowerBound) break;
  }
  return best ?? { offsets: [], bytes: 0 };
}

/**
 * Largest size of a value, in bytes.
 *
 * @throws TypeMismatch where there is none
 */
export function maxBytes(graph: Graph, id: ValueId): number {
  const type = typeOf(graph, id);
  const bytes = maxElements(type.shape, graph.bounds) * DTYPE_BYTES[type.dtype];
  if (!Number.isSafeInteger(bytes))
    throw new TypeMismatch(
      `${JSON.stringify(valueOf(graph, id).name)} of ${type.dtype}${showShape(type.shape)} has no upper bound below 2^53 bytes; give the bounds of its symbolic dimensions`,
    );
  return bytes;
}

/** Nodes that run together, a few rows at a time, and the values that are kept elsewhere. */
export interface PlannedGroup {
  readonly first: number;
  readonly last: number;
  readonly local: ReadonlySet<ValueId>;
}

/**
 * Plans one arena for all intermediate values, from live ranges over the node order. Symbolic sizes count at their upper
 * bounds, so that one plan serves every shape within them.
 *
 * @param workspaceBytes memory that a node wants while it runs, by the node's index
 * @param groups what any of their nodes touches is alive while all of them run
 */
export function planMemory(
  graph: Graph,
  workspaceBytes: ReadonlyMap<number, number> = new Map(),
  groups: readonly PlannedGroup[] = [],
): MemoryPlan {
  const roots = new Map<ValueId, ValueId>();
  const rootOf = (id: ValueId): ValueId => roots.get(id) ?? id;
  for (const node of graph.nodes) {
    const source = aliasedOperand(node);
    if (source !== undefined && source !== null) roots.set(node.results[0]!, rootOf(source));
  }

  const inputs = new Set(graph.inputs);
  const storageOfRoot = new Map<ValueId, Storage>();
  const copiedOutputs: number[] = [];
  for (const input of graph.inputs) storageOfRoot.set(input, { kind: 'input', input });
  for (const constant of graph.constants.keys()) storageOfRoot.set(constant, { kind: 'constant', constant });
  graph.outputs.forEach((output, index) => {
    const root = rootOf(output.value);
    if (storageOfRoot.has(root)) copiedOutputs.push(index);
    else storageOfRoot.set(root, { kind: 'output', index });
  });

  const groupOf = new Map<number, PlannedGroup>();
  for (const group of groups) for (let at = group.first; at <= group.last; at++) groupOf.set(at, group);
  const local = new Set(groups.flatMap((group) => [...group.local]));
  const ranges = new Map<ValueId, { bytes: number; first: number; last: number }>();
  const touch = (id: ValueId, at: number): void => {
    const root = rootOf(id);
    if (inputs.has(root) || storageOfRoot.has(root) || local.has(root)) return;
    const { first, last } = groupOf.get(at) ?? { first: at, last: at };
    const range = ranges.get(root);
    if (range === undefined) ranges.set(root, { bytes: maxBytes(graph, root), first, last });
    else range.last = last;
  };
  graph.nodes.forEach((node, at) => {
    if (aliasedOperand(node) !== undefined) return;
    for (const id of [...node.operands, ...node.results]) if (id !== null) touch(id, at);
  });

  const wanted = [...workspaceBytes].filter(([, bytes]) => bytes > 0);
  const blocks: LiveBlock[] = [...ranges.values(), ...wanted.map(([at, bytes]) => ({ bytes, first: at, last: at }))];
  const { offsets, bytes } = placeBlocks(blocks);
  [...ranges.keys()].forEach((root, i) => {
    storageOfRoot.set(root, { kind: 'arena', offset: offsets[i]! });
  });
  const storage = new Map<ValueId, Storage>();
  for (const id of graph.values.keys()) {
    const place = storageOfRoot.get(rootOf(id));
    // A value that no computing node touches: the unread result of a reshape.
    if (place !== undefined) storage.set(id, place);
  }
  return {
    storage,
    workspaces: new Map(wanted.map(([at], i) => [at, offsets[ranges.size + i]!])),
    copiedOutputs,
    bytes,
    lowerBound: peakLiveBytes(blocks),
    liveBytes: liveBytes(blocks, graph.nodes.length),
  };
}
