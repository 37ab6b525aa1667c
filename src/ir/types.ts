import { type Dim, scalarKey } from './scalar.js';

/** Element types. `f16` and `bf16` are storage types: arithmetic on them is float32, rounded on the way back. */
export const DTYPES = [
  'f32',
  'f64',
  'f16',
  'bf16',
  'i8',
  'u8',
  'i16',
  'u16',
  'i32',
  'u32',
  'i64',
  'u64',
  'bool',
] as const;
export type DType = (typeof DTYPES)[number];

/** Bytes of one element in memory, in the weights file and in .npy. */
export const DTYPE_BYTES: Readonly<Record<DType, number>> = {
  f32: 4,
  f64: 8,
  f16: 2,
  bf16: 2,
  i8: 1,
  u8: 1,
  i16: 2,
  u16: 2,
  i32: 4,
  u32: 4,
  i64: 8,
  u64: 8,
  bool: 1,
};

export const isFloat = (dtype: DType): boolean =>
  dtype === 'f32' || dtype === 'f64' || dtype === 'f16' || dtype === 'bf16';

/**
 * What the integer codes of a tensor mean: real = scale · (code − zeroPoint), 0 ≤ code < 2^bits, per tensor.
 * The storage type is `u8` for every width (NUMERICS, "Types").
 */
export interface Quantization {
  readonly scale: number;
  readonly zeroPoint: number;
  readonly bits: number;
}

/** Type of an SSA value: element type, shape of numbers or symbolic dimensions, and the meaning of integer codes. */
export interface TensorType {
  readonly dtype: DType;
  readonly shape: readonly Dim[];
  readonly quant?: Quantization | undefined;
}

/** A type with every dimension known. */
export interface StaticTensorType extends TensorType {
  readonly shape: readonly number[];
}

/** JavaScript's view of each element type. `f16` and `bf16` values are held as the float32 they stand for. */
export interface DataOf {
  readonly f32: Float32Array;
  readonly f64: Float64Array;
  readonly f16: Float32Array;
  readonly bf16: Float32Array;
  readonly i8: Int8Array;
  readonly u8: Uint8Array;
  readonly i16: Int16Array;
  readonly u16: Uint16Array;
  readonly i32: Int32Array;
  readonly u32: Uint32Array;
  readonly i64: BigInt64Array;
  readonly u64: BigUint64Array;
  readonly bool: Uint8Array;
}
export type TensorData = DataOf[DType];

/** A tensor with its elements, row-major. */
export interface Tensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

const CONSTRUCTORS: { readonly [D in DType]: new (length: number) => DataOf[D] } = {
  f32: Float32Array,
  f64: Float64Array,
  f16: Float32Array,
  bf16: Float32Array,
  i8: Int8Array,
  u8: Uint8Array,
  i16: Int16Array,
  u16: Uint16Array,
  i32: Int32Array,
  u32: Uint32Array,
  i64: BigInt64Array,
  u64: BigUint64Array,
  bool: Uint8Array,
};

/** A zero-filled array for `length` elements of `dtype`. */
export function allocate<D extends DType>(dtype: D, length: number): DataOf[D] {
  return new CONSTRUCTORS[dtype](length);
}

export const elementCount = (shape: readonly number[]): number => shape.reduce((product, dim) => product * dim, 1);

/** Row-major strides, in elements. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  return strides;
}

export function typeKey(type: TensorType): string {
  const quant = type.quant ? `:${type.quant.scale}:${type.quant.zeroPoint}:${type.quant.bits}` : '';
  return `${type.dtype}[${type.shape.map(scalarKey).join(',')}]${quant}`;
}

export const typesEqual = (a: TensorType, b: TensorType): boolean => typeKey(a) === typeKey(b);
