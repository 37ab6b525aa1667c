import type { Graph, ValueId } from '../ir/graph.js';
import { TypeMismatch } from '../ir/op.js';
import {
  type Bounds,
  boundsOf,
  type Expr,
  namedBounds,
  product,
  type ScalarType,
  type SymbolBounds,
  scalarKey,
} from '../ir/scalar.js';
import type { DType } from '../ir/types.js';
import { findSkippable } from '../passes/find-skippable.js';
import { groupRows, type RowGroup } from '../passes/group-rows.js';
import { type MemoryPlan, planMemory, type Storage } from '../passes/plan-memory.js';
import { UserError } from '../user-error.js';
import { C_TYPES } from './c-types.js';
import { emitHeader } from './emit-header.js';
import { type KernelLibrary, openKernelLibrary } from './kernel-library.js';
import { type KernelUnit, kernelDeclarations } from './kernels-apart.js';
import { describeInterface, type InterfaceTensor, type ModelInterface } from './model-interface.js';
import { toComment, toFloatLiteral, toIntLiteral, toStringLiteral } from './names.js';
import { constantOffset, emitNode, type NodeCode, type ProgramState } from './node-emitter.js';
import { programText } from './program-text.js';
import { emitGroup } from './row-groups.js';
import { createScalarProgram, type LeafCode, type ScalarProgram } from './scalar-program.js';
import { TARGETS, type TargetName } from './targets.js';
import { createWeightLayout, type WeightLayout } from './weights.js';

export interface ProgramOptions {
  /** Prefix of every C name: an identifier. */
  readonly name: string;
  readonly target: TargetName;
  /** A quantized build: the same bytes on every target. */
  readonly exact: boolean;
  readonly library?: KernelLibrary;
  /** Kernels are left out of the C file, to be compiled once for many programs. */
  readonly apart?: boolean;
}

/** A node as the profile and the report name it. */
export interface ProgramNode {
  readonly op: string;
  readonly source: string;
  readonly kernels: readonly string[];
}

export interface Program {
  readonly model: ModelInterface;
  readonly header: string;
  /** The C file, once the checksum of the weights is known. */
  readonly source: (checksum: bigint) => string;
  readonly weights: WeightLayout;
  readonly plan: MemoryPlan;
  /** Scratch of each worker. */
  readonly scratchBytes: number;
  /** What `arena_bytes()` answers. */
  readonly arenaBytes: number;
  readonly nodes: readonly ProgramNode[];
  /** Those that are not in the C file. */
  readonly kernels: readonly KernelUnit[];
}

/** The arena starts at the next multiple of this within what the caller gives. */
export const ARENA_SLACK = 64;

/**
 * Writes a program as C. The graph must be fully lowered: every op has an emitter that can do it, every symbolic
 * dimension has bounds.
 */
