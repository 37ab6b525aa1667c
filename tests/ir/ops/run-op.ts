import { type AttrsFor, definitionOf } from '../../../src/ir/edit.js';
import type { OpName } from '../../../src/ir/ops/index.js';
import type { Dim, SymbolBounds } from '../../../src/ir/scalar.js';
import { allocate, type DType, elementCount, type Tensor, type TensorType } from '../../../src/ir/types.js';

/** A tensor from plain numbers. */
export function tensor(dtype: DType, shape: readonly number[], values: readonly number[]): Tensor {
  if (values.length !== elementCount(shape)) throw new Error(`${values.length} values for shape [${shape}]`);
  const data = allocate(dtype, values.length);
  values.forEach((value, i) => {
    data[i] = dtype === 'i64' || dtype === 'u64' ? BigInt(value) : value;
  });
  return { dtype, shape, data };
}

/** A tensor of reproducible values in [−1, 1), or small integers. */
export function random(dtype: DType, shape: readonly number[], seed: number): Tensor {
  let state = seed;
  const values = Array.from({ length: elementCount(shape) }, () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    const x = state / 2 ** 30 - 1;
    return dtype.startsWith('f') ? Math.fround(x) : Math.trunc(x * 8);
  });
  return tensor(dtype, shape, values);
}

/** Result types of an op. */
export const inferOp = <K extends OpName>(
  op: K,
  operands: readonly (TensorType | undefined)[],
  attrs: AttrsFor<K>,
  bounds: SymbolBounds = {},
): readonly TensorType[] => definitionOf(op).infer(operands, attrs as never, { bounds });

/** Results of an op on tensors, their types by its own inference. */
export function runOp<K extends OpName>(
  op: K,
  operands: readonly (Tensor | undefined)[],
  attrs: AttrsFor<K>,
): readonly Tensor[] {
  const types = inferOp(
    op,
    operands.map((operand) => operand && { dtype: operand.dtype, shape: operand.shape }),
    attrs,
  ).map((type) => ({ ...type, shape: type.shape.map(numberOf) }));
  const results = definitionOf(op).evaluate(operands, attrs as never, { types, value: numberOf });
  types.forEach(({ dtype, shape }, i) => {
    const found = results[i];
    if (found?.dtype !== dtype || String(found.shape) !== String(shape) || found.data.length !== elementCount(shape))
      throw new Error(`${op} inferred ${dtype}[${shape}] but gave ${found?.dtype}[${found?.shape}]`);
  });
  return results;
}

function numberOf(dim: Dim): number {
  if (typeof dim !== 'number') throw new Error('a symbolic dimension where a number is expected');
  return dim;
}

/** The elements of the only result. */
export function valuesOf<K extends OpName>(
  op: K,
  operands: readonly (Tensor | undefined)[],
  attrs: AttrsFor<K>,
): number[] {
  const [result] = runOp(op, operands, attrs);
  return Array.from(result?.data ?? [], Number);
}

/** 0, 1, 2, … in a shape. */
export const counting = (dtype: DType, shape: readonly number[]): Tensor =>
  tensor(
    dtype,
    shape,
    Array.from({ length: elementCount(shape) }, (_, i) => i),
  );
