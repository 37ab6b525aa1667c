import { definitionOf } from './edit.js';
import { type Graph, type Node, type ValueId, valueOf } from './graph.js';
import type { AttrSpec } from './op.js';
import { ops } from './ops/index.js';
import { boundsOf, type Dim, isStatic, leavesOf, namedBounds, type Scalar } from './scalar.js';
import { formatType } from './text/format.js';
import { DTYPES, type TensorType, typesEqual } from './types.js';

/** A program that breaks a rule of the IR. `problems` has one line each: the node (op, source) and the cause. */
export class InvalidGraph extends Error {
  override readonly name = 'InvalidGraph';
  constructor(
    graph: string,
    readonly problems: readonly string[],
  ) {
    super(`invalid program ${JSON.stringify(graph)}:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
  }
}

/**
 * Checks every rule of the IR: values defined once and before their use, operand counts and attributes as the op's
 * definition has them, result types as inferred, constants of static shape, symbolic dimensions bounded, outputs that
 * exist.
 *
 * @throws InvalidGraph naming every node at fault
 */
export function verify(graph: Graph): void {
  const problems = [...verifyInterface(graph), ...verifyNodes(graph), ...verifyOutputs(graph)];
  if (problems.length > 0) throw new InvalidGraph(graph.name, problems);
}

function* verifyInterface(graph: Graph): Iterable<string> {
  const seen = new Set<string>();
  for (const id of graph.inputs) {
    const value = graph.values.get(id);
    if (value === undefined) yield `input %${id}: not among the values of the program`;
    else {
      if (seen.has(value.name)) yield `input ${JSON.stringify(value.name)}: two inputs have this name`;
      seen.add(value.name);
      if (graph.constants.has(id)) yield `input ${JSON.stringify(value.name)}: is a constant as well`;
      yield* unbounded(graph, value.type.shape, `input ${JSON.stringify(value.name)}`);
    }
  }
  for (const id of graph.constants.keys()) {
    const value = graph.values.get(id);
    if (value === undefined) yield `constant %${id}: not among the values of the program`;
    else if (!isStatic(value.type.shape))
      yield `constant %${id} ${JSON.stringify(value.name)}: its shape is not static, ${formatType(value.type)}`;
  }
  for (const [name, { min, max }] of Object.entries(graph.bounds))
    if (!(min <= max)) yield `symbol ${JSON.stringify(name)}: no value lies in ${min}..${max}`;
}

/** Symbols and input elements in `scalars` that the program gives no bounds, or no such input. */
function* unbounded(graph: Graph, scalars: readonly Scalar[], where: string): Iterable<string> {
  const leaves = new Map(scalars.flatMap((scalar) => [...leavesOf(scalar)]));
  for (const leaf of leaves.values()) {
    if (leaf.kind === 'symbol') {
      const bounds = namedBounds(graph.bounds, leaf.name);
      if (bounds === undefined || !Number.isFinite(bounds.min) || !Number.isFinite(bounds.max))
        yield `${where}: symbolic dimension ${JSON.stringify(leaf.name)} has no bounds`;
    } else if (leaf.kind === 'element' && !graph.inputs.some((id) => graph.values.get(id)?.name === leaf.input))
      yield `${where}: reads an element of ${JSON.stringify(leaf.input)}, which is not an input`;
  }
}

function* verifyNodes(graph: Graph): Iterable<string> {
  const defined = new Set<ValueId>([...graph.inputs, ...graph.constants.keys()]);
  for (const [index, node] of graph.nodes.entries()) {
    const where = `node ${index}, ${node.op}${node.source === '' ? '' : ` (${node.source})`}`;
    const undefinedOperands = node.operands.filter((id): id is ValueId => id !== null && !defined.has(id));
    for (const id of undefinedOperands)
      yield graph.values.has(id)
        ? `${where}: operand %${id} is used before its definition`
        : `${where}: operand %${id} does not exist`;
    const before = [...operandCount(node), ...attributes(graph, node)].map((problem) => `${where}: ${problem}`);
    yield* before;
    if (before.length === 0 && undefinedOperands.length === 0) yield* resultTypes(graph, node, where);
    for (const id of node.results) {
      if (defined.has(id)) yield `${where}: result %${id} is defined twice`;
      defined.add(id);
    }
  }
}

function* operandCount(node: Node): Iterable<string> {
  if (!Object.hasOwn(ops, node.op)) {
    yield `there is no op of this name`;
    return;
  }
  const specs = definitionOf(node.op).operands;
  const variadic = specs.at(-1)?.variadic === true;
  if (node.operands.length > specs.length && !variadic)
    yield `takes at most ${specs.length} operands, found ${node.operands.length}`;
  for (const [i, spec] of specs.entries())
    if (!spec.optional && !spec.variadic && (node.operands[i] ?? null) === null)
      yield `operand ${spec.name} is missing`;
  if (variadic && node.operands.slice(specs.length - 1).some((id) => id === null))
    yield `operand ${specs.at(-1)?.name} has a gap`;
}

const isInt = (value: unknown): boolean => Number.isInteger(value);
const isNumber = (value: unknown): boolean => typeof value === 'number';
const isScalar = (value: unknown): boolean =>
  typeof value === 'number' || (typeof value === 'object' && value !== null && 'kind' in value);
const listOf =
  (check: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    Array.isArray(value) && value.every(check);

const FITS: { readonly [K in AttrSpec['kind']]: (value: unknown, spec: AttrSpec) => boolean } = {
  int: isInt,
  float: isNumber,
  bool: (value) => typeof value === 'boolean',
  ints: listOf(isInt),
  floats: listOf(isNumber),
  dim: isScalar,
  dims: listOf(isScalar),
  scalars: listOf(isScalar),
  dtype: (value) => DTYPES.some((dtype) => dtype === value),
  string: (value) => typeof value === 'string',
  quant: (value) => typeof value === 'object' && value !== null && 'zeroPoint' in value,
  enum: (value, spec) => spec.kind === 'enum' && spec.values.some((choice) => choice === value),
};

function* attributes(graph: Graph, node: Node): Iterable<string> {
  if (!Object.hasOwn(ops, node.op)) return;
  const schema = definitionOf(node.op).attrs;
  const attrs = node.attrs as Readonly<Record<string, unknown>>;
  for (const [key, spec] of Object.entries(schema)) {
    const value = attrs[key];
    if (value === undefined) {
      if (!spec.optional) yield `attribute ${key} is missing`;
    } else if (!FITS[spec.kind](value, spec)) yield `attribute ${key} is not of kind ${spec.kind}`;
    else if (spec.kind === 'dim') yield* unbounded(graph, [value as Dim], `attribute ${key}`);
    else if (spec.kind === 'dims' || spec.kind === 'scalars')
      yield* unbounded(graph, value as readonly Scalar[], `attribute ${key}`);
  }
  for (const key of Object.keys(attrs)) if (!Object.hasOwn(schema, key)) yield `there is no attribute ${key}`;
}

function* resultTypes(graph: Graph, node: Node, where: string): Iterable<string> {
  const types = node.operands.map((id) => (id === null ? undefined : valueOf(graph, id).type));
  let inferred: readonly TensorType[];
  try {
    inferred = definitionOf(node.op).infer(types, node.attrs as never, { bounds: graph.bounds });
  } catch (error) {
    yield `${where}: ${error instanceof Error ? error.message : String(error)}`;
    return;
  }
  if (inferred.length !== node.results.length) {
    yield `${where}: has ${inferred.length} results, found ${node.results.length}`;
    return;
  }
  for (const [i, type] of inferred.entries()) {
    const found = graph.values.get(node.results[i]!)?.type;
    if (found === undefined) yield `${where}: result %${node.results[i]} is not among the values of the program`;
    else if (!typesEqual(found, type))
      yield `${where}: result ${i} should be ${formatType(type)}, found ${formatType(found)}`;
    else if (!found.shape.every((dim) => Number.isFinite(boundsOf(dim, graph.bounds).max)))
      yield `${where}: result ${i}, ${formatType(found)}, can be of any size: give bounds to what its shape depends on`;
  }
}

function* verifyOutputs(graph: Graph): Iterable<string> {
  const defined = new Set<ValueId>([...graph.inputs, ...graph.constants.keys()]);
  for (const node of graph.nodes) for (const id of node.results) defined.add(id);
  if (graph.outputs.length === 0) yield 'the program has no outputs';
  const seen = new Set<string>();
  for (const { name, value } of graph.outputs) {
    if (!defined.has(value)) yield `output ${JSON.stringify(name)}: %${value} is not defined`;
    if (seen.has(name)) yield `output ${JSON.stringify(name)}: two outputs have this name`;
    seen.add(name);
  }
}