export function emitProgram(program: Graph, options: ProgramOptions): Program {
  const { graph, groups } = groupRows(program);
  const model = describeInterface(graph, options.name);
  const scalars = createScalarProgram(leavesFor(graph, model));
  const state: ProgramState = {
    graph,
    model,
    exact: options.exact,
    isas: TARGETS[options.target].isas,
    library: options.library ?? openKernelLibrary(),
    weights: createWeightLayout(),
    scalars,
    files: new Set(),
    macros: new Set(),
    apart: options.apart ? new Map() : undefined,
  };
  const skippable = findSkippable(graph);
  const guarded = (index: number, lines: readonly string[]): readonly string[] =>
    whereNotZero(state, skippable.get(index), lines);
  const grouped = new Map(groups.flatMap((group) => rangeOf(group).map((index) => [index, group] as const)));
  const emitAll = (plan: MemoryPlan | undefined): readonly (NodeCode & { readonly functions: readonly string[] })[] =>
    graph.nodes.flatMap((node, index) => {
      const group = grouped.get(index);
      if (group === undefined) {
        const code = emitNode(state, node, index, plan);
        return [{ ...code, lines: guarded(index, code.lines), functions: [] }];
      }
      if (group.first !== index) return [];
      const { nodes: members, functions, lines, scratchBytes } = emitGroup(state, group, plan, guarded);
      return members.map((code, i) => ({
        ...code,
        lines: i === members.length - 1 ? lines : [],
        functions: i === members.length - 1 ? functions : [],
        scratchBytes,
      }));
    });
  const wanted = new Map(emitAll(undefined).map(({ workspaceBytes }, index) => [index, workspaceBytes]));
  const plan = boundedPlan(graph, wanted, groups);
  const nodes = emitAll(plan);
  const scratchBytes = nodes.reduce((most, node) => Math.max(most, node.scratchBytes), 0);
  const dimChecks = checkDimensions(graph, scalars);
  const outputDims = model.outputs.flatMap(({ field, type }) =>
    type.shape.map((dim, axis) => `out->${field}_dims[${axis}] = ${scalars.reference(dim, 'int')};`),
  );
  const copies = plan.copiedOutputs.map((index) => copyOutput(state, plan, index));
  const named = nodes
    .map((code, index) => ({ code, index, node: graph.nodes[index]! }))
    .filter(({ code }) => code.lines.length > 0);
  const text = (checksum: bigint): string =>
    programText({
      model,
      sources: sourcesOf(state),
      macros: [...state.macros, ...(state.apart ? [kernelDeclarations([...state.apart.values()])] : [])],
      scalarFields: scalars
        .fields()
        .map(({ field, type, comment }) => `${type === 'int' ? 'int64_t' : 'float'} ${field}; /* ${comment} */`),
      scalarStatements: [...symbolChecks(model), ...scalars.statements(), ...dimChecks],
      outputDims,
      nodes: named.map(({ code, index, node }) => ({
        index,
        lines: code.lines,
        comment: toComment(`${node.op} ${node.source}`),
        label: toStringLiteral(toComment(labelOf(graph, index, grouped.get(index)))),
        functions: code.functions,
      })),
      copies,
      arenaBytes: plan.bytes,
      scratchBytes,
      slack: ARENA_SLACK,
      weightsBytes: state.weights.bytes(),
      checksum,
      features: TARGETS[options.target].features,
    });
  return {
    model,
    header: emitHeader(model),
    source: text,
    weights: state.weights,
    plan,
    scratchBytes,
    arenaBytes: plan.bytes + scratchBytes + ARENA_SLACK,
    nodes: nodes.flatMap((code, index) => (code.kernels.length > 0 ? [describeNode(graph.nodes[index]!, code)] : [])),
    kernels: [...(state.apart?.values() ?? [])],
  };
}

const rangeOf = ({ first, last }: RowGroup): readonly number[] =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i);

function labelOf(graph: Graph, index: number, group: RowGroup | undefined): string {
  const node = graph.nodes[index]!;
  if (group === undefined) return `${index} ${node.op} ${node.source}`;
  const ops = rangeOf(group).flatMap((at) => (graph.nodes[at]!.op === 'reshape' ? [] : [graph.nodes[at]!.op]));
  return `${group.first}-${group.last} ${ops.join(' + ')} ${node.source}`;
}

const describeNode = (node: Graph['nodes'][number], code: NodeCode): ProgramNode => ({
  op: node.op,
  source: node.source,
  kernels: code.kernels,
});

/** Lines that run where an input of one element is not 0. */
function whereNotZero({ model }: ProgramState, flag: ValueId | undefined, lines: readonly string[]): readonly string[] {
  if (flag === undefined || lines.length === 0) return lines;
  const { field } = model.inputs.find(({ value }) => value === flag)!;
  return [`if (frame->in->${field}[0] != 0.0f) {`, ...lines.map((line) => `  ${line}`), '}'];
}

/** Texts of headers and kernels, each once, dependencies first. */
function sourcesOf({ library, files }: ProgramState): readonly { file: string; text: string }[] {
  const order = new Set<string>(library.closure('sq_kernel.h'));
  for (const file of files) for (const part of library.closure(file)) order.add(part);
  return [...order].map((file) => ({ file, text: library.text(file) }));
}

/** `x < min || x > max`, leaving out what the type already says. Undefined where nothing is left. */
function outside(value: string, { min, max }: Bounds, literal: (x: number) => string): string | undefined {
  const tests = [
    ...(Number.isFinite(min) ? [`${value} < ${literal(min)}`] : []),
    ...(Number.isFinite(max) ? [`${value} > ${literal(max)}`] : []),
  ];
  return tests.length > 0 ? tests.join(' || ') : undefined;
}

const symbolChecks = (model: ModelInterface): string[] =>
  model.symbols.map(
    ({ field, bounds }) =>
      `if (${outside(`frame->in->${field}`, bounds, toIntLiteral) ?? '0'}) return SQ_ERROR_SYMBOL;`,
  );

const FLOAT_MAX = 3.4028234663852886e38;

