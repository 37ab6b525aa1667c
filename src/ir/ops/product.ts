import { allocate, type DType, type TensorData } from '../types.js';
import { elementsOf, isBig, wrapped } from './elements.js';
import { binaryOf } from './elementwise-functions.js';

/** A matrix within an array: element (i, j) is at start + i·stride + j. */
export interface Rows {
  readonly data: TensorData;
  readonly start: number;
  readonly stride: number;
}

/** Rows of a taken together, so that they stay in cache while b streams by. */
const ROW_BLOCK = 64;

/**
 * out[i, j] = Σ_p a[i, p]·b[j, p] for i < m, j < n, p < k: every matrix product of the evaluator, with the rows of b the
 * columns of the product. The sum is sequential from 0; float32 rounds after each multiplication and each addition.
 */
export function multiplyRows(dtype: DType, m: number, n: number, k: number, a: Rows, b: Rows, out: Rows): void {
  if (a.data instanceof Float32Array && b.data instanceof Float32Array && out.data instanceof Float32Array) {
    for (let i = 0; i < m; i += ROW_BLOCK)
      multiplyBlock(
        Math.min(ROW_BLOCK, m - i),
        n,
        k,
        a.data,
        a.start + i * a.stride,
        a.stride,
        b.data,
        b.start,
        b.stride,
        out.data,
        out.start + i * out.stride,
        out.stride,
      );
    return;
  }
  const [multiply, add] = [binaryOf('mul', dtype, dtype), binaryOf('add', dtype, dtype)];
  const [left, right, to] = [elementsOf(a.data), elementsOf(b.data), elementsOf(out.data)];
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      let sum: number | bigint = isBig(dtype) ? 0n : 0;
      for (let p = 0; p < k; p++)
        sum = wrapped(add(sum, multiply(left[a.start + i * a.stride + p]!, right[b.start + j * b.stride + p]!)), dtype);
      to[out.start + i * out.stride + j] = sum;
    }
}

/** Two rows by four columns at a time: eight independent sums hide the latency of each. */
function multiplyBlock(
  m: number,
  n: number,
  k: number,
  a: Float32Array,
  aStart: number,
  aStride: number,
  b: Float32Array,
  bStart: number,
  bStride: number,
  out: Float32Array,
  outStart: number,
  outStride: number,
): void {
  const f = Math.fround;
  let j = 0;
  for (; j + 4 <= n; j += 4) {
    const b0 = bStart + j * bStride;
    const b1 = b0 + bStride;
    const b2 = b1 + bStride;
    const b3 = b2 + bStride;
    let i = 0;
    for (; i + 2 <= m; i += 2) {
      const a0 = aStart + i * aStride;
      const a1 = a0 + aStride;
      let s00 = f(0);
      let s01 = f(0);
      let s02 = f(0);
      let s03 = f(0);
      let s10 = f(0);
      let s11 = f(0);
      let s12 = f(0);
      let s13 = f(0);
      for (let p = 0; p < k; p++) {
        const x = a[a0 + p]!;
        const y = a[a1 + p]!;
        const w0 = b[b0 + p]!;
        const w1 = b[b1 + p]!;
        const w2 = b[b2 + p]!;
        const w3 = b[b3 + p]!;
        s00 = f(s00 + f(x * w0));
        s01 = f(s01 + f(x * w1));
        s02 = f(s02 + f(x * w2));
        s03 = f(s03 + f(x * w3));
        s10 = f(s10 + f(y * w0));
        s11 = f(s11 + f(y * w1));
        s12 = f(s12 + f(y * w2));
        s13 = f(s13 + f(y * w3));
      }
      const o0 = outStart + i * outStride + j;
      const o1 = o0 + outStride;
      out[o0] = s00;
      out[o0 + 1] = s01;
      out[o0 + 2] = s02;
      out[o0 + 3] = s03;
      out[o1] = s10;
      out[o1 + 1] = s11;
      out[o1 + 2] = s12;
      out[o1 + 3] = s13;
    }
    if (i < m) {
      const a0 = aStart + i * aStride;
      let s0 = f(0);
      let s1 = f(0);
      let s2 = f(0);
      let s3 = f(0);
      for (let p = 0; p < k; p++) {
        const x = a[a0 + p]!;
        s0 = f(s0 + f(x * b[b0 + p]!));
        s1 = f(s1 + f(x * b[b1 + p]!));
        s2 = f(s2 + f(x * b[b2 + p]!));
        s3 = f(s3 + f(x * b[b3 + p]!));
      }
      const o0 = outStart + i * outStride + j;
      out[o0] = s0;
      out[o0 + 1] = s1;
      out[o0 + 2] = s2;
      out[o0 + 3] = s3;
    }
  }
  for (; j < n; j++) {
    const b0 = bStart + j * bStride;
    for (let i = 0; i < m; i++) {
      const a0 = aStart + i * aStride;
      let s = f(0);
      for (let p = 0; p < k; p++) s = f(s + f(a[a0 + p]! * b[b0 + p]!));
      out[outStart + i * outStride + j] = s;
    }
  }
}

/** Columns as rows: of a [rows, columns] matrix at `start`, its transpose. */
export function transposedRows(dtype: DType, data: TensorData, start: number, rows: number, columns: number): Rows {
  const result = allocate(dtype, rows * columns);
  const [from, to] = [elementsOf(data), elementsOf(result)];
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) to[j * rows + i] = from[start + i * columns + j]!;
  return { data: result, start: 0, stride: rows };
}
