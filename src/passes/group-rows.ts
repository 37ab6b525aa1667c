import { type Graph, type Node, typeOf, type ValueId } from '../ir/graph.js';
import { DTYPE_BYTES, elementCount } from '../ir/types.js';
import { aliasedOperand } from './plan-memory.js';
import { naturalRows, rowOperands } from './row-local.js';

/** Nodes `first` to `last` of a program, which give the same where all of them run on some rows before they run on the next. */
export interface RowGroup {
  readonly first: number;
  readonly last: number;
  readonly rows: number;
  /** Values that only nodes of the group read: no more of them than the rows at hand need be kept. */
  readonly local: ReadonlySet<ValueId>;
}

export interface RowSchedule {
  readonly graph: Graph;
  readonly groups: readonly RowGroup[];
}

/** Weights are read anew for every few rows: more than these would not stay in the cache. */
const MOST_WEIGHT_BYTES = 192 << 10;
/** What lies between the nodes of a group; less than this stays in the cache anyway. */
const LEAST_BYTES = 256 << 10;

interface Unit {
  readonly nodes: readonly Node[];
  /** Undefined where nothing is known: reshapes alone. */
  readonly rows: number | undefined;
}

const bytesOf = (graph: Graph, value: ValueId): number => {
  const { dtype, shape } = typeOf(graph, value);
  return DTYPE_BYTES[dtype] * elementCount(shape as readonly number[]);
};

function weightBytes(graph: Graph, nodes: readonly Node[]): number {
  const weights = nodes.flatMap(({ op, operands }) => (op === 'integer_linear' ? [operands[1]!] : []));
  return weights.reduce((sum, weight) => sum + bytesOf(graph, weight), 0);
}

/** Rows that both can be cut into: those of one, where they divide the other's. */
function commonRows(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const [few, many] = [Math.min(a, b), Math.max(a, b)];
  return few > 0 && many % few === 0 ? few : undefined;
}

function joined(graph: Graph, before: Unit, after: Unit): Unit | undefined {
  const rows = commonRows(before.rows, after.rows);
  const nodes = [...before.nodes, ...after.nodes];
  if (rows === undefined || rows < 2 || weightBytes(graph, nodes) > MOST_WEIGHT_BYTES) return undefined;
  const made = new Set(nodes.flatMap(({ results }) => results));
  const fits = nodes.every((node) => {
    const kinds = rowOperands(graph, node, rows);
    return kinds?.every((kind, i) => kind === 'rows' || !made.has(node.operands[i]!));
  });
  return fits ? { nodes, rows } : undefined;
}

/**
 * Finds nodes that work on each row alone, one on the other's results, and brings them together, so that what lies between them
 * may stay in the cache: large tensors are not written to memory to be read once. The order of nodes changes, nothing else.
 */
export function groupRows(graph: Graph): RowSchedule {
  const units = hoistReaders(graph, sinkProducers(graph));
  const nodes = units.flatMap((unit) => unit.nodes);
  const scheduled = { ...graph, nodes };
  const rootOf = roots(graph);
  const groups: RowGroup[] = [];
  let first = 0;
  for (const unit of units) {
    const own = { first, last: first + unit.nodes.length - 1 };
    first += unit.nodes.length;
    const computing = unit.nodes.filter((node) => aliasedOperand(node) === undefined);
    if (computing.length < 2 || unit.rows === undefined) continue;
    const { local, bytes } = between(graph, unit, rootOf);
    if (bytes >= LEAST_BYTES) groups.push({ ...own, rows: unit.rows, local });
  }
  return { graph: scheduled, groups };
}

/** The value whose memory a value has. */
function roots(graph: Graph): (value: ValueId) => ValueId {
  const found = new Map<ValueId, ValueId>();
  const rootOf = (value: ValueId): ValueId => found.get(value) ?? value;
  for (const node of graph.nodes) {
    const source = aliasedOperand(node);
    if (source != null) found.set(node.results[0]!, rootOf(source));
  }
  return rootOf;
}

