import { constants } from 'node:buffer';
import { readFileSync } from 'node:fs';
import type { Constant } from '../graph.js';
import { bf16FromBits, f16FromBits } from '../half.js';
import { tensorFromBytes, tensorFromOwnBytes } from '../tensor-bytes.js';
import { allocate, DTYPE_BYTES, type DType, elementCount, type Tensor, type TensorData } from '../types.js';
import { type ExternalRange, locateExternalData, readExternalData } from './external-data.js';
import { ModelError } from './model-error.js';
import { type Int64, onnx, toBigInt, toNumber } from './proto.js';

/** ONNX TensorProto.DataType codes of the types that are tensors of numbers. */
const DTYPE_OF_CODE: Readonly<Record<number, DType>> = {
  1: 'f32',
  2: 'u8',
  3: 'i8',
  4: 'u16',
  5: 'i16',
  6: 'i32',
  7: 'i64',
  9: 'bool',
  10: 'f16',
  11: 'f64',
  12: 'u32',
  13: 'u64',
  16: 'bf16',
};
const NAME_OF_CODE: Readonly<Record<number, string>> = {
  0: 'an undefined type',
  8: 'string',
  14: 'complex64',
  15: 'complex128',
  17: 'float8e4m3fn',
  18: 'float8e4m3fnuz',
  19: 'float8e5m2',
  20: 'float8e5m2fnuz',
  21: 'uint4',
  22: 'int4',
  23: 'float4e2m1',
};

/** Element type of an ONNX type code; strings, complex numbers and types below 8 bits are refused. */
export function dtypeOfCode(code: number, fail: (reason: string) => never): DType {
  return (
    DTYPE_OF_CODE[code] ??
    fail(`elements of type ${NAME_OF_CODE[code] ?? code} are not supported (only numbers and bool)`)
  );
}

/** Integers of 4 bits, two in a byte with the first in its low half, become integers of 8. */
const NIBBLES_OF_CODE: Readonly<Record<number, 'u8' | 'i8'>> = { 21: 'u8', 22: 'i8' };

