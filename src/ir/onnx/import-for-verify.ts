import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Graph } from '../graph.js';
import type { Tensor } from '../types.js';
import { type ImportOptions, importOnnx } from './import-model.js';
import { ModelError, NeedsConstant } from './model-error.js';
import { readModel } from './read-model.js';
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
  const model = readModel(modelPath);
  const data = readData(
    dataDir,
    'input',
    model.graph.inputs.map(({ name }) => name),
  );
  const outputs = readData(
    dataDir,
    'output',
    model.graph.outputs.map(({ name }) => name),
  );
  const bounds = { ...sizesOf(model.graph.inputs, data), ...dims };
  const freeze = new Map<string, Tensor>();
  for (;;) {
    try {
      const graph = importOnnx(model, { dims: bounds, freeze });
      const inputs = new Map([...data].filter(([name]) => !freeze.has(name)));
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

/** The tensors of `<role>_0.pb`, `<role>_1.pb`, …, one for each name. */
function readData(dir: string, role: 'input' | 'output', names: readonly string[]): ReadonlyMap<string, Tensor> {
  let files: readonly string[];
  try {
    files = readdirSync(dir);
  } catch {
    throw new ModelError(dir, undefined, 'the folder of test data cannot be read');
  }
  return new Map(
    names.map((name, i) => {
      const file = `${role}_${i}.pb`;
      if (!files.includes(file)) throw new ModelError(dir, undefined, `${file} for ${role} '${name}' is missing`);
      return [name, readTensorFile(join(dir, file))];
    }),
  );
}

/** Sizes of symbolic dimensions, as the data has them. */
function sizesOf(
  inputs: readonly { readonly name: string; readonly shape: readonly (number | string | null)[] | undefined }[],
  data: ReadonlyMap<string, Tensor>,
): Record<string, { readonly min: number; readonly max: number }> {
  const sizes: Record<string, { readonly min: number; readonly max: number }> = {};
  for (const { name, shape } of inputs)
    for (const [axis, dim] of (shape ?? []).entries()) {
      const size = data.get(name)?.shape[axis];
      if (typeof dim !== 'number' && size !== undefined) sizes[dim ?? `${name}_dim_${axis}`] = { min: size, max: size };
    }
  return sizes;
}
