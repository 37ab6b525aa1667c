import type { Graph, Node, ValueId } from '../ir/graph.js';
import { typeOf, valueOf } from '../ir/graph.js';
import { boundsOf, type Dim, isStatic, type Scalar, type ScalarType, scalarKey } from '../ir/scalar.js';
import { tensorToBytes } from '../ir/tensor-bytes.js';
import { DTYPE_BYTES, elementCount, type TensorType } from '../ir/types.js';
import type { MemoryPlan, Storage } from '../passes/plan-memory.js';
import { UserError } from '../user-error.js';
import { C_TYPES } from './c-types.js';
import type { EmitContext, RunOptions } from './emit-context.js';
import { emitters } from './emitters/index.js';
import { type KernelLibrary, type KernelRow, selectVariant } from './kernel-library.js';
import type { KernelUnit } from './kernels-apart.js';
import type { ModelInterface } from './model-interface.js';
import { toFloatLiteral, toIntLiteral } from './names.js';
import type { ScalarProgram } from './scalar-program.js';
import type { Isa } from './targets.js';
import type { WeightLayout } from './weights.js';

/** What all nodes of a program write to. */
export interface ProgramState {
  readonly graph: Graph;
  readonly model: ModelInterface;
  readonly exact: boolean;
  readonly isas: readonly Isa[];
  readonly library: KernelLibrary;
  readonly weights: WeightLayout;
  readonly scalars: ScalarProgram;
  /** Kernel sources the program needs, in order of first use. */
  readonly files: Set<string>;
  /** Uses of the macros that define dtype-generic kernels. */
  readonly macros: Set<string>;
  /** Kernels that are compiled apart, by name; undefined: none are. */
  readonly apart: Map<string, KernelUnit> | undefined;
}

/** The C of one node. */
export interface NodeCode {
  readonly lines: readonly string[];
  /** Bytes it wants while it runs: once, and for each worker. */
  readonly workspaceBytes: number;
  readonly scratchBytes: number;
  /** Kernels it runs, for the report. */
  readonly kernels: readonly string[];
  /** Of a node that runs on some rows: what must hold before the first. */
  readonly checks: readonly string[];
}

/** How a node sees its values where it runs on some rows of them at a time, in a function that has `worker`. */
export interface RowView {
  type(value: ValueId): TensorType;
  /** The rows of a value that lies as `whole` points; of one that lies elsewhere, what it is at. */
  pointer(value: ValueId, whole: string | undefined): string;
  /** A dimension that the rows at hand decide; undefined for others. */
  dim(dim: Dim): string | undefined;
  maxDim(dim: Dim): number;
  /** Writes what an emitter cannot say of rows; false where it can. */
  emit(node: Node, context: EmitContext): boolean;
}

const WORKSPACE_ALIGN = 64;
const roundUp = (bytes: number): number => Math.ceil(bytes / WORKSPACE_ALIGN) * WORKSPACE_ALIGN;

