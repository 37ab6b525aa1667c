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
      const dataType = CODES[tensor.dtype];
      if (dataType === undefined) throw new Error(`${name}: ${tensor.dtype} is not written here`);
      const bytes = tensorToBytes(tensor);
      const proto: TensorProto = { name, dims: [...tensor.shape], dataType };
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