function leavesFor(graph: Graph, model: ModelInterface): Parameters<typeof createScalarProgram>[0] {
  const inputNamed = (name: string): InterfaceTensor => {
    const input = model.inputs.find((candidate) => candidate.name === name);
    if (input === undefined)
      throw new Error(`${graph.name}: a shape depends on ${JSON.stringify(name)}, which is not an input`);
    return input;
  };
  return {
    symbol: (name) => {
      const symbol = model.symbols.find((candidate) => candidate.name === name);
      if (symbol === undefined)
        throw new Error(`${graph.name}: no input has the symbolic dimension ${JSON.stringify(name)}`);
      return { checks: [], value: `frame->in->${symbol.field}` };
    },
    element: (name, index, type) => elementLeaf(inputNamed(name), index, type, graph.bounds),
  };
}

const SCALAR_INPUTS: Readonly<Partial<Record<DType, ScalarType>>> = {
  f32: 'f32',
  i8: 'int',
  u8: 'int',
  i16: 'int',
  u16: 'int',
  i32: 'int',
  u32: 'int',
  i64: 'int',
  bool: 'int',
};

/** Reading one element of an input: it must exist, be finite, and be within the bounds that were promised for it. */
function elementLeaf(input: InterfaceTensor, index: number, type: ScalarType, bounds: SymbolBounds): LeafCode {
  const { dtype } = input.type;
  if (SCALAR_INPUTS[dtype] !== type)
    throw new UserError(`element ${index} of input ${JSON.stringify(input.name)} (${dtype}) cannot be used as ${type}`);
  const value = `frame->in->${input.field}[${index}]`;
  const count = boundsOf(product(input.type.shape), bounds);
  if (count.min <= index)
    throw new UserError(
      `element ${index} of input ${JSON.stringify(input.name)} is read, which may have only ${count.min}`,
    );
  const range = namedBounds(bounds, input.name) ?? { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY };
  if (type === 'int') {
    const tooFar = outside(`(int64_t)${value}`, range, toIntLiteral);
    return {
      checks: tooFar === undefined ? [] : [`if (${tooFar}) return SQ_ERROR_SCALAR;`],
      value: `(int64_t)${value}`,
    };
  }
  const min = toFloatLiteral(Math.max(range.min, -FLOAT_MAX));
  const max = toFloatLiteral(Math.min(range.max, FLOAT_MAX));
  return { checks: [`if (!(${value} >= ${min} && ${value} <= ${max})) return SQ_ERROR_SCALAR;`], value };
}

/** @throws UserError where a value has no largest size */
function boundedPlan(graph: Graph, workspaces: ReadonlyMap<number, number>, groups: readonly RowGroup[]): MemoryPlan {
  try {
    return planMemory(graph, workspaces, groups);
  } catch (cause) {
    throw cause instanceof TypeMismatch ? new UserError(cause.message, { cause }) : cause;
  }
}

/** Every symbolic dimension of every value must be within what the memory plan counted with. */
function checkDimensions(graph: Graph, scalars: ScalarProgram): string[] {
  const dims = new Map<string, Expr>();
  for (const { type } of graph.values.values())
    for (const dim of type.shape) if (typeof dim !== 'number') dims.set(scalarKey(dim), dim);
  return [...dims.values()].map((dim) => {
    const { min, max } = boundsOf(dim, graph.bounds);
    const tests = outside(scalars.reference(dim, 'int'), { min: Math.max(0, min), max }, toIntLiteral);
    return `if (${tests ?? '0'}) return SQ_ERROR_DIMENSION;`;
  });
}

/** An output that is an input, a constant or another output. */
function copyOutput(state: ProgramState, plan: MemoryPlan, index: number): string {
  const output = state.model.outputs[index]!;
  const storage = plan.storage.get(output.value)!;
  const bytes = `${state.scalars.reference(product(output.type.shape), 'int')} * (int64_t)sizeof(${C_TYPES[output.type.dtype]})`;
  const FROM: { readonly [K in Storage['kind']]: (place: Extract<Storage, { kind: K }>) => string } = {
    arena: () => {
      throw new Error('an output in the arena would have been written in place');
    },
    input: ({ input }) => `frame->in->${state.model.inputs.find(({ value }) => value === input)!.field}`,
    output: ({ index: other }) => `frame->out->${state.model.outputs[other]!.field}`,
    constant: ({ constant }) => `frame->weights + ${constantOffset(state, constant)}`,
  };
  return `sq_program_copy(frame->out->${output.field}, ${FROM[storage.kind](storage as never)}, ${bytes});`;
}
