import onnxProto from 'onnx-proto';

/** The generated protobuf classes of ONNX (onnx-proto is CommonJS). */
export const { onnx } = onnxProto;

/**
 * protobufjs gives 64-bit fields as `Long` where the package `long` is installed, and as numbers where it is not.
 * Both print exactly.
 */
export type Int64 = number | { toString(): string };

export const toBigInt = (value: Int64): bigint => BigInt(typeof value === 'number' ? value : value.toString());

/** For sizes, axes and versions, all far below 2^53. ONNX's "to the end" markers ±2^63 stay larger than any size. */
export const toNumber = (value: Int64): number => Number(toBigInt(value));
