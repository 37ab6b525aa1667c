import { type Graph, type Node, type NodeOf, typeOf, type ValueId } from '../ir/graph.js';
import { type Dim, evaluateScalar, multiply, symbol } from '../ir/scalar.js';
import { DTYPE_BYTES, elementCount, type TensorType } from '../ir/types.js';
import type { RowGroup } from '../passes/group-rows.js';
import { aliasedOperand, type LiveBlock, type MemoryPlan, placeBlocks } from '../passes/plan-memory.js';
import { leadingAxes, type RowOperand, rowOperands } from '../passes/row-local.js';
import { C_TYPES } from './c-types.js';
import type { EmitContext } from './emit-context.js';
import { emitStridedCopy, stridesOf } from './emitters/strided.js';
import { emitNode, type NodeCode, type ProgramState, type RowView } from './node-emitter.js';

/** Stands for the rows at hand, which only the last rows are fewer of. */
const ROWS = symbol('rows at hand');
/** Whole tiles of the products' kernels, 4 · 14; twice as many where weights of few bits are unpacked for each block. */
const STEP = 56;
/** What the rows at hand may take of the second-level cache. */
const BLOCK_BYTES = 256 << 10;

/** The C of a group: a kernel that takes some rows through all nodes, and the node that runs it. */
export interface GroupCode {
  readonly functions: readonly string[];
  readonly lines: readonly string[];
  readonly scratchBytes: number;
  /** Of each node. */
  readonly nodes: readonly NodeCode[];
}

/** Where what stays within a group lies, behind its kernels' scratch. */
interface Places {
  readonly offsets: ReadonlyMap<ValueId, number>;
  readonly bytes: number;
  readonly block: number;
}

const width = (graph: Graph, value: ValueId, rows: number): number =>
  elementCount(typeOf(graph, value).shape as readonly number[]) / rows;

function placesOf(graph: Graph, nodes: readonly Node[], { rows, local }: RowGroup): Places {
  const rowBytes = (value: ValueId): number => DTYPE_BYTES[typeOf(graph, value).dtype] * width(graph, value, rows);
  const values = new Set(nodes.flatMap((node) => (aliasedOperand(node) === undefined ? node.results : [])));
  const all = [...values].reduce((sum, value) => sum + rowBytes(value), 0);
  const unpacks = nodes.some((node) => node.op === 'integer_linear' && node.attrs.weight_bits < 8);
  const step = unpacks ? 2 * STEP : STEP;
  const block = step * Math.max(1, Math.floor(BLOCK_BYTES / all / step));
  const rootOf = new Map<ValueId, ValueId>();
  const live = new Map<ValueId, { first: number; last: number }>();
  nodes.forEach((node, at) => {
    const source = aliasedOperand(node);
    if (source != null) rootOf.set(node.results[0]!, rootOf.get(source) ?? source);
    else
      for (const value of [...node.operands, ...node.results]) {
        const root = value === null ? undefined : (rootOf.get(value) ?? value);
        if (root === undefined || !local.has(root)) continue;
        const range = live.get(root);
        if (range === undefined) live.set(root, { first: at, last: at });
        else range.last = at;
      }
  });
  const blocks = [...live].map(([value, range]): LiveBlock => ({ ...range, bytes: block * rowBytes(value) }));
  const { offsets, bytes } = placeBlocks(blocks);
  const placed = new Map([...live.keys()].map((value, i) => [value, offsets[i]!] as const));
  for (const [value, root] of rootOf) if (placed.has(root)) placed.set(value, placed.get(root)!);
  return { offsets: placed, bytes, block };
}

/** A shape whose leading axes are cut down to the rows at hand; the last axes, which kernels look at, stay. */
function cutShape(shape: readonly number[], rows: number): readonly Dim[] {
  const wide = elementCount(shape) / rows;
  let kept = shape.length;
  for (let inner = 1; kept > 0 && wide % (inner * shape[kept - 1]!) === 0; ) inner *= shape[--kept]!;
  const rest = shape.slice(kept);
  return [multiply(ROWS, wide / elementCount(rest)), ...rest];
}

const countAt = (dim: Dim, rows: number): number =>
  evaluateScalar(dim, {
    symbol: () => rows,
    element: () => {
      throw new Error('rows of a group are not decided by elements');
    },
  });