/** Runs the emitter of a node. Without a plan pointers into the arena are NULL: a trial run, to learn what it wants. */
export function emitNode(
  state: ProgramState,
  node: Node,
  index: number,
  plan: MemoryPlan | undefined,
  rows?: RowView,
): NodeCode {
  const { graph, library } = state;
  const lines: string[] = [];
  const checks: string[] = [];
  const kernels: string[] = [];
  /** Names of lists of numbers, by what is in them. */
  const lists = new Map<string, string>();
  let workspaceBytes = 0;
  let scratchBytes = 0;

  const pointerTo = (value: ValueId, storage: Storage): string => {
    const type = C_TYPES[typeOf(graph, value).dtype];
    const STORAGE: { readonly [K in Storage['kind']]: (place: Extract<Storage, { kind: K }>) => string } = {
      arena: ({ offset }) => `((${type} *)(frame->arena + ${offset}))`,
      input: ({ input }) => `((const ${type} *)frame->in->${state.model.inputs.find((i) => i.value === input)!.field})`,
      output: ({ index: at }) => `((${type} *)frame->out->${state.model.outputs[at]!.field})`,
      constant: ({ constant }) => `((const ${type} *)(frame->weights + ${constantOffset(state, constant)}))`,
    };
    return STORAGE[storage.kind](storage as never);
  };

  const call = (
    kernel: string,
    args: string,
    units: string,
    fields: Readonly<Record<string, string>>,
    { scratchBytes: wanted }: RunOptions,
    scratchFunction: string | undefined,
  ): void => {
    const all = {
      ...fields,
      ...(wanted !== undefined && { scratch: 'frame->scratch', scratch_stride: 'frame->scratch_stride' }),
    };
    scratchBytes = Math.max(scratchBytes, roundUp(wanted ?? 0));
    kernels.push(kernel);
    const filled = [
      '{',
      `  const ${args} args = {`,
      ...Object.entries(all).map(([field, value]) => `    .${field} = ${value},`),
      '  };',
    ];
    // What the planner reserved against what the kernel says: never true, and cheap to know for sure.
    const check =
      scratchFunction === undefined
        ? []
        : [`  if (${scratchFunction}(&args) > frame->scratch_stride) return SQ_ERROR_ARENA_SIZE;`];
    if (rows === undefined)
      lines.push(...filled, ...check, `  sq_each(frame, ${kernel}, &args, ${units}(&args));`, '}');
    else {
      lines.push(...filled, `  ${kernel}(&args, 0, ${units}(&args), worker);`, '}');
      if (check.length > 0) checks.push(...filled, ...check, '}');
    }
  };

  const variant = (family: string): KernelRow => {
    const row = selectVariant(library, family, state.isas);
    if (row === undefined) throw new Error(`there is no kernel ${family} for ${state.isas.join(', ')}`);
    return row;
  };
  /** Of the names a kernel may go by, the first that its sources define. */
  const firstDefined = (file: string, names: readonly string[]): string | undefined =>
    names.find((name) => library.definer(file, name) !== undefined);
  /** Takes in a kernel's sources, or of one that is compiled apart the headers that define what a call needs. */
  const need = (unit: KernelUnit, names: readonly (string | undefined)[]): void => {
    const headers = names.flatMap((name) => (name === undefined ? [] : [library.definer(unit.file, name)!]));
    if (state.apart === undefined || (unit.macro === undefined && headers.includes(unit.file))) {
      state.files.add(unit.file);
      if (unit.macro !== undefined) state.macros.add(unit.macro);
      return;
    }
    for (const header of headers) state.files.add(header);
    state.apart.set(unit.name, unit);
  };

  const context: EmitContext = {
    graph,
    exact: state.exact,
    type: (value) => rows?.type(value) ?? typeOf(graph, value),
    pointer: (value) => {
      if (value === null) return 'NULL';
      if (rows !== undefined) {
        const storage = plan?.storage.get(value);
        return rows.pointer(value, storage && pointerTo(value, storage));
      }
      if (plan === undefined)
        return graph.constants.has(value) ? pointerTo(value, { kind: 'constant', constant: value }) : 'NULL';
      const storage = plan.storage.get(value);
      if (storage === undefined) throw new Error(`value %${value} has no place in memory`);
      return pointerTo(value, storage);
    },
    dim: (dim) => rows?.dim(dim) ?? state.scalars.reference(dim, 'int'),
    maxDim: (dim) => {
      if (rows !== undefined) return rows.maxDim(dim);
      const { max } = boundsOf(dim, graph.bounds);
      if (Number.isSafeInteger(max)) return max;
      throw new UserError(`the dimension ${scalarKey(dim)} has no upper bound`);
    },
    scalar: (scalar: Scalar, type: ScalarType) => state.scalars.reference(scalar, type),
    floatLiteral: toFloatLiteral,
    packed: (key, bytes, align, produce) => `(frame->weights + ${state.weights.add(key, bytes, align, produce)})`,
    workspace: (bytes) => {
      const offset = workspaceBytes;
      workspaceBytes += roundUp(bytes);
      return plan === undefined ? 'NULL' : `(frame->arena + ${(plan.workspaces.get(index) ?? 0) + offset})`;
    },
    run: (family, fields, options = {}) => {
      const row = variant(family);
      const file = `${row.name}.c`;
      const base = family.replace(/_fast$/, '');
      const args = firstDefined(file, [`${family}_args`, `${base}_args`]);
      const units = firstDefined(file, [`${row.name}_units`, `${family}_units`, `${base}_units`]);
      if (args === undefined || units === undefined)
        throw new Error(`${file}: no ${family}_args or no ${family}_units`);
      const scratch = firstDefined(file, [
        `${row.name}_scratch_bytes`,
        `${family}_scratch_bytes`,
        `${base}_scratch_bytes`,
      ]);
      need({ name: row.name, file }, [args, units, scratch]);
      call(row.name, args, units, fields, options, scratch);
    },
    variant,
    hasKernel: (family) => selectVariant(library, family, state.isas) !== undefined,
    runGeneric: (header, macro, macroArgs, kernel, fields, options = {}) => {
      const base = header.replace(/\.h$/, '');
      const file = `${base}.h`;
      const { args = `${base}_args`, units = `${base}_units` } = options;
      const scratch = firstDefined(file, [`${base}_scratch_bytes`]);
      need({ name: kernel, file, macro: `${macro}(${macroArgs.join(', ')})` }, [args, units, scratch]);
      call(kernel, args, units, fields, options, scratch);
    },
    int64s: (values) => {
      const items = (values.length === 0 ? [0] : values).map((v) => (typeof v === 'number' ? toIntLiteral(v) : v));
      const text = items.join(', ');
      if (!items.every((item) => /^-?\d+$/.test(item))) return `(const int64_t[]){${text}}`;
      // Of the program, not of the block: gcc 12 takes elements of constant compound literals for uninitialised.
      const name = lists.get(text) ?? `list_${lists.size}`;
      lists.set(text, name);
      return name;
    },
  };

  const emit = emitters[node.op] as (node: Node, context: EmitContext) => void;
  try {
    if (!rows?.emit(node, context)) emit(node, context);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `${node.source || '(unnamed)'}: ${node.op}: ${reason}`;
    throw cause instanceof UserError ? new UserError(message, { cause }) : new Error(message, { cause });
  }
  const declarations = [...lists]
    .filter(([, name]) => lines.some((line) => new RegExp(`\\b${name}\\b`).test(line)))
    .map(([text, name]) => `static const int64_t ${name}[] = {${text}};`);
  return { lines: [...declarations, ...lines], workspaceBytes, scratchBytes, kernels, checks };
}

/** Where a constant's elements are in the weights file. Each is stored once, as it is in memory. */
export function constantOffset({ graph, weights }: ProgramState, id: ValueId): number {
  const type = typeOf(graph, id);
  if (!isStatic(type.shape)) throw new Error(`the constant %${id} has a symbolic dimension`);
  return weights.add(`constant ${id}`, elementCount(type.shape) * DTYPE_BYTES[type.dtype], 8, () => {
    const constant = graph.constants.get(id);
    if (constant === undefined) throw new Error(`%${id} ${valueOf(graph, id).name} is not a constant`);
    return tensorToBytes(constant.load());
  });
}
