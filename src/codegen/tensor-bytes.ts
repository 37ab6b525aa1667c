import { DTYPE_BYTES, type DType, type Tensor, type TensorType } from '../ir/types.js';

/** The C type that holds one element in memory, as sq_types.h has it. */
export const C_TYPES: Readonly<Record<DType, string>> = {
  f32: 'float',
  f64: 'double',
  f16: 'uint16_t',
  bf16: 'uint16_t',
  i8: 'int8_t',
  u8: 'uint8_t',
  i16: 'int16_t',
  u16: 'uint16_t',
  i32: 'int32_t',
  u32: 'uint32_t',
  i64: 'int64_t',
  u64: 'uint64_t',
  bool: 'uint8_t',
};

/** IEEE binary16 bits of a float32 that is exactly representable as one (which constants are by definition). */
function halfBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const exponent = (bits >>> 23) & 0xff;
  const fraction = bits & 0x7fffff;
  if (exponent === 0xff) return sign | 0x7c00 | (fraction === 0 ? 0 : (fraction >>> 13) | 0x200);
  if (exponent >= 113) return sign | ((exponent - 112) << 10) | (fraction >>> 13);
  // Subnormal: the hidden bit joins the fraction and both move right.
  return exponent >= 102 ? sign | ((0x800000 | fraction) >>> (126 - exponent)) : sign;
}

function storedAs16(data: Float32Array, convert: (bits: number) => number): Uint8Array {
  const bits = new Uint32Array(data.buffer, data.byteOffset, data.length);
  return new Uint8Array(Uint16Array.from(bits, convert).buffer);
}

/** Elements as they lie in memory and in the weights file, little-endian. */
export function tensorBytes(tensor: Tensor): Uint8Array {
  const { data } = tensor;
  if (tensor.dtype === 'f16') return storedAs16(data as Float32Array, halfBits);
  if (tensor.dtype === 'bf16') return storedAs16(data as Float32Array, (bits) => bits >>> 16);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** Bytes of a tensor whose shape is all numbers. */
export function staticBytes(type: TensorType): number {
  return type.shape.reduce<number>((bytes, dim) => {
    if (typeof dim !== 'number') throw new Error('a constant has a symbolic dimension');
    return bytes * dim;
  }, DTYPE_BYTES[type.dtype]);
}