/** A tensor of the model: its type at once, its elements when asked for. */
export interface StoredTensor extends Constant {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

export interface TensorFields {
  readonly name?: string | null;
  readonly dims?: readonly Int64[] | null;
  readonly dataType?: number | null;
  readonly dataLocation?: number | null;
  readonly externalData?: readonly { readonly key?: string | null; readonly value?: string | null }[] | null;
  readonly rawData?: Uint8Array | null;
  readonly floatData?: readonly number[] | null;
  readonly doubleData?: readonly number[] | null;
  readonly int32Data?: readonly number[] | null;
  readonly int64Data?: readonly Int64[] | null;
  readonly uint64Data?: readonly Int64[] | null;
}

const EXTERNAL = 1;

/**
 * Reads a TensorProto. Sizes are checked now, external files included; elements are converted at every `load`, so a
 * model's weights are never in memory all together.
 */
export function readTensor(proto: TensorFields, file: string): StoredTensor {
  const name = proto.name ?? '';
  const what = `tensor '${name}'`;
  const fail = (reason: string): never => {
    throw new ModelError(file, what, reason);
  };
  const nibbles = NIBBLES_OF_CODE[proto.dataType ?? 0];
  const dtype = nibbles ?? dtypeOfCode(proto.dataType ?? 0, fail);
  const shape = (proto.dims ?? []).map(toNumber);
  if (shape.some((dim) => dim < 0)) fail(`has the negative shape [${shape.join(', ')}]`);
  const count = elementCount(shape);
  const bytes = nibbles ? Math.ceil(count / 2) : count * DTYPE_BYTES[dtype];
  const fromBytes = (data: Uint8Array): Tensor =>
    nibbles ? unpackNibbles(nibbles, shape, data) : tensorFromBytes(dtype, shape, data);
  const describe = `${dtype}[${shape.join(', ')}]`;
  if (bytes > constants.MAX_LENGTH)
    fail(`${describe} takes ${bytes} bytes, and this Node.js holds ${constants.MAX_LENGTH} in one piece at most`);
  if ((proto.dataLocation ?? 0) === EXTERNAL) {
    const range: ExternalRange = locateExternalData(proto.externalData ?? [], bytes, file, what);
    const own = (data: Uint8Array): Tensor => (nibbles ? fromBytes(data) : tensorFromOwnBytes(dtype, shape, data));
    return { name, dtype, shape, load: () => own(readExternalData(range)) };
  }
  const raw = proto.rawData;
  if (raw && raw.length > 0) {
    if (raw.length !== bytes) fail(`holds ${raw.length} bytes where ${describe} needs ${bytes}`);
    return { name, dtype, shape, load: () => fromBytes(raw) };
  }
  if (nibbles) {
    const packed = Uint8Array.from(proto.int32Data ?? []);
    if (packed.length !== bytes) fail(`holds ${packed.length} pairs of elements where ${describe} needs ${bytes}`);
    return { name, dtype, shape, load: () => fromBytes(packed) };
  }
  const data = typedFields(proto, dtype);
  if (data.length !== count) fail(`holds ${data.length} elements where ${describe} needs ${count}`);
  return { name, dtype, shape, load: () => ({ dtype, shape, data: data.slice() }) };
}

function unpackNibbles(dtype: 'u8' | 'i8', shape: readonly number[], bytes: Uint8Array): Tensor {
  const data = allocate(dtype, elementCount(shape));
  const shift = dtype === 'i8' ? 28 : 0;
  for (let i = 0; i < data.length; i++) {
    const code = (bytes[i >> 1]! >> (4 * (i & 1))) & 15;
    data[i] = (code << shift) >> shift;
  }
  return { dtype, shape, data };
}

/** Test data of the ONNX project: a file that holds one TensorProto. */
export function readTensorFile(path: string): Tensor {
  const proto = decodeMessage(path, 'tensor', (bytes) => onnx.TensorProto.decode(bytes));
  return readTensor(proto as TensorFields, path).load();
}

/** Decodes a protobuf file; damage becomes a {@link ModelError}. */
export function decodeMessage<T>(path: string, what: string, decodeBytes: (bytes: Uint8Array) => T): T {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new ModelError(path, undefined, `cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (bytes.length === 0) throw new ModelError(path, undefined, 'is empty');
  try {
    return decodeBytes(bytes);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ModelError(
      path,
      undefined,
      /call stack|nesting|recursion|depth/i.test(reason)
        ? `is not an ONNX ${what} (its messages are nested too deeply)`
        : error instanceof RangeError
          ? `is not a whole ONNX ${what}: the protobuf ends in the middle of a field (truncated file?)`
          : `is not an ONNX ${what} (protobuf: ${reason})`,
      { cause: error },
    );
  }
}

/** The typed field that holds each element type (onnx.proto, TensorProto). Small types travel as int32. */
function typedFields(proto: TensorFields, dtype: DType): TensorData {
  const numbers = proto.int32Data ?? [];
  const READ: { readonly [D in DType]: () => TensorData } = {
    f32: () => Float32Array.from(proto.floatData ?? []),
    f64: () => Float64Array.from(proto.doubleData ?? []),
    f16: () => Float32Array.from(numbers, f16FromBits),
    bf16: () => Float32Array.from(numbers, bf16FromBits),
    i8: () => Int8Array.from(numbers),
    u8: () => Uint8Array.from(numbers),
    i16: () => Int16Array.from(numbers),
    u16: () => Uint16Array.from(numbers),
    i32: () => Int32Array.from(numbers),
    u32: () => Uint32Array.from(proto.uint64Data ?? [], toNumber),
    i64: () => BigInt64Array.from((proto.int64Data ?? []).map(toBigInt)),
    u64: () => BigUint64Array.from((proto.uint64Data ?? []).map(toBigInt)),
    bool: () => Uint8Array.from(numbers, (x) => Number(x !== 0)),
  };
  return READ[dtype]();
}
