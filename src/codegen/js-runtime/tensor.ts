/** JavaScript's array for each element type. float16 and bfloat16 are held as their bits. */
export interface ArrayOf {
  readonly f32: Float32Array;
  readonly f64: Float64Array;
  readonly f16: Uint16Array;
  readonly bf16: Uint16Array;
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
export type DType = keyof ArrayOf;
export type TensorData = ArrayOf[DType];

/** Row-major and dense. */
export interface Tensor<Data extends TensorData = TensorData, Shape extends readonly number[] = readonly number[]> {
  readonly data: Data;
  readonly shape: Shape;
}

interface ArrayType {
  readonly name: string;
  readonly bytes: number;
  readonly view: (buffer: ArrayBufferLike, offset: number, length: number) => TensorData;
}

/** By element type: name and element size of the array, and the array over `length` elements of a buffer. */
export const ARRAY_TYPES: Readonly<Record<DType, ArrayType>> = {
  f32: { name: 'Float32Array', bytes: 4, view: (buffer, offset, length) => new Float32Array(buffer, offset, length) },
  f64: { name: 'Float64Array', bytes: 8, view: (buffer, offset, length) => new Float64Array(buffer, offset, length) },
  f16: { name: 'Uint16Array', bytes: 2, view: (buffer, offset, length) => new Uint16Array(buffer, offset, length) },
  bf16: { name: 'Uint16Array', bytes: 2, view: (buffer, offset, length) => new Uint16Array(buffer, offset, length) },
  i8: { name: 'Int8Array', bytes: 1, view: (buffer, offset, length) => new Int8Array(buffer, offset, length) },
  u8: { name: 'Uint8Array', bytes: 1, view: (buffer, offset, length) => new Uint8Array(buffer, offset, length) },
  i16: { name: 'Int16Array', bytes: 2, view: (buffer, offset, length) => new Int16Array(buffer, offset, length) },
  u16: { name: 'Uint16Array', bytes: 2, view: (buffer, offset, length) => new Uint16Array(buffer, offset, length) },
  i32: { name: 'Int32Array', bytes: 4, view: (buffer, offset, length) => new Int32Array(buffer, offset, length) },
  u32: { name: 'Uint32Array', bytes: 4, view: (buffer, offset, length) => new Uint32Array(buffer, offset, length) },
  i64: { name: 'BigInt64Array', bytes: 8, view: (buffer, offset, length) => new BigInt64Array(buffer, offset, length) },
  u64: {
    name: 'BigUint64Array',
    bytes: 8,
    view: (buffer, offset, length) => new BigUint64Array(buffer, offset, length),
  },
  bool: { name: 'Uint8Array', bytes: 1, view: (buffer, offset, length) => new Uint8Array(buffer, offset, length) },
};

export const elementCount = (shape: readonly number[]): number => shape.reduce((product, dim) => product * dim, 1);

/** A tensor with an array of its own. */
export const copyTensor = ({ data, shape }: Tensor): Tensor => ({ data: data.slice(), shape });
