import { evaluateOp } from './edit.js';
import { type Graph, type Node, typeOf, type ValueId, valueOf } from './graph.js';
import { TypeMismatch } from './op.js';
import { type Dim, evaluateScalar, namedBounds, type ScalarEnvironment, scalarKey } from './scalar.js';
import { elementCount, type StaticTensorType, type Tensor, type TensorType } from './types.js';

export interface EvaluateOptions {
  /** Called after each node with its results, in program order; for calibration and tests. */
  readonly observe?: (node: Node, results: readonly Tensor[]) => void;
}

/**
 * Runs a program on tensors by input name and gives its outputs by name: the meaning of the program, to which the
 * generated C answers. A value is kept only until its last use.
 * Throws a TypeMismatch for an input that is missing or does not fit, and for a run-time error of a node, which it names.
 */
export function evaluateGraph(
  graph: Graph,
  inputs: ReadonlyMap<string, Tensor>,
  { observe }: EvaluateOptions = {},
): Map<string, Tensor> {
  const environment = bindInputs(graph, inputs);
  const value = (scalar: Dim): number => evaluateScalar(scalar, environment);
  const typed = (type: TensorType): StaticTensorType => ({ ...type, shape: type.shape.map(value) });

  const live = new Map<ValueId, Tensor>();
  for (const id of graph.inputs) live.set(id, requireInput(graph, id, inputs));
  const uses = countUses(graph);
  const read = (id: ValueId): Tensor => {
    const tensor = live.get(id) ?? graph.constants.get(id)?.load();
    if (tensor === undefined) throw new Error(`value %${id} is read before it is defined`);
    const left = (uses.get(id) ?? 1) - 1;
    uses.set(id, left);
    if (left > 0) live.set(id, tensor);
    else live.delete(id);
    return tensor;
  };

  for (const node of graph.nodes) {
    const operands = node.operands.map((id) => (id === null ? undefined : read(id)));
    const types = node.results.map((id) => typed(typeOf(graph, id)));
    const results = evaluateNode(node, operands, types, value);
    observe?.(node, results);
    node.results.forEach((id, i) => {
      if (uses.has(id)) live.set(id, results[i]!);
    });
  }
  return new Map(graph.outputs.map(({ name, value: id }) => [name, read(id)]));
}

function evaluateNode(
  node: Node,
  operands: readonly (Tensor | undefined)[],
  types: readonly StaticTensorType[],
  value: (scalar: Dim) => number,
): readonly Tensor[] {
  try {
    const results = evaluateOp(node.op, operands, node.attrs, { types, value });
    types.forEach(({ dtype, shape }, i) => {
      const found = results[i];
      if (found?.dtype !== dtype || String(found.shape) !== String(shape) || found.data.length !== elementCount(shape))
        throw new TypeMismatch(`expected result ${i} as ${dtype}[${shape}], found ${found?.dtype}[${found?.shape}]`);
    });
    return results;
  } catch (error) {
    if (!(error instanceof TypeMismatch)) throw error;
    throw new TypeMismatch(`${node.op}${node.source ? ` (${node.source})` : ''}: ${error.message}`);
  }
}

/** Reads of each value, by nodes and as outputs. */
function countUses(graph: Graph): Map<ValueId, number> {
  const uses = new Map<ValueId, number>();
  const count = (id: ValueId | null): void => {
    if (id !== null) uses.set(id, (uses.get(id) ?? 0) + 1);
  };
  for (const node of graph.nodes) node.operands.forEach(count);
  for (const output of graph.outputs) count(output.value);
  return uses;
}

function requireInput(graph: Graph, id: ValueId, inputs: ReadonlyMap<string, Tensor>): Tensor {
  const { name, type } = valueOf(graph, id);
  const tensor = inputs.get(name);
  const expected = `${type.dtype}[${type.shape.map(scalarKey).join(', ')}]`;
  if (tensor === undefined) throw new TypeMismatch(`input ${name}: expected ${expected}, found none`);
  if (tensor.dtype !== type.dtype || tensor.shape.length !== type.shape.length)
    throw new TypeMismatch(`input ${name}: expected ${expected}, found ${tensor.dtype}[${tensor.shape}]`);
  if (tensor.data.length !== elementCount(tensor.shape))
    throw new TypeMismatch(`input ${name}: ${tensor.data.length} elements for shape [${tensor.shape}]`);
  return tensor;
}

/** Symbols from the shapes of the inputs, elements from their data; checks both against their bounds. */
function bindInputs(graph: Graph, inputs: ReadonlyMap<string, Tensor>): ScalarEnvironment {
  const symbols = new Map<string, number>();
  const shapes = graph.inputs.map((id) => ({ ...valueOf(graph, id), found: requireInput(graph, id, inputs).shape }));
  for (const { name, type, found } of shapes)
    type.shape.forEach((dim, axis) => {
      if (typeof dim === 'number' || dim.kind !== 'symbol' || symbols.has(dim.name)) return;
      const bounds = namedBounds(graph.bounds, dim.name);
      const size = found[axis]!;
      if (bounds && (size < bounds.min || size > bounds.max))
        throw new TypeMismatch(
          `input ${name}, axis ${axis}: ${dim.name} must be ${bounds.min} to ${bounds.max}, found ${size}`,
        );
      symbols.set(dim.name, size);
    });
  const environment: ScalarEnvironment = {
    symbol: (name) => {
      const size = symbols.get(name);
      if (size === undefined) throw new TypeMismatch(`symbol ${name} is no dimension of an input`);
      return size;
    },
    element: (name, index) => {
      const element = inputs.get(name)?.data[index];
      if (element === undefined) throw new TypeMismatch(`element ${index} of input ${name} does not exist`);
      const bounds = namedBounds(graph.bounds, name);
      const found = Number(element);
      if (bounds && !(found >= bounds.min && found <= bounds.max))
        throw new TypeMismatch(
          `input ${name}, element ${index}: must be ${bounds.min} to ${bounds.max}, found ${found}`,
        );
      return found;
    },
  };
  for (const { name, type, found } of shapes)
    type.shape.forEach((dim, axis) => {
      const expected = evaluateScalar(dim, environment);
      if (expected !== found[axis])
        throw new TypeMismatch(
          `input ${name}, axis ${axis}: expected ${scalarKey(dim)} = ${expected}, found ${found[axis]}`,
        );
    });
  return environment;
}
