import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import onnxProto from 'onnx-proto';
import { describe, expect, it } from 'vitest';
import { evaluateGraph } from '../../../src/ir/evaluate.js';
import { importForVerify } from '../../../src/ir/onnx/import-for-verify.js';
import type { Tensor } from '../../../src/ir/types.js';
import { f32, i64, type ModelSpec, tensorProto, writeModel } from './build-model.js';

const view: ModelSpec = {
  inputs: {
    x: { dtype: 'f32', shape: ['n', 6] },
    shape: { dtype: 'i64', shape: ['rank'] },
    unread: { dtype: 'f32', shape: [9] },
  },
  outputs: { y: { dtype: 'f32', shape: [null, null, null] } },
  nodes: [{ op: 'Reshape', in: ['x', 'shape'], out: ['y'], name: 'view' }],
};
const x = f32([2, 6], [...Array(12).keys()]);

function writeCase(spec: ModelSpec, data: Readonly<Record<string, Tensor>>): { model: string; folder: string } {
  const model = writeModel(spec);
  const folder = join(dirname(model), 'test_data_set_0');
  mkdirSync(folder);
  for (const [file, tensor] of Object.entries(data))
    writeFileSync(join(folder, `${file}.pb`), onnxProto.onnx.TensorProto.encode(tensorProto(file, tensor)).finish());
  return { model, folder };
}
const good = {
  input_0: x,
  input_1: i64([3], [3, -1, 2]),
  input_2: f32([1], [0]),
  output_0: { ...x, shape: [3, 2, 2] },
};

describe('test data', () => {
  it('freezes the inputs that decide shapes and sizes the symbols', () => {
    const { model, folder } = writeCase(view, good);
    const { graph, inputs, outputs, frozen } = importForVerify(model, folder);
    expect(frozen).toEqual(['shape']);
    expect([...inputs.keys()]).toEqual(['x']);
    expect(graph.bounds).toEqual({});
    expect(evaluateGraph(graph, inputs)).toEqual(outputs);
  });
  it('that is missing is named', () => {
    const { output_0, ...rest } = good;
    const { model, folder } = writeCase(view, rest);
    expect(() => importForVerify(model, folder)).toThrow("test_data_set_0: output_0.pb for output 'y' is missing");
    expect(() => importForVerify(model, `${folder}-none`)).toThrow('the folder of test data cannot be read');
    expect(output_0.shape).toEqual([3, 2, 2]);
  });
  it('of another type is refused', () => {
    const { model, folder } = writeCase(view, { ...good, input_0: f32([2, 5], [...Array(10).keys()]) });
    expect(() => importForVerify(model, folder)).toThrow(/view \(Reshape\)|input 'x'/);
    const relu: ModelSpec = {
      inputs: { x: { dtype: 'f32', shape: [3] } },
      outputs: { y: { dtype: 'f32', shape: [3] } },
      nodes: [{ op: 'Relu', in: ['x'], out: ['y'] }],
    };
    const other = writeCase(relu, { input_0: f32([4], [1, 2, 3, 4]), output_0: f32([4], [1, 2, 3, 4]) });
    expect(() => importForVerify(other.model, other.folder)).toThrow(
      "test_data_set_0: input 'x': the data is f32[4], the model takes f32[3]",
    );
  });
});
