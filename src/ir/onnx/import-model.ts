import { editGraph, emptyGraph } from '../edit.js';
import type { Graph } from '../graph.js';
import { TypeMismatch } from '../op.js';
import { decideEqual, type SymbolBounds, scalarKey } from '../scalar.js';
import type { TensorType } from '../types.js';
import { createBuilder } from './builder.js';
import { checkOperators, sortNodes } from './check-graph.js';
import { type ImportOptions, inputTypes, isCountable } from './input-types.js';
import { type DataSource, ModelError } from './model-error.js';
import { nodeImport } from './node-import.js';
import type { OnnxValue } from './onnx-value.js';
import { operators } from './operators/index.js';
import { type OnnxModel, type OnnxNode, type OnnxOutput, readModel } from './read-model.js';

export type { ImportOptions };

/**
 * Reads an ONNX model into the IR. Shape arithmetic disappears: what does not fold to a constant becomes scalar
 * expressions of symbolic dimensions and of elements of small inputs.
 *
 * @throws {ModelError} for a model that is damaged, contradicts itself or uses what is not supported
 */
export function importModel(path: string, options: ImportOptions = {}): Graph {
  return importOnnx(readModel(path), options);
}

/** As {@link importModel}, of a model already read. */
export function importOnnx(model: OnnxModel, { dims = {}, freeze = new Map() }: ImportOptions = {}): Graph {
  const { file, graph } = model;
  checkOperators(model);
  const nodes = sortNodes(model);
  const { types, sized, bounds } = inputTypes(model, { dims, freeze });
  const editor = editGraph(emptyGraph(graph.name, bounds));
  const builder = createBuilder(editor);
  const values = new Map<string, OnnxValue>();

  for (const { name } of graph.inputs) {
    const frozen = freeze.get(name);
    const type = types.get(name);
    if (frozen) values.set(name, builder.constant(frozen, name));
    else if (type) values.set(name, builder.input(name, type, sized.has(name)));
  }
  for (const tensor of graph.initializers)
    values.set(tensor.name, builder.stored({ dtype: tensor.dtype, shape: tensor.shape }, tensor.name, tensor));

  const sources = sourceFinder(nodes, types);
  for (const node of nodes) {
    const results = importNode(node, model, () =>
      operators[node.op]?.import(nodeImport({ model, node, builder, sources, lookup: (name) => values.get(name) })),
    );
    node.outputs.forEach((name, i) => {
      if (name === '') return;
      const result = results[i];
      if (result === undefined) throw new ModelError(file, node.label, `output ${i} ('${name}') is not supported`);
      values.set(name, result);
    });
  }
  for (const output of graph.outputs) {
    const value = values.get(output.name);
    if (value === undefined) throw new ModelError(file, undefined, `the output '${output.name}' is not defined`);
    checkOutput(output, value, file, bounds);
    editor.output(output.name, value.id());
  }
  return editor.finish();
}

/** Runs a handler; what contradicts itself in its operands is blamed on the node. */
function importNode(
  node: OnnxNode,
  { file }: OnnxModel,
  run: () => OnnxValue | readonly OnnxValue[] | undefined,
): readonly OnnxValue[] {
  try {
    const results = run();
    if (results === undefined) throw new ModelError(file, node.label, 'unknown operator');
    return isList(results) ? results : [results];
  } catch (error) {
    if (error instanceof TypeMismatch) throw new ModelError(file, node.label, error.message, { cause: error });
    throw error;
  }
}

const isList = (results: OnnxValue | readonly OnnxValue[]): results is readonly OnnxValue[] => Array.isArray(results);

/** The run-time inputs that a value depends on. */
function sourceFinder(
  nodes: readonly OnnxNode[],
  inputs: ReadonlyMap<string, TensorType>,
): (name: string) => readonly DataSource[] {
  const producer = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  return (name) => {
    const seen = new Set<string>();
    const stack = [name];
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      if (at === '' || seen.has(at)) continue;
      seen.add(at);
      stack.push(...(producer.get(at)?.inputs ?? []));
    }
    return [...inputs]
      .filter(([input]) => seen.has(input))
      .map(([input, type]) => ({ name: input, countable: isCountable(type) }));
  };
}

/** The declared type of an output must not contradict the computed one; symbols say nothing. */
function checkOutput(declared: OnnxOutput, { type }: OnnxValue, file: string, bounds: SymbolBounds): void {
  const shape = declared.shape ?? type.shape.map(() => null);
  const fits =
    (declared.dtype ?? type.dtype) === type.dtype &&
    shape.length === type.shape.length &&
    shape.every((dim, axis) => typeof dim !== 'number' || decideEqual(dim, type.shape[axis] ?? -1, bounds) !== false);
  if (!fits)
    throw new ModelError(
      file,
      `output '${declared.name}'`,
      `is declared as ${declared.dtype ?? ''}[${shape.map((dim) => dim ?? '?').join(', ')}] but computed as ${type.dtype}[${type.shape.map(scalarKey).join(', ')}]`,
    );
}
