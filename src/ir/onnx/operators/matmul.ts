import type { Scalar } from '../../scalar.js';
import type { OnnxValue } from '../onnx-value.js';
import { dtypeOf, type NodeImport, type Operator, range, rankOf } from '../operator.js';
import { reshapeTo, transposeTo } from './movement.js';

/** Matrix products. */

/** numpy matmul: a vector on the left is a row, on the right a column, and its axis of 1 goes from the result. */
export function multiplyMatrices(n: NodeImport, a: OnnxValue, b: OnnxValue): OnnxValue {
  if (rankOf(a) === 0 || rankOf(b) === 0) n.fail('a scalar has no matrix product');
  const left = rankOf(a) === 1 ? reshapeTo(n, a, [1, ...a.type.shape]) : a;
  const right = rankOf(b) === 1 ? reshapeTo(n, b, [...b.type.shape, 1]) : b;
  const product = n.emit('matmul', [left, right], {});
  const { shape } = product.type;
  const squeezed: Scalar[] = shape.filter(
    (_, axis) => !(rankOf(a) === 1 && axis === shape.length - 2) && !(rankOf(b) === 1 && axis === shape.length - 1),
  );
  return reshapeTo(n, product, squeezed);
}

export const swapLast = (n: NodeImport, x: OnnxValue): OnnxValue => {
  const rank = rankOf(x);
  return transposeTo(n, x, [...range(rank - 2), rank - 1, rank - 2]);
};

/** α·A'·B' + β·C */
function gemm(n: NodeImport): OnnxValue {
  const [a, b] = [n.input(0), n.input(1)];
  if (rankOf(a) !== 2 || rankOf(b) !== 2) n.fail(`expected matrices, found ranks ${rankOf(a)} and ${rankOf(b)}`);
  const scaled = (x: OnnxValue, factor: number): OnnxValue =>
    factor === 1 ? x : n.emit('binary', [x, n.number(dtypeOf(x), factor)], { fn: 'mul' });
  const left = n.int('transA', 0) !== 0 ? swapLast(n, a) : a;
  const right = n.int('transB', 0) !== 0 ? swapLast(n, b) : b;
  const product = scaled(n.emit('matmul', [left, right], {}), n.float('alpha', 1));
  const c = n.optional(2);
  const beta = n.float('beta', 1);
  return c && beta !== 0 ? n.emit('binary', [product, scaled(c, beta)], { fn: 'add' }) : product;
}

export const matmuls: Readonly<Record<string, Operator>> = {
  MatMul: { since: 1, into: ['matmul', 'reshape'], import: (n) => multiplyMatrices(n, n.input(0), n.input(1)) },
  Gemm: { since: 7, into: ['matmul', 'transpose', 'binary'], import: gemm },
};