function viewOf(graph: Graph, node: Node, { rows }: RowGroup, places: Places): RowView {
  const operands = rowOperands(graph, node, rows)!;
  const kinds = new Map<ValueId, RowOperand>(node.results.map((value) => [value, 'rows']));
  node.operands.forEach((value, i) => {
    if (value !== null) kinds.set(value, operands[i] ?? 'whole');
  });
  const resultShape = typeOf(graph, node.results[0]!).shape as readonly number[];
  const resultRest = resultShape.slice(leadingAxes(resultShape, rows) ?? 0);
  const byAxes = node.op === 'binary' || node.op === 'transpose';
  const type = (value: ValueId): TensorType => {
    const own = typeOf(graph, value);
    const shape = own.shape as readonly number[];
    if (kinds.get(value) !== 'rows')
      return byAxes ? { ...own, shape: shape.slice(-resultRest.length || shape.length) } : own;
    return { ...own, shape: byAxes ? [ROWS, ...resultRest] : cutShape(shape, rows) };
  };
  return {
    type,
    pointer: (value, whole) => {
      const offset = places.offsets.get(value);
      if (offset !== undefined) return `((${C_TYPES[typeOf(graph, value).dtype]} *)(local + ${offset}))`;
      const kind = kinds.get(value);
      if (whole === undefined || kind === undefined) return 'NULL';
      if (kind === 'whole') return whole;
      const step = kind === 'rows' ? width(graph, value, rows) : kind.stride;
      return `(${whole} + row * ${step})`;
    },
    dim: (dim) => {
      if (typeof dim === 'number') return undefined;
      const step = countAt(dim, 1);
      return step === 1 ? 'rows' : `rows * ${step}`;
    },
    maxDim: (dim) => countAt(dim, places.block),
    emit: (transpose, context) => {
      if (transpose.op !== 'transpose') return false;
      emitRows(transpose, context, graph, resultRest, operands[0] as { stride: number });
      return true;
    },
  };
}

/** Rows that are columns of the operand: as emitTranspose, with the rows at hand for all leading axes. */
function emitRows(
  node: NodeOf<'transpose'>,
  context: EmitContext,
  graph: Graph,
  rest: readonly number[],
  { stride }: { readonly stride: number },
): void {
  const [x, y] = [node.operands[0]!, node.results[0]!];
  const from = stridesOf(typeOf(graph, x).shape);
  const dims = [ROWS, ...rest];
  emitStridedCopy(context, {
    x: context.pointer(x),
    y: context.pointer(y),
    bits: 8 * DTYPE_BYTES[typeOf(graph, y).dtype],
    dims,
    from: [stride, ...node.attrs.perm.slice(node.attrs.perm.length - rest.length).map((axis) => from[axis]!)],
    to: stridesOf(dims),
  });
}

/**
 * Writes a group. Without a plan it is a trial run, to learn what it wants.
 *
 * @param guarded puts a node's lines where they are run only if they need be
 */
export function emitGroup(
  state: ProgramState,
  group: RowGroup,
  plan: MemoryPlan | undefined,
  guarded: (index: number, lines: readonly string[]) => readonly string[],
): GroupCode {
  const { graph } = state;
  const members = graph.nodes.slice(group.first, group.last + 1);
  const places = placesOf(graph, members, group);
  const nodes = members.map((node, i) => {
    const code = emitNode(state, node, group.first + i, plan, viewOf(graph, node, group, places));
    if (code.workspaceBytes > 0) throw new Error(`${node.op} wants memory of its own and cannot run on some rows`);
    return code;
  });
  const kernelScratch = nodes.reduce((most, code) => Math.max(most, code.scratchBytes), 0);
  const name = `sq_rows_${group.first}`;
  const body = nodes.flatMap(({ lines }, i) =>
    lines.length === 0 ? [] : ['{', ...guarded(group.first + i, lines).map((line) => `  ${line}`), '}'],
  );
  const checks = nodes.flatMap((code) => code.checks);
  const lines = [
    ...(checks.length === 0
      ? []
      : [
          '{',
          `  const int64_t row = 0, rows = ${places.block}, worker = 0;`,
          `  unsigned char *const local = frame->scratch;`,
          '  (void)row, (void)rows, (void)worker, (void)local;',
          ...checks.map((line) => `  ${line}`),
          '}',
        ]),
    `sq_each(frame, ${name}, frame, ${Math.ceil(group.rows / places.block)});`,
  ];
  const functions = [
    `static void ${name}(const void *args, int64_t begin, int64_t end, int64_t worker) {`,
    '  const sq_frame *const frame = (const sq_frame *)args;',
    `  unsigned char *const local = frame->scratch + worker * frame->scratch_stride + ${kernelScratch};`,
    `  for (int64_t row = begin * ${places.block}; row < sq_min_i64(${group.rows}, end * ${places.block}); row += ${places.block}) {`,
    `    const int64_t rows = sq_min_i64(${places.block}, ${group.rows} - row);`,
    ...body.map((line) => `    ${line}`),
    '  }',
    '  (void)local;',
    '}',
  ];
  return { functions, lines, scratchBytes: kernelScratch + places.bytes, nodes };
}
