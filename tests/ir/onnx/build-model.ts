import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import onnxProto from 'onnx-proto';
import { tensorToBytes } from '../../../src/ir/tensor-bytes.js';
import type { DType, Tensor } from '../../../src/ir/types.js';

/** Small ONNX models, written for tests. */

const { onnx } = onnxProto;

const CODES: Readonly<Record<DType, number>> = {
  f32: 1,
  u8: 2,
  i8: 3,
  u16: 4,
  i16: 5,
  i32: 6,
  i64: 7,
  bool: 9,
  f16: 10,
  f64: 11,
  u32: 12,
  u64: 13,
  bf16: 16,
};

export type AttributeValue = number | string | readonly number[] | { readonly float: number } | Tensor;
export interface NodeSpec {
  readonly op: string;
  readonly in: readonly string[];
  readonly out: readonly string[];
  readonly name?: string;
  readonly domain?: string;
  readonly attrs?: Readonly<Record<string, AttributeValue>>;
}
export interface InfoSpec {
  readonly dtype: DType;
  /** null: nothing is said of the dimension. */
  readonly shape: readonly (number | string | null)[];
}
export interface ModelSpec {
  readonly opset?: number;
  readonly inputs?: Readonly<Record<string, InfoSpec>>;
  /** null: the model does not say the type. */
  readonly outputs: Readonly<Record<string, InfoSpec | null>>;
  readonly initializers?: Readonly<Record<string, Tensor>>;
  readonly nodes: readonly NodeSpec[];
  /** Further fields of TensorProtos, for external data. */
  readonly raw?: readonly NonNullable<Parameters<typeof onnx.TensorProto.create>[0]>[];
}

export const f32 = (shape: readonly number[], values: readonly number[]): Tensor => ({
  dtype: 'f32',
  shape,
  data: Float32Array.from(values),
});
export const i64 = (shape: readonly number[], values: readonly number[]): Tensor => ({
  dtype: 'i64',
  shape,
  data: BigInt64Array.from(values.map((value) => BigInt(value))),
});

export const tensorProto = (name: string, tensor: Tensor) => ({
  name,
  dims: [...tensor.shape],
  dataType: CODES[tensor.dtype],
  rawData: tensorToBytes(tensor),
});

function attribute(name: string, value: AttributeValue) {
  if (typeof value === 'number')
    return Number.isInteger(value) ? { name, type: 2, i: value } : { name, type: 1, f: value };
  if (typeof value === 'string') return { name, type: 3, s: new TextEncoder().encode(value) };
  if ('float' in value) return { name, type: 1, f: value.float };
  if ('dtype' in value) return { name, type: 4, t: tensorProto('', value) };
  return value.every(Number.isInteger) ? { name, type: 7, ints: [...value] } : { name, type: 6, floats: [...value] };
}

const typeProto = ({ dtype, shape }: InfoSpec) => ({
  tensorType: {
    elemType: CODES[dtype],
    shape: {
      dim: shape.map((dim) => (dim === null ? {} : typeof dim === 'number' ? { dimValue: dim } : { dimParam: dim })),
    },
  },
});

const info = (infos: Readonly<Record<string, InfoSpec | null>>) =>
  Object.entries(infos).map(([name, spec]) => (spec === null ? { name } : { name, type: typeProto(spec) }));

export function encodeModel({ opset = 17, inputs = {}, outputs, initializers = {}, nodes, raw = [] }: ModelSpec) {
  return onnx.ModelProto.encode({
    irVersion: 8,
    opsetImport: [{ domain: '', version: opset }],
    graph: {
      name: 'test',
      input: info(inputs),
      output: info(outputs),
      initializer: [...Object.entries(initializers).map(([name, tensor]) => tensorProto(name, tensor)), ...raw],
      node: nodes.map(({ op, in: input, out, name = '', domain = '', attrs = {} }) => ({
        opType: op,
        domain,
        name,
        input: [...input],
        output: [...out],
        attribute: Object.entries(attrs).map(([key, value]) => attribute(key, value)),
      })),
    },
  }).finish();
}

export const temporaryFolder = (): string => mkdtempSync(join(tmpdir(), 'sam-qc-onnx-'));

/** Writes a model into a new folder and gives its path. */
export function writeModel(spec: ModelSpec, folder = temporaryFolder()): string {
  const path = join(folder, 'model.onnx');
  writeFileSync(path, encodeModel(spec));
  return path;
}
