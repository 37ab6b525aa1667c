import { bf16Bits, bf16FromBits, f16Bits, f16FromBits } from './half.js';
import { allocate, DTYPE_BYTES, type DType, elementCount, type Tensor } from './types.js';

/**
 * Tensors as little-endian bytes: the form of elements in ONNX raw data, .npy, the weights file and C memory.
 * `f16` and `bf16` take two bytes there and are float32 here.
 */

const HALVES: {
  readonly [D in DType]?: { readonly bits: (x: number) => number; readonly value: (bits: number) => number };
} = {
  f16: { bits: f16Bits, value: f16FromBits },
  bf16: { bits: bf16Bits, value: bf16FromBits },
};
const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Elements in row-major order, little-endian. A new array. */
export function tensorToBytes(tensor: Tensor): Uint8Array {
  const width = DTYPE_BYTES[tensor.dtype];
  const half = HALVES[tensor.dtype];
  const { data } = tensor;
  if (half && data instanceof Float32Array) {
    const bits = Uint16Array.from(data, half.bits);
    return swapOnBigEndian(new Uint8Array(bits.buffer), width);
  }
  return swapOnBigEndian(new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice(), width);
}

/** The tensor whose elements are `bytes`. Throws a RangeError for the wrong number of them. */
export function tensorFromBytes(dtype: DType, shape: readonly number[], bytes: Uint8Array): Tensor {
  const width = DTYPE_BYTES[dtype];
  const count = elementCount(shape);
  if (bytes.length !== count * width)
    throw new RangeError(`${dtype}[${shape}] takes ${count * width} bytes, found ${bytes.length}`);
  const half = HALVES[dtype];
  if (half) {
    const own = swapOnBigEndian(new Uint8Array(bytes), width);
    return { dtype, shape, data: Float32Array.from(new Uint16Array(own.buffer), half.value) };
  }
  const data = allocate(dtype, count);
  const own = new Uint8Array(data.buffer);
  own.set(bytes);
  swapOnBigEndian(own, width);
  return { dtype, shape, data };
}

/** The elements of an array that nothing else holds as bytes: without a copy where it lies in memory as it does in a file. */
export function ownBytes(data: Float32Array): Uint8Array {
  return swapOnBigEndian(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), data.BYTES_PER_ELEMENT);
}

/** As `tensorFromBytes`, of bytes that nothing else holds: they become the elements where they can. */
export function tensorFromOwnBytes(dtype: DType, shape: readonly number[], bytes: Uint8Array): Tensor {
  if (dtype !== 'f32' || bytes.byteOffset % 4 !== 0 || bytes.length !== 4 * elementCount(shape))
    return tensorFromBytes(dtype, shape, bytes);
  const { buffer, byteOffset, length } = swapOnBigEndian(bytes, 4);
  return { dtype, shape, data: new Float32Array(buffer, byteOffset, length / 4) };
}

function swapOnBigEndian(bytes: Uint8Array, width: number): Uint8Array {
  if (!LITTLE_ENDIAN) for (let at = 0; at < bytes.length; at += width) bytes.subarray(at, at + width).reverse();
  return bytes;
}
