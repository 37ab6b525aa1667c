import { roundToBf16, roundToF16 } from '../half.js';
import { TypeMismatch } from '../op.js';
import { allocate, type DType, elementCount, type Tensor, type TensorData } from '../types.js';

/** Elements of any dtype, for code that moves them without looking. */
export interface Elements {
  readonly length: number;
  [index: number]: number | bigint;
}

export const elementsOf = (data: TensorData): Elements => data as unknown as Elements;

export type Floats = Float32Array | Float64Array;

/** The elements of a tensor of floats. */
export function floatsOf(data: TensorData): Floats {
  if (data instanceof Float32Array || data instanceof Float64Array) return data;
  throw new TypeMismatch('expected a tensor of floats');
}

/** A tensor of zeros. */
export const zeros = (dtype: DType, shape: readonly number[]): Tensor => ({
  dtype,
  shape,
  data: allocate(dtype, elementCount(shape)),
});

/** The elements of x at `offsets`, in their order. */
export function take(x: Tensor, offsets: Int32Array, shape: readonly number[]): Tensor {
  const result = zeros(x.dtype, shape);
  const from = elementsOf(x.data);
  const to = elementsOf(result.data);
  for (let i = 0; i < offsets.length; i++) to[i] = from[offsets[i]!]!;
  return result;
}

/** Whether the elements are BigInts. */
export const isBig = (dtype: DType): dtype is 'i64' | 'u64' => dtype === 'i64' || dtype === 'u64';

/** Elements as numbers, for those of at most 53 bits (indices, axes). */
export function numbersOf(tensor: Tensor): ArrayLike<number> {
  const { data } = tensor;
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return Float64Array.from(data, Number);
  return data;
}

/** `f16` and `bf16` are computed in float32; this is the rounding of the store. */
export function roundStored(tensor: Tensor): Tensor {
  const round = tensor.dtype === 'f16' ? roundToF16 : tensor.dtype === 'bf16' ? roundToBf16 : undefined;
  const data = elementsOf(tensor.data);
  if (round) for (let i = 0; i < data.length; i++) data[i] = round(Number(data[i]));
  return tensor;
}

/** An integer result as the element that a store makes of it; floats stay. */
export function wrapped(x: number | bigint, dtype: DType): number | bigint {
  if (typeof x === 'bigint') return dtype === 'u64' ? BigInt.asUintN(64, x) : BigInt.asIntN(64, x);
  return WRAP[dtype]?.(x) ?? x;
}

const WRAP: { readonly [D in DType]?: (x: number) => number } = {
  i8: (x) => (x << 24) >> 24,
  u8: (x) => x & 0xff,
  i16: (x) => (x << 16) >> 16,
  u16: (x) => x & 0xffff,
  i32: (x) => x | 0,
  u32: (x) => x >>> 0,
};

export const INTEGER_RANGES: { readonly [D in DType]?: readonly [number, number] } = {
  i8: [-(2 ** 7), 2 ** 7 - 1],
  u8: [0, 2 ** 8 - 1],
  i16: [-(2 ** 15), 2 ** 15 - 1],
  u16: [0, 2 ** 16 - 1],
  i32: [-(2 ** 31), 2 ** 31 - 1],
  u32: [0, 2 ** 32 - 1],
};
export const BIG_RANGES: { readonly [D in DType]?: readonly [bigint, bigint] } = {
  i64: [-(2n ** 63n), 2n ** 63n - 1n],
  u64: [0n, 2n ** 64n - 1n],
};

/** The least and the greatest element: the results of max and min over nothing. */
export function rangeOf(dtype: DType): readonly [number | bigint, number | bigint] {
  if (dtype === 'bool') return [0, 1];
  return BIG_RANGES[dtype] ?? INTEGER_RANGES[dtype] ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
}
