import { type AttrsFor, evaluateOp } from '../edit.js';
import type { OpName } from '../ops/index.js';
import { isStatic, type Scalar, type SymbolBounds } from '../scalar.js';
import { type DType, elementCount, stridesOf, type Tensor, type TensorType } from '../types.js';
import { MAX_SCALARS } from './onnx-value.js';
import { binaryScalar, castScalar, kindOf, selectScalar, unaryScalar } from './scalar-functions.js';

/** A tensor known by its elements. */
export interface ScalarTensor {
  readonly type: { readonly dtype: DType; readonly shape: readonly number[] };
  readonly values: readonly Scalar[];
}
type Operands = readonly (ScalarTensor | null)[];
type Rule<K extends OpName> = (
  operands: Operands,
  attrs: AttrsFor<K>,
  result: ScalarTensor['type'],
  bounds: SymbolBounds,
) => readonly Scalar[] | undefined;

/**
 * The elements of an op's result, given those of its operands; undefined where they have no scalar form. `result` is
 * the type of the op's one result.
 */
export function propagateScalars<K extends OpName>(
  op: K,
  operands: Operands,
  attrs: AttrsFor<K>,
  result: TensorType,
  bounds: SymbolBounds,
): readonly Scalar[] | undefined {
  const rule = RULES[op] as Rule<K> | undefined;
  if (rule === undefined || !isStatic(result.shape) || elementCount(result.shape) > MAX_SCALARS) return undefined;
  return rule(operands, attrs, { dtype: result.dtype, shape: result.shape }, bounds);
}

const all = (values: readonly (Scalar | undefined)[]): readonly Scalar[] | undefined =>
  values.every((value): value is Scalar => value !== undefined) ? values : undefined;

const RULES: { readonly [K in OpName]?: Rule<K> } = {
  unary: ([x], { fn }, _, bounds) => {
    const kind = x ? kindOf(x.type.dtype) : undefined;
    if (!x || !kind) return undefined;
    return all(x.values.map((value) => unaryScalar(fn, kind, value, bounds)));
  },
  binary: ([a, b], { fn }, result, bounds) => {
    const kind = a && kindOf(a.type.dtype);
    if (!a || !b || !kind || (fn === 'pow' && kindOf(b.type.dtype) !== kind)) return undefined;
    const [left, right] = [stretch(a, result.shape), stretch(b, result.shape)];
    return all(left.map((value, i) => binaryScalar(fn, kind, value, right[i]!, bounds)));
  },
  select: ([condition, a, b], _, result) => {
    const kind = a && kindOf(a.type.dtype);
    if (!condition || !a || !b || !kind) return undefined;
    const [choices, left, right] = [condition, a, b].map((operand) => stretch(operand, result.shape)) as [
      readonly Scalar[],
      readonly Scalar[],
      readonly Scalar[],
    ];
    return all(choices.map((choice, i) => selectScalar(kind, choice, left[i]!, right[i]!)));
  },
  cast: ([x], { to }, _, bounds) => {
    const [from, kind] = [x ? kindOf(x.type.dtype) : undefined, kindOf(to)];
    if (!x || !from || !kind) return undefined;
    return x.values.map((value) => castScalar(from, kind, value, bounds));
  },
  reduce: ([x], { fn, axes }, result, bounds) => {
    const kind = x && kindOf(x.type.dtype);
    if (!x || !kind || kind === 'bool' || fn === 'mean') return undefined;
    const step = ({ sum: 'add', prod: 'mul', max: 'max', min: 'min' } as const)[fn];
    const groups: (Scalar | undefined)[] = new Array(elementCount(result.shape)).fill(undefined);
    // Strides of the result along the axes of x: 0 along those that are reduced.
    const kept = x.type.shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
    const strides = stridesOf(kept).map((stride, axis) => (axes.includes(axis) ? 0 : stride));
    const steps = stridesOf(x.type.shape);
    for (const [i, value] of x.values.entries()) {
      const at = strides.reduce(
        (sum, stride, axis) => sum + stride * (Math.floor(i / steps[axis]!) % x.type.shape[axis]!),
        0,
      );
      const before = groups[at];
      groups[at] = before === undefined ? value : binaryScalar(step, kind, before, value, bounds);
      if (groups[at] === undefined) return undefined;
    }
    return all(groups);
  },
  reshape: ([x]) => x?.values,
  transpose: (operands, attrs, result) => move('transpose', operands, [0], attrs, result),
  slice: (operands, attrs, result) => move('slice', operands, [0], attrs, result),
  expand: (operands, attrs, result) => move('expand', operands, [0], attrs, result),
  pad: (operands, attrs, result) => move('pad', operands, [0, 1], attrs, result),
  concat: (operands, attrs, result) =>
    move(
      'concat',
      operands,
      operands.map((_, i) => i),
      attrs,
      result,
    ),
  gather: (operands, attrs, result) => move('gather', operands, [0], attrs, result),
  gather_elements: (operands, attrs, result) => move('gather_elements', operands, [0], attrs, result),
  gather_nd: (operands, attrs, result) => move('gather_nd', operands, [0], attrs, result),
  scatter_nd: (operands, attrs, result) =>
    attrs.reduction === 'none' ? move('scatter_nd', operands, [0, 2], attrs, result) : undefined,
  scatter_elements: (operands, attrs, result) =>
    attrs.reduction === 'none' ? move('scatter_elements', operands, [0, 2], attrs, result) : undefined,
};

const stretch = (x: ScalarTensor, shape: readonly number[]): readonly Scalar[] =>
  move('expand', [x], [0], { shape }, { ...x.type, shape }) ?? [];

/** Whether every attribute is a number, so that an op moves its elements the same way in every run. */
const isFixed = (attrs: object): boolean =>
  Object.values(attrs)
    .flat()
    .every((value) => typeof value !== 'object');

/**
 * Moves scalars by letting the op's own evaluation move their positions. Position 0 is the number 0, which padding
 * puts in.
 *
 * @param data - the operands that hold elements; the others are indices and must be numbers
 */
function move<K extends OpName>(
  op: K,
  operands: Operands,
  data: readonly number[],
  attrs: AttrsFor<K>,
  result: ScalarTensor['type'],
): readonly Scalar[] | undefined {
  if (!isFixed(attrs)) return undefined;
  const table: Scalar[] = [0];
  const tensors: (Tensor | undefined)[] = [];
  for (const [i, operand] of operands.entries()) {
    if (operand === null) tensors.push(undefined);
    else if (data.includes(i)) {
      const first = table.length;
      table.push(...operand.values);
      const positions = Int32Array.from(operand.values.map((_, at) => first + at));
      tensors.push({ dtype: 'i32', shape: operand.type.shape, data: positions });
    } else if (operand.values.every((value) => typeof value === 'number')) {
      const indices = BigInt64Array.from(operand.values.map((value) => BigInt(value as number)));
      tensors.push({ dtype: 'i64', shape: operand.type.shape, data: indices });
    } else return undefined;
  }
  const [moved] = evaluateOp(op, tensors, attrs, {
    types: [{ dtype: 'i32', shape: result.shape }],
    value: (scalar) => scalar as number,
  });
  return moved && Array.from(moved.data, Number).map((position) => table[position] ?? 0);
}
