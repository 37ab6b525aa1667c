import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import onnxProto from 'onnx-proto';
import { describe, expect, it } from 'vitest';
import { toBigInt, toNumber } from '../../../src/ir/onnx/proto.js';
import { readTensor, readTensorFile } from '../../../src/ir/onnx/read-tensor.js';
import { temporaryFolder, tensorProto } from './build-model.js';

const { onnx } = onnxProto;

describe('64-bit fields', () => {
  it('are exact as numbers and as Long', () => {
    expect(toBigInt(-7)).toBe(-7n);
    expect(toBigInt({ toString: () => '-9223372036854775808' })).toBe(-(2n ** 63n));
    expect(toNumber({ toString: () => '123456789012345' })).toBe(123456789012345);
  });
  it('keep every bit of typed data', () => {
    const values = [2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n];
    // int64_data (field 7), packed varints.
    const varint = (value: bigint): number[] => {
      const bytes: number[] = [];
      for (let rest = BigInt.asUintN(64, value); ; rest >>= 7n) {
        if (rest < 128n) return [...bytes, Number(rest)];
        bytes.push(Number(rest & 127n) | 128);
      }
    };
    const packed = values.flatMap(varint);
    const bytes = Uint8Array.from([0x08, 3, 0x10, 7, 0x3a, packed.length, ...packed]);
    const path = join(temporaryFolder(), 'input_0.pb');
    writeFileSync(path, bytes);
    expect(readTensorFile(path).data).toEqual(BigInt64Array.from(values));
  });
});

describe('tensors', () => {
  it.each([
    ['f32', { dataType: 1, floatData: [1.5, -2] }, Float32Array.of(1.5, -2)],
    ['u8', { dataType: 2, int32Data: [0, 255] }, Uint8Array.of(0, 255)],
    ['i8', { dataType: 3, int32Data: [-128, 127] }, Int8Array.of(-128, 127)],
    ['u16', { dataType: 4, int32Data: [0, 65535] }, Uint16Array.of(0, 65535)],
    ['i16', { dataType: 5, int32Data: [-5, 5] }, Int16Array.of(-5, 5)],
    ['i32', { dataType: 6, int32Data: [-5, 5] }, Int32Array.of(-5, 5)],
    ['i64', { dataType: 7, int64Data: [-5, 5] }, BigInt64Array.of(-5n, 5n)],
    ['bool', { dataType: 9, int32Data: [0, 1] }, Uint8Array.of(0, 1)],
    ['f16', { dataType: 10, int32Data: [0x3e00, 0x0001] }, Float32Array.of(1.5, 2 ** -24)],
    ['f64', { dataType: 11, doubleData: [0.1, 1e300] }, Float64Array.of(0.1, 1e300)],
    ['u32', { dataType: 12, uint64Data: [4294967295, 1] }, Uint32Array.of(4294967295, 1)],
    ['u64', { dataType: 13, uint64Data: [7, 1] }, BigUint64Array.of(7n, 1n)],
    ['bf16', { dataType: 16, int32Data: [0x3fc0, 0xc000] }, Float32Array.of(1.5, -2)],
  ])('of %s in typed fields and in raw data', (dtype, fields, data) => {
    const decode = (proto: Parameters<typeof onnx.TensorProto.encode>[0]) =>
      readTensor(onnx.TensorProto.decode(onnx.TensorProto.encode(proto).finish()) as never, 'model.onnx').load();
    const typed = decode({ name: 't', dims: [2], ...fields });
    expect(typed).toEqual({ dtype, shape: [2], data });
    expect(decode(tensorProto('t', typed))).toEqual(typed);
  });
  it.each([
    [21, 'u8', Uint8Array.of(1, 15, 8)],
    [22, 'i8', Int8Array.of(1, -1, -8)],
  ])('of 4-bit integers (type %i) become 8-bit ones', (dataType, dtype, data) => {
    const t = { name: 't', dims: [3], dataType };
    const unpacked = { dtype, shape: [3], data };
    expect(readTensor({ ...t, rawData: Uint8Array.of(0xf1, 0x08) }, 'model.onnx').load()).toEqual(unpacked);
    expect(readTensor({ ...t, int32Data: [0xf1, 0x08] }, 'model.onnx').load()).toEqual(unpacked);
    expect(() => readTensor({ ...t, rawData: Uint8Array.of(0xf1) }, 'model.onnx')).toThrow(/1 bytes where/);
    expect(() => readTensor({ ...t, int32Data: [1] }, 'model.onnx')).toThrow(/1 pairs/);
  });
  it('give equal elements at every load', () => {
    const stored = readTensor({ name: 't', dims: [1], dataType: 1, floatData: [3] }, 'model.onnx');
    stored.load().data[0] = 4;
    expect(stored.load().data[0]).toBe(3);
  });
  it('are refused where they are no numbers', () => {
    expect(() => readTensor({ name: 't', dims: [1], dataType: 14 }, 'a/model.onnx')).toThrow(
      "model.onnx: tensor 't': elements of type complex64 are not supported",
    );
  });
});
