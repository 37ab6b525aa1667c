import { type Constant, type Graph, type Node, type NodeOf, typeOf, type Value, type ValueId } from './graph.js';
import { type AttrsOf, type EvaluateContext, type OpDefinition, type Operands, TypeMismatch } from './op.js';
import { zeros } from './ops/elements.js';
import { type OpName, type Ops, ops } from './ops/index.js';
import { boundsOf, isStatic, type Scalar, type SymbolBounds } from './scalar.js';
import { DTYPE_BYTES, elementCount, type Tensor, type TensorType } from './types.js';

/** A constant folded at once; larger ones are folded when they are loaded. */
const EAGER_BYTES = 1 << 16;
/** Folding may not grow a program: results larger than this must not outgrow their operands twice. */
const GROWTH_BYTES = 8 << 20;

export type AttrsFor<K extends OpName> = AttrsOf<Ops[K]['attrs']>;
export interface EmitOptions {
  /** ONNX node for diagnostics; default: that of the node being rewritten. */
  readonly source?: string;
  /** Names of the results in the source model. */
  readonly names?: readonly string[];
}

/** The one mutator of programs. Reads see every edit made so far. */
export interface Editor {
  readonly bounds: SymbolBounds;
  /** Live nodes in program order at the time of the call. */
  nodes(): readonly Node[];
  type(value: ValueId): TensorType;
  name(value: ValueId): string;
  /** The node that defines `value`; undefined for inputs and constants. */
  definition(value: ValueId): Node | undefined;
  /** Nodes that read `value` and are still in the program. */
  users(value: ValueId): readonly Node[];
  isOutput(value: ValueId): boolean;
  constant(value: ValueId): Constant | undefined;
  input(name: string, type: TensorType): ValueId;
  addConstant(type: TensorType, name: string, load: () => Tensor, steps?: Constant): ValueId;
  addTensor(tensor: Tensor, name: string): ValueId;
  /** Appends an operation (folded where all operands are constants) and gives its results. */
  emit<K extends OpName>(
    op: K,
    operands: readonly (ValueId | null)[],
    attrs: AttrsFor<K>,
    options?: EmitOptions,
  ): readonly ValueId[];
  /** As `emit`, for ops of one result. */
  emitOne<K extends OpName>(
    op: K,
    operands: readonly (ValueId | null)[],
    attrs: AttrsFor<K>,
    options?: EmitOptions,
  ): ValueId;
  /** Every later read of `from` reads `to`, outputs included. Types must be equal in shape and element type. */
  replace(from: ValueId, to: ValueId): void;
  /** Where new nodes go in program order, and their default source: just before `node`. */
  at(node: Node): void;
  output(name: string, value: ValueId): void;
  /** The new program: nodes that reach an output, each after its operands. */
  finish(): Graph;
}

/** The definition of an op with its schema forgotten, for code that treats every op alike. */
export const definitionOf = (op: OpName): OpDefinition => ops[op] as unknown as OpDefinition;

/**
 * What an op gives for these operands. Of results without an element it is not asked: their other dimensions may be of any
 * size, and so may be the lists that an evaluation makes of them.
 */
export function evaluateOp(
  op: OpName,
  operands: Operands,
  attrs: Readonly<Record<string, unknown>>,
  context: EvaluateContext,
): readonly Tensor[] {
  if (context.types.every(({ shape }) => shape.includes(0)))
    return context.types.map(({ dtype, shape }) => zeros(dtype, shape));
  return definitionOf(op).evaluate(operands, attrs as never, context);
}

const staticContext = (types: readonly TensorType[]): EvaluateContext => ({
  types: types as EvaluateContext['types'],
  value: (scalar: Scalar) => {
    if (typeof scalar !== 'number') throw new TypeMismatch('a symbolic attribute cannot be folded');
    return scalar;
  },
});

/** Whether every attribute that may be symbolic is a number. */
function attrsAreKnown(op: OpName, attrs: Readonly<Record<string, unknown>>): boolean {
  const symbolic = Object.entries(definitionOf(op).attrs).filter(([, { kind }]) =>
    ['dim', 'dims', 'scalars'].includes(kind),
  );
  return symbolic.every(([name]) => [attrs[name]].flat().every((scalar) => typeof scalar !== 'object'));
}

/** Ops whose result's elements are elements of their first operand. */
const MOVEMENTS: ReadonlySet<OpName> = new Set(['reshape', 'transpose', 'slice', 'expand', 'gather']);

/** The result of an op of one result on constants, when it is loaded. */
export const foldedConstant = (
  op: OpName,
  operands: readonly (Constant | null | undefined)[],
  attrs: Readonly<Record<string, unknown>>,
  type: TensorType,
): Constant => ({
  load: () => {
    const tensors = operands.map((operand) => operand?.load());
    return evaluateOp(op, tensors, attrs, staticContext([type]))[0]!;
  },
});

