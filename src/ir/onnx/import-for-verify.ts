import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Graph, valueOf } from '../graph.js';
import { bf16FromBits } from '../half.js';
import { type Bounds, decideEqual, scalarKey } from '../scalar.js';
import type { Tensor } from '../types.js';
import { type ImportOptions, importOnnx } from './import-model.js';
import { symbolName } from './input-types.js';
import { ModelError, NeedsConstant } from './model-error.js';
import { type OnnxModel, type OnnxOutput, type OnnxTensorInfo, readModel } from './read-model.js';
import { readTensorFile } from './read-tensor.js';

/** A model with ONNX test data. */
export interface VerifyCase {
  readonly graph: Graph;
  /** Data of the run-time inputs of `graph`, by name. */
  readonly inputs: ReadonlyMap<string, Tensor>;
  /** Expected results, in the order of the model's outputs, by name. */
  readonly outputs: ReadonlyMap<string, Tensor>;
  /** Inputs that became constants because shapes or attributes depend on what they hold. */
  readonly frozen: readonly string[];
}

/**
 * Imports a model to be run on a folder of ONNX test data (`input_0.pb`, … and `output_0.pb`, … in the model's order).
 * Symbolic dimensions take the data's sizes; inputs that decide shapes are frozen to the data's values.
 *
 * @throws {ModelError} for a model or data that cannot be used
 */
export function importForVerify(modelPath: string, dataDir: string, dims: ImportOptions['dims'] = {}): VerifyCase {
  const whole = readModel(modelPath);
  const read = new Set(whole.graph.nodes.flatMap((node) => node.inputs));
  // Inputs that no node reads decide nothing; some test data has them in another shape than the model.
  const model: OnnxModel = {
    ...whole,
    graph: { ...whole.graph, inputs: whole.graph.inputs.filter(({ name }) => read.has(name)) },
  };
  const data = readData(dataDir, 'input', whole.graph.inputs);
  const outputs = readData(dataDir, 'output', whole.graph.outputs);
  const bounds = { ...sizesOf(model.graph.inputs, data), ...dims };
  const freeze = new Map<string, Tensor>();
  for (;;) {
    try {
      const graph = importOnnx(model, { dims: bounds, freeze });
      const inputs = new Map([...data].filter(([name]) => read.has(name) && !freeze.has(name)));
      checkData(graph, inputs, dataDir);
      return { graph, inputs, outputs, frozen: [...freeze.keys()] };
    } catch (error) {
      if (!(error instanceof NeedsConstant)) throw error;
      const found = error.inputs.flatMap((name) => {
        const tensor = data.get(name);
        return tensor && !freeze.has(name) ? [[name, tensor] as const] : [];
      });
      if (found.length === 0) throw error;
      for (const [name, tensor] of found) freeze.set(name, tensor);
    }
  }
}

/** The tensors of `<role>_0.pb`, `<role>_1.pb`, …, in the order of the model's inputs or outputs. */
function readData(dir: string, role: 'input' | 'output', declared: readonly OnnxOutput[]): ReadonlyMap<string, Tensor> {
  let files: readonly string[];
  try {
    files = readdirSync(dir);
  } catch {
    throw new ModelError(dir, undefined, 'the folder of test data cannot be read');
  }
  return new Map(
    declared.map(({ name, dtype }, i) => {
      const file = `${role}_${i}.pb`;
      if (!files.includes(file)) throw new ModelError(dir, undefined, `${file} for ${role} '${name}' is missing`);
      const tensor = readTensorFile(join(dir, file));
      return [name, dtype === 'bf16' && tensor.dtype === 'u16' ? asBf16(tensor) : tensor];
    }),
  );
}

/** The data must have the types of the inputs it is for. */
function checkData(graph: Graph, data: ReadonlyMap<string, Tensor>, dir: string): void {
  for (const id of graph.inputs) {
    const { name, type } = valueOf(graph, id);
    const tensor = data.get(name);
    const fits =
      tensor?.dtype === type.dtype &&
      tensor.shape.length === type.shape.length &&
      type.shape.every((dim, axis) => decideEqual(dim, tensor.shape[axis] ?? -1, graph.bounds) !== false);
    if (!fits)
      throw new ModelError(
        dir,
        `input '${name}'`,
        `the data is ${tensor?.dtype}[${tensor?.shape.join(', ')}], the model takes ${type.dtype}[${type.shape.map(scalarKey).join(', ')}]`,
      );
  }
}

/** numpy has no bfloat16: the ONNX project stores such data as uint16. */
const asBf16 = ({ shape, data }: Tensor): Tensor => ({
  dtype: 'bf16',
  shape,
  data: Float32Array.from(Array.from(data, Number), bf16FromBits),
});

/** Sizes of symbolic dimensions, as the data has them. */
function sizesOf(inputs: readonly OnnxTensorInfo[], data: ReadonlyMap<string, Tensor>): Record<string, Bounds> {
  const sizes = new Map<string, Bounds>();
  for (const { name, shape } of inputs)
    for (const [axis, dim] of (shape ?? []).entries()) {
      const size = data.get(name)?.shape[axis];
      if (typeof dim !== 'number' && size !== undefined)
        sizes.set(symbolName(name, dim, axis), { min: size, max: size });
    }
  return Object.fromEntries(sizes);
}
