import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { importModel } from '../../../src/ir/onnx/import-model.js';
import { ModelError, NeedsConstant } from '../../../src/ir/onnx/model-error.js';
import { encodeModel, f32, type InfoSpec, i64, type ModelSpec, temporaryFolder, writeModel } from './build-model.js';

/** Every message names the file, the node where there is one, and the cause. */

const vector: InfoSpec = { dtype: 'f32', shape: [4] };
const relu: ModelSpec = {
  inputs: { x: vector },
  outputs: { y: vector },
  nodes: [{ op: 'Relu', in: ['x'], out: ['y'], name: 'act' }],
};

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(ModelError);
    return error instanceof Error ? error.message : '';
  }
  throw new Error('nothing was thrown');
}
const refusal = (spec: ModelSpec): string => messageOf(() => importModel(writeModel(spec)));

function file(bytes: Uint8Array | string): string {
  const path = join(temporaryFolder(), 'model.onnx');
  writeFileSync(path, bytes);
  return path;
}

describe('a file that is no whole model', () => {
  it('reads the good one', () => {
    expect(importModel(writeModel(relu)).nodes.map(({ op }) => op)).toEqual(['unary']);
  });
  it('is missing', () => {
    expect(messageOf(() => importModel(join(temporaryFolder(), 'none.onnx')))).toMatch(
      /^none\.onnx: cannot be read: ENOENT/,
    );
  });
  it('is empty', () => {
    expect(messageOf(() => importModel(file('')))).toBe('model.onnx: is empty');
  });
  it.each([
    ['text', 'this is not a model at all'],
    ['a picture', new Uint8Array([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0, 0, 13])],
    ['an unrelated message', new Uint8Array([0x12, 2, 0x68, 0x69])],
  ])('is %s', (_, bytes) => {
    expect(messageOf(() => importModel(file(bytes)))).toMatch(/^model\.onnx: is not an? (whole )?ONNX model/);
  });
  it('is truncated anywhere', () => {
    const bytes = encodeModel(relu);
    for (let length = 1; length < bytes.length; length++)
      expect(() => importModel(file(bytes.subarray(0, length)))).toThrow(ModelError);
    expect(messageOf(() => importModel(file(bytes.subarray(0, 60))))).toMatch(/truncated/);
  });
  it('holds an empty graph', () => {
    expect(refusal({ outputs: {}, nodes: [] })).toBe('model.onnx: holds an empty graph');
  });
  it('says no operator set', () => {
    // The fields of the model but opset_import (8): ir_version (1) and graph (7).
    const bytes = encodeModel(relu);
    const at = bytes.lastIndexOf(0x42);
    expect(messageOf(() => importModel(file(bytes.subarray(0, at))))).toMatch(/opset_import/);
  });
});