interface Ranked {
  readonly node: Node;
  readonly rank: number;
}

/** Opens a program for editing. The original stays as it is. */
export function editGraph(original: Graph): Editor {
  const values = new Map<ValueId, Value>(original.values);
  const constants = new Map<ValueId, Constant>(original.constants);
  const defining = new Map<ValueId, Ranked>();
  const readers = new Map<ValueId, Set<Node>>();
  const live = new Map<Node, number>();
  const forwarded = new Map<ValueId, ValueId>();
  const inputs = [...original.inputs];
  const outputs = original.outputs.map((output) => ({ ...output }));
  let nextId = [...values.keys()].reduce((max, id) => Math.max(max, id), -1) + 1;
  let rank = original.nodes.length;
  let minor = 0;
  let source = '';

  const insert = (node: Node, at: number): void => {
    live.set(node, at);
    for (const result of node.results) defining.set(result, { node, rank: at });
    for (const operand of node.operands)
      if (operand !== null) {
        const set = readers.get(operand) ?? new Set();
        set.add(node);
        readers.set(operand, set);
        revive(operand);
      }
  };
  /** Puts back the definition of a value that was swept and is read again. */
  const revive = (value: ValueId): void => {
    const definition = defining.get(value);
    if (definition === undefined || live.has(definition.node)) return;
    const { node, rank: at } = definition;
    const operands = node.operands.map((operand) => (operand === null ? null : resolve(operand)));
    insert({ ...node, operands } as Node, at);
  };
  const remove = (node: Node): void => {
    live.delete(node);
    for (const operand of node.operands) if (operand !== null) readers.get(operand)?.delete(node);
  };
  /** Takes out the definition of a value that nothing reads any more, and what only it read. */
  const sweep = (value: ValueId): void => {
    const node = defining.get(value)?.node;
    if (node === undefined || !live.has(node)) return;
    const read = (id: ValueId): boolean =>
      (readers.get(id)?.size ?? 0) > 0 || outputs.some((output) => output.value === id);
    if (node.results.some(read)) return;
    remove(node);
    for (const operand of node.operands) if (operand !== null) sweep(operand);
  };
  original.nodes.forEach((node, index) => {
    insert(node, index);
  });

  const resolve = (value: ValueId): ValueId => {
    let at = value;
    for (let next = forwarded.get(at); next !== undefined; next = forwarded.get(at)) at = next;
    return at;
  };
  const addValue = (type: TensorType, name: string): ValueId => {
    const id = nextId++ as ValueId;
    values.set(id, { id, type, name });
    return id;
  };
  const type = (value: ValueId): TensorType => typeOf({ values }, resolve(value));
  const addConstant: Editor['addConstant'] = (constantType, name, load, steps) => {
    const id = addValue(constantType, name);
    constants.set(id, { load, steps });
    return id;
  };

  const fold = (
    op: OpName,
    operands: readonly (ValueId | null)[],
    attrs: Readonly<Record<string, unknown>>,
    types: readonly TensorType[],
    names: readonly string[],
  ): readonly ValueId[] | undefined => {
    if (operands.length === 0 && op !== 'iota') return undefined;
    const sources = operands.map((operand) => (operand === null ? null : constants.get(operand)));
    if (sources.some((constant) => constant === undefined)) return undefined;
    if (!types.every((result) => isStatic(result.shape))) return undefined;
    if (!attrsAreKnown(op, attrs)) return undefined;
    const bytesOf = (t: TensorType): number => elementCount(t.shape as readonly number[]) * DTYPE_BYTES[t.dtype];
    const resultBytes = types.reduce((total, t) => total + bytesOf(t), 0);
    const operandBytes = operands.reduce(
      (total, operand) => total + (operand === null ? 0 : bytesOf(type(operand))),
      0,
    );
    if (resultBytes > GROWTH_BYTES && resultBytes > 2 * operandBytes) return undefined;
    const run = (): readonly Tensor[] =>
      evaluateOp(
        op,
        sources.map((constant) => constant?.load()),
        attrs,
        staticContext(types),
      );
    const steps = MOVEMENTS.has(op) ? sources[0]?.steps : undefined;
    const moved = steps && foldedConstant(op, [steps, ...sources.slice(1)], attrs, types[0]!);
    if (resultBytes <= EAGER_BYTES && operandBytes <= 16 * EAGER_BYTES) {
      const tensors = run();
      return types.map((t, i) => addConstant(t, names[i] ?? '', () => tensors[i]!, moved));
    }
    return types.map((t, i) => addConstant(t, names[i] ?? '', () => run()[i]!, moved));
  };

  const emit = <K extends OpName>(
    op: K,
    rawOperands: readonly (ValueId | null)[],
    attrs: AttrsFor<K>,
    options: EmitOptions = {},
  ): readonly ValueId[] => {
    const operands = rawOperands.map((operand) => (operand === null ? null : resolve(operand)));
    const types = definitionOf(op).infer(
      operands.map((operand) => (operand === null ? undefined : type(operand))),
      attrs as never,
      { bounds: original.bounds },
    );
    const names = options.names ?? [];
    const folded = fold(op, operands, attrs, types, names);
    if (folded) return folded;
    const results = types.map((t, i) => addValue(t, names[i] ?? ''));
    const node = { op, operands, results, attrs, source: options.source ?? source } as unknown as NodeOf<K>;
    insert(node as unknown as Node, rank - 0.5 + ++minor / (1 << 25));
    return results;
  };

  const replace = (from: ValueId, to: ValueId): void => {
    const [a, b] = [resolve(from), resolve(to)];
    if (a === b) return;
    const [ta, tb] = [type(a), type(b)];
    if (ta.dtype !== tb.dtype || ta.shape.length !== tb.shape.length)
      throw new TypeMismatch(`%${a} cannot be replaced by a value of another type`);
    for (const node of [...(readers.get(a) ?? [])]) {
      const at = live.get(node)!;
      remove(node);
      insert({ ...node, operands: node.operands.map((operand) => (operand === a ? b : operand)) } as Node, at);
    }
    for (const output of outputs) if (output.value === a) output.value = b;
    forwarded.set(a, b);
    revive(b);
    sweep(a);
  };

  /** Depth-first from the outputs, visiting in rank order, so that untouched programs keep their order. */
  const ordered = (): Node[] => {
    const reached = new Set<Node>();
    const mark = (value: ValueId): void => {
      const stack = [value];
      for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
        const node = defining.get(id)?.node;
        if (node === undefined || reached.has(node)) continue;
        reached.add(node);
        for (const operand of node.operands) if (operand !== null) stack.push(operand);
      }
    };
    for (const output of outputs) mark(output.value);
    const placed = new Set<Node>();
    const order: Node[] = [];
    for (const root of [...reached].sort((p, q) => live.get(p)! - live.get(q)!)) {
      const stack: Node[] = [root];
      while (stack.length > 0) {
        const node = stack[stack.length - 1]!;
        const waiting = node.operands
          .map((operand) => (operand === null ? undefined : defining.get(operand)?.node))
          .filter((candidate): candidate is Node => candidate !== undefined && !placed.has(candidate));
        if (placed.has(node) || waiting.length === 0) {
          stack.pop();
          if (!placed.has(node)) order.push(node);
          placed.add(node);
        } else stack.push(...waiting.reverse());
      }
    }
    return order;
  };

  return {
    bounds: original.bounds,
    nodes: ordered,
    type,
    name: (value) => values.get(resolve(value))!.name,
    definition: (value) => defining.get(resolve(value))?.node,
    users: (value) => [...(readers.get(resolve(value)) ?? [])],
    isOutput: (value) => outputs.some((output) => output.value === resolve(value)),
    constant: (value) => constants.get(resolve(value)),
    input: (name, inputType) => {
      const id = addValue(inputType, name);
      inputs.push(id);
      return id;
    },
    addConstant,
    addTensor: (tensor, name) => addConstant({ dtype: tensor.dtype, shape: tensor.shape }, name, () => tensor),
    emit,
    emitOne: (op, operands, attrs, options) => {
      const results = emit(op, operands, attrs, options);
      if (results.length !== 1) throw new TypeMismatch(`${op} has ${results.length} results`);
      return results[0]!;
    },
    replace,
    at: (node) => {
      rank = defining.get(node.results[0]!)?.rank ?? rank;
      minor = 0;
      source = node.source;
    },
    output: (name, value) => {
      revive(resolve(value));
      outputs.push({ name, value: resolve(value) });
    },
    finish: () => {
      const nodes = ordered();
      const used = new Set<ValueId>([...inputs, ...outputs.map((output) => output.value)]);
      for (const node of nodes) for (const id of [...node.operands, ...node.results]) if (id !== null) used.add(id);
      return {
        name: original.name,
        inputs,
        outputs,
        nodes,
        values: new Map([...values].filter(([id]) => used.has(id))),
        constants: new Map([...constants].filter(([id]) => used.has(id))),
        bounds: original.bounds,
      };
    },
  };
}

/** A program with nothing in it, to build on with `editGraph`. */
export const emptyGraph = (name: string, bounds: SymbolBounds): Graph => ({
  name,
  inputs: [],
  outputs: [],
  nodes: [],
  values: new Map(),
  constants: new Map(),
  bounds,
});

/** The largest a shape can get, in elements. Infinite where a symbol has no bound. */
export const maxElements = (shape: TensorType['shape'], bounds: SymbolBounds): number =>
  shape.reduce<number>((total, dim) => total * Math.max(0, boundsOf(dim, bounds).max), 1);
