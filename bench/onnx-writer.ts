import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { onnx as schema } from 'onnx-proto';
import { onnx } from '../src/ir/onnx/proto.js';
import { tensorToBytes } from '../src/ir/tensor-bytes.js';
import type { DType, Tensor } from '../src/ir/types.js';

export type ModelProto = schema.IModelProto;
export type NodeProto = schema.INodeProto;
export type TensorProto = schema.ITensorProto;

/** onnx.proto: TensorProto.DataType. */
const CODES: Partial<Readonly<Record<DType, number>>> = { f32: 1, u8: 2, i8: 3, i32: 6, i64: 7, bool: 9 };
const EXTERNAL = 1;
/** Larger tensors go to the external file. */
const INLINE_BYTES = 1024;

/** Of a node: integers, strings, lists of integers, and floats, which have to say so. */
export type AttributeValue =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly tensor: TensorProto };

/** An attribute as onnx.proto has it. */
export function attributeProto(name: string, value: AttributeValue): schema.IAttributeProto {
  if (typeof value === 'number') return { name, type: 2, i: value };
  if (typeof value === 'string') return { name, type: 3, s: new TextEncoder().encode(value) };
  if ('float' in value) return { name, type: 1, f: value.float };
  if ('tensor' in value) return { name, type: 4, t: value.tensor };
  return { name, type: 7, ints: [...value] };
}

/** A tensor with its elements in it. */
export function tensorProto(name: string, tensor: Tensor): TensorProto {
  return { name, dims: [...tensor.shape], dataType: codeOf(name, tensor.dtype), rawData: tensorToBytes(tensor) };
}

/** Of an input or an output of a graph; a dimension is a number or a symbol. */
export const infoProto = (name: string, dtype: DType, shape: readonly (number | string)[]): schema.IValueInfoProto => ({
  name,
  type: {
    tensorType: {
      elemType: codeOf(name, dtype),
      shape: { dim: shape.map((dim) => (typeof dim === 'number' ? { dimValue: dim } : { dimParam: dim })) },
    },
  },
});

function codeOf(name: string, dtype: DType): number {
  const code = CODES[dtype];
  if (code === undefined) throw new Error(`${name}: ${dtype} is not written here`);
  return code;
}

export interface OnnxWriter {
  /** Writes the elements and gives the initializer that refers to them. */
  readonly store: (name: string, tensor: Tensor) => TensorProto;
  readonly finish: (model: ModelProto) => void;
}

/** Writes a model to `file`, and its weights, as they come, to `file`.data beside it. */
export function openOnnxWriter(file: string): OnnxWriter {
  mkdirSync(dirname(file), { recursive: true });
  const data = openSync(`${file}.data`, 'w');
  let offset = 0;
  return {
    store: (name, tensor) => {
      const bytes = tensorToBytes(tensor);
      const proto: TensorProto = { name, dims: [...tensor.shape], dataType: codeOf(name, tensor.dtype) };
      if (bytes.length <= INLINE_BYTES) return { ...proto, rawData: bytes };
      writeSync(data, bytes, 0, bytes.length, offset);
      const externalData = [
        { key: 'location', value: `${basename(file)}.data` },
        { key: 'offset', value: String(offset) },
        { key: 'length', value: String(bytes.length) },
      ];
      offset += Math.ceil(bytes.length / 64) * 64;
      return { ...proto, dataLocation: EXTERNAL, externalData };
    },
    finish: (model) => {
      closeSync(data);
      writeFileSync(file, onnx.ModelProto.encode(onnx.ModelProto.fromObject(model)).finish());
    },
  };
}