describe('operators', () => {
  it('are all listed with their nodes', () => {
    const message = refusal({
      ...relu,
      nodes: [
        { op: 'Frobnicate', in: ['x'], out: ['a'], name: 'first' },
        { op: 'NonZero', in: ['a'], out: ['b'], name: 'where' },
        { op: 'Frobnicate', in: ['b'], out: ['c'], name: 'second' },
        { op: 'FusedGelu', in: ['c'], out: ['y'], domain: 'com.microsoft', name: 'gelu' },
      ],
    });
    expect(message).toMatch(/Frobnicate \(unknown operator\): first, second/);
    expect(message).toMatch(/NonZero \(the shape of its result depends on data\): where/);
    expect(message).toMatch(/com\.microsoft\.FusedGelu \(unknown operator\): gelu/);
  });
  it('of old operator sets are refused', () => {
    expect(refusal({ ...relu, opset: 5 })).toMatch(/Relu \(in the form of opset 5, older than 6/);
  });
  it('of newer operator sets are accepted where known', () => {
    expect(importModel(writeModel({ ...relu, opset: 23 })).nodes).toHaveLength(1);
  });
});

describe('names', () => {
  it('defined twice', () => {
    const twice = { op: 'Relu', in: ['x'], out: ['y'], name: 'again' };
    expect(refusal({ ...relu, nodes: [...relu.nodes, twice] })).toBe(
      "model.onnx: the value 'y' is defined twice: by act (Relu) and by again (Relu)",
    );
  });
  it('defined nowhere', () => {
    expect(refusal({ ...relu, nodes: [{ op: 'Add', in: ['x', 'z'], out: ['y'], name: 'sum' }] })).toBe(
      "model.onnx: sum (Add): input 'z' is not defined anywhere",
    );
    expect(refusal({ ...relu, outputs: { y: vector, w: vector } })).toMatch(/output 'w' is not defined anywhere/);
  });
  it('defined by each other', () => {
    const nodes = [
      { op: 'Add', in: ['x', 'b'], out: ['a'], name: 'one' },
      { op: 'Add', in: ['x', 'a'], out: ['b'], name: 'two' },
      { op: 'Add', in: ['a', 'b'], out: ['y'], name: 'three' },
    ];
    expect(refusal({ ...relu, nodes })).toMatch(/(one|two) \(Add\): is part of a cycle with (one|two) \(Add\)/);
  });
  it('defined later are found', () => {
    const nodes = [
      { op: 'Neg', in: ['a'], out: ['y'] },
      { op: 'Relu', in: ['x'], out: ['a'] },
    ];
    expect(importModel(writeModel({ ...relu, nodes })).nodes).toHaveLength(2);
  });
});

describe('shapes', () => {
  it('that contradict each other', () => {
    expect(
      refusal({
        inputs: { x: { dtype: 'f32', shape: [2, 3] } },
        outputs: { y: { dtype: 'f32', shape: [2, 5] } },
        initializers: { w: f32([4, 5], Array(20).fill(1)) },
        nodes: [{ op: 'MatMul', in: ['x', 'w'], out: ['y'], name: 'project' }],
      }),
    ).toMatch(/^model\.onnx: project \(MatMul\): .*3.*4/);
  });
  it('that do not broadcast', () => {
    expect(
      refusal({
        inputs: { x: vector, z: { dtype: 'f32', shape: [3] } },
        outputs: { y: vector },
        nodes: [{ op: 'Add', in: ['x', 'z'], out: ['y'] }],
      }),
    ).toMatch(/node 0 -> y \(Add\): broadcasting \[4\] with \[3\]/);
  });
  it('declared of an output and computed', () => {
    expect(refusal({ ...relu, outputs: { y: { dtype: 'f32', shape: [5] } } })).toBe(
      "model.onnx: output 'y': is declared as f32[5] but computed as f32[4]",
    );
    expect(refusal({ ...relu, outputs: { y: { dtype: 'i64', shape: [4] } } })).toMatch(/declared as i64\[4\]/);
  });
  it('with symbols that have no bound', () => {
    const open: ModelSpec = {
      ...relu,
      inputs: { x: { dtype: 'f32', shape: ['frames', null] } },
      outputs: { y: { dtype: 'f32', shape: ['frames', null] } },
    };
    const message = refusal(open);
    expect(message).toMatch(/'frames' of input 'x', 'x_dim_1' of input 'x'/);
    expect(message).toMatch(/--dim frames=<min>\.\.<max> --dim x_dim_1=<min>\.\.<max>/);
    const graph = importModel(writeModel(open), { dims: { frames: { min: 1, max: 4 }, x_dim_1: { min: 3, max: 3 } } });
    expect(graph.bounds).toEqual({ frames: { min: 1, max: 4 } });
    expect(messageOf(() => importModel(writeModel(open), { dims: { frames: { min: 4, max: 1 } } }))).toMatch(/4\.\.1/);
  });
  it('that depend on data', () => {
    const spec: ModelSpec = {
      inputs: { x: vector, shape: { dtype: 'i64', shape: [2] } },
      outputs: { y: { dtype: 'f32', shape: [2, 2] } },
      nodes: [{ op: 'Reshape', in: ['x', 'shape'], out: ['y'], name: 'view' }],
    };
    expect(() => importModel(writeModel(spec))).toThrow(NeedsConstant);
    expect(refusal(spec)).toMatch(
      /view \(Reshape\): the shape depends on the data of 'shape'.*--freeze shape=<file\.npy>/,
    );
    expect(refusal(spec)).toMatch(/or bound its elements with --dim shape=<min>\.\.<max>/);
    const frozen = importModel(writeModel(spec), { freeze: new Map([['shape', i64([2], [2, 2])]]) });
    expect(frozen.inputs).toHaveLength(1);
    const wrong = { freeze: new Map([['shape', i64([3], [1, 2, 2])]]) };
    expect(messageOf(() => importModel(writeModel(spec), wrong))).toMatch(
      /input 'shape': cannot be frozen: axis 0 is 2, in the data 3/,
    );
  });
  it('that weights do not fill', () => {
    const raw = [{ name: 'w', dataType: 1, dims: [3], rawData: new Uint8Array(8) }];
    expect(refusal({ ...relu, raw })).toBe("model.onnx: tensor 'w': holds 8 bytes where f32[3] needs 12");
    expect(refusal({ ...relu, raw: [{ name: 'w', dataType: 1, dims: [3], floatData: [1, 2] }] })).toMatch(
      /holds 2 elements/,
    );
    expect(refusal({ ...relu, raw: [{ name: 'w', dataType: 8, dims: [1] }] })).toMatch(/tensor 'w'.*string/);
  });
});

describe('external data', () => {
  const stored = (location: string, more: Readonly<Record<string, string>> = {}): ModelSpec => ({
    ...relu,
    nodes: [{ op: 'Add', in: ['x', 'w'], out: ['y'] }],
    raw: [
      {
        name: 'w',
        dataType: 1,
        dims: [4],
        dataLocation: 1,
        externalData: Object.entries({ location, ...more }).map(([key, value]) => ({ key, value })),
      },
    ],
  });
  const beside = (spec: ModelSpec, bytes: number): string => {
    const folder = temporaryFolder();
    const data = Uint8Array.from({ length: bytes }, (_, i) => i);
    writeFileSync(join(folder, 'w.bin'), data);
    return writeModel(spec, folder);
  };
  it('is read at its offset', () => {
    const graph = importModel(beside(stored('w.bin', { offset: '4', length: '16' }), 20));
    const [constant] = [...graph.constants.values()];
    const expected = new Float32Array(Uint8Array.from({ length: 16 }, (_, i) => i + 4).buffer);
    expect(constant?.load().data).toEqual(expected);
  });
  it.each([
    ['no location', stored(''), /without a location/],
    ['a missing file', stored('other.bin'), /external data file 'other\.bin' is missing/],
    ['a short file', stored('w.bin', { offset: '8' }), /'w\.bin' is too short: 24 bytes are needed, it has 20/],
    ['another length', stored('w.bin', { length: '12' }), /length of 12 bytes .* needs 16/],
    ['a bad offset', stored('w.bin', { offset: '-4' }), /offset '-4'/],
    ['an absolute path', stored('/etc/passwd'), /absolute paths are refused/],
    ['a Windows path', stored('C:\\w.bin'), /absolute paths are refused/],
    ['a path upwards', stored('../w.bin'), /leave the model's folder/],
    ['a path down and upwards', stored('a/../../w.bin'), /leave the model's folder/],
  ])('with %s is refused', (_, spec, cause) => {
    const message = messageOf(() => importModel(beside(spec, 20)));
    expect(message).toMatch(/^model\.onnx: tensor 'w': /);
    expect(message).toMatch(cause);
  });
  it('behind a symbolic link that leaves the folder is refused', () => {
    const [inside, outside] = [temporaryFolder(), temporaryFolder()];
    writeFileSync(join(outside, 'w.bin'), new Uint8Array(16));
    symlinkSync(join(outside, 'w.bin'), join(inside, 'w.bin'));
    expect(messageOf(() => importModel(writeModel(stored('w.bin'), inside)))).toMatch(/symbolic link leaves/);
    mkdirSync(join(inside, 'folder'));
    expect(messageOf(() => importModel(writeModel(stored('folder'), inside)))).toMatch(/is not a file/);
  });
});