/** What only the nodes of a unit read, and the bytes of all that passes between them. */
function between(
  graph: Graph,
  unit: Unit,
  rootOf: (value: ValueId) => ValueId,
): { local: ReadonlySet<ValueId>; bytes: number } {
  const own = new Set(unit.nodes);
  const reads = (nodes: readonly Node[]): ReadonlySet<ValueId> =>
    new Set(
      nodes
        .filter((node) => aliasedOperand(node) === undefined)
        .flatMap(({ operands }) => operands.filter((value) => value !== null).map(rootOf)),
    );
  const inside = reads(unit.nodes);
  const outside = reads(graph.nodes.filter((node) => !own.has(node)));
  const given = new Set(graph.outputs.map(({ value }) => rootOf(value)));
  const made = unit.nodes.flatMap((node) => (aliasedOperand(node) === undefined ? node.results : []));
  const passed = made.filter((value) => inside.has(value));
  return {
    local: new Set(made.filter((value) => !outside.has(value) && !given.has(value))),
    bytes: passed.reduce((sum, value) => sum + bytesOf(graph, value), 0),
  };
}

/** Each producer goes down to the one unit that reads all it gives. */
function sinkProducers(graph: Graph): readonly Unit[] {
  const outputs = new Set(graph.outputs.map(({ value }) => value));
  const unitOf = new Map<Node, Unit>();
  const readers = new Map<ValueId, Node[]>();
  for (const node of graph.nodes)
    for (const value of node.operands) if (value !== null) readers.set(value, [...(readers.get(value) ?? []), node]);
  for (const node of [...graph.nodes].reverse()) {
    const own: Unit = { nodes: [node], rows: naturalRows(graph, node) };
    const reading = new Set(node.results.flatMap((value) => readers.get(value) ?? []).map((user) => unitOf.get(user)!));
    const [unit] = reading;
    const sinks = unit !== undefined && reading.size === 1 && !node.results.some((value) => outputs.has(value));
    const whole = sinks && !staysBehind(graph, node, readers) ? joined(graph, own, unit) : undefined;
    for (const member of whole?.nodes ?? [node]) unitOf.set(member, whole ?? own);
  }
  // A unit stands where its last node stood: all that read it come later.
  return graph.nodes.flatMap((node) => {
    const unit = unitOf.get(node)!;
    return unit.nodes.at(-1) === node ? [unit] : [];
  });
}

/** Whether less passes from a node to its readers than would pass to it: what it reads is read elsewhere too. */
function staysBehind(graph: Graph, node: Node, readers: ReadonlyMap<ValueId, readonly Node[]>): boolean {
  if (node.op !== 'quantize') return false;
  const [x] = node.operands as readonly [ValueId];
  return (readers.get(x)?.length ?? 0) > 1 && bytesOf(graph, x) > bytesOf(graph, node.results[0]!);
}

/** Each unit goes up to a unit that it reads, where the rest of what it reads is there by then. */
function hoistReaders(graph: Graph, units: readonly Unit[]): readonly Unit[] {
  const result: Unit[] = [];
  /** Where in `result` a value is made; inputs and constants are there from the start. */
  const madeAt = new Map<ValueId, number>();
  for (const unit of units) {
    const own = new Set(unit.nodes.flatMap(({ results }) => results));
    const read = unit.nodes
      .flatMap(({ operands }) => operands)
      .filter((value) => value !== null && !own.has(value)) as ValueId[];
    const at = read.reduce((latest, value) => Math.max(latest, madeAt.get(value) ?? -1), -1);
    const target = result[at];
    const whole = target && joined(graph, target, unit);
    const place = whole ? at : result.length;
    if (whole) result[at] = whole;
    else result.push(unit);
    for (const value of own) madeAt.set(value, place);
  }
  return result;
}
