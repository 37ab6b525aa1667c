import { attr, defineOp, operand, requireTensor, requireType, TypeMismatch } from '../op.js';
import type { Dim } from '../scalar.js';
import { boundsOf } from '../scalar.js';
import { DTYPES, type DType, elementCount, isFloat, stridesOf, type TensorType } from '../types.js';
import { splitAt, stridedOffsets } from './broadcast.js';
import { NUMERIC_TYPES, requireAxis, requireDType, showShape } from './check.js';
import { elementsOf, isBig, rangeOf, roundStored, wrapped, zeros } from './elements.js';
import { binaryOf, type ElementBinary } from './elementwise-functions.js';

const reducedShape = (shape: readonly Dim[], axes: readonly number[], keepdims: boolean): readonly Dim[] =>
  keepdims
    ? shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim))
    : shape.filter((_, axis) => !axes.includes(axis));

/** Offsets of the first element of each group, and of a group's elements from it, both in row-major order. */
function splitAxes(shape: readonly number[], axes: readonly number[]): { kept: Int32Array; reduced: Int32Array } {
  const strides = stridesOf(shape);
  const along = (axis: number): boolean => axes.includes(axis);
  const offsets = (chosen: (axis: number) => boolean): Int32Array =>
    stridedOffsets(
      shape.filter((_, axis) => chosen(axis)),
      strides.filter((_, axis) => chosen(axis)),
    );
  return { kept: offsets((axis) => !along(axis)), reduced: offsets(along) };
}

const COMBINE = { sum: 'add', mean: 'add', prod: 'mul', max: 'max', min: 'min' } as const;
type ReduceFunction = keyof typeof COMBINE;

/** A binary function rounded to float32 where the arithmetic is; integers wrap at the end. */
function joining(fn: (typeof COMBINE)[ReduceFunction], dtype: DType): ElementBinary {
  const combine = binaryOf(fn, dtype, dtype);
  if (!isFloat(dtype) || dtype === 'f64') return combine;
  return (a, b) => Math.fround(combine(a, b) as number);
}

/** What a reduction of nothing gives, but for the division of a mean. */
function emptyResult(fn: ReduceFunction, dtype: DType): number | bigint {
  const [least, greatest] = rangeOf(dtype);
  const EMPTY: Readonly<Record<ReduceFunction, number | bigint>> = {
    sum: isBig(dtype) ? 0n : 0,
    mean: isBig(dtype) ? 0n : 0,
    prod: isBig(dtype) ? 1n : 1,
    max: least,
    min: greatest,
  };
  return EMPTY[fn];
}

/**
 * Where the last axis is reduced, 16 lanes take the elements of each run of it (with the reduced axes right before it)
 * in turn and are added as a balanced tree (NUMERICS): the length of a run. Undefined where sums are sequential.
 */
function laneRun(shape: readonly number[], axes: readonly number[]): number | undefined {
  const wide = shape.map((_, axis) => axis).filter((axis) => shape[axis] !== 1);
  const lastKept = wide.findLastIndex((axis) => !axes.includes(axis));
  if (lastKept === wide.length - 1) return undefined;
  return elementCount(wide.slice(lastKept + 1).map((axis) => shape[axis]!));
}

/** A mean of integers truncates, as their division does. */
function divide(sum: number | bigint, count: number, float: boolean): number | bigint {
  if (typeof sum === 'bigint') return count === 0 ? 0n : sum / BigInt(count);
  return float ? sum / count : count === 0 ? 0 : Math.trunc(sum / count);
}

/** Order with NaN above everything and the zeros equal. */
function compareElements(a: number | bigint, b: number | bigint): number {
  if (a < b) return -1;
  if (a > b) return 1;
  return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
}

/** Positive where a is the better one; a NaN is better than every number. */
const betterThan = (fn: 'max' | 'min', a: number | bigint, b: number | bigint): number =>
  compareElements(a, b) * (fn === 'max' || Number.isNaN(a) || Number.isNaN(b) ? 1 : -1);

export const reduce = defineOp({
  summary: 'Sum, mean, maximum, minimum or product over axes. ONNX ReduceSum, …; max and min of bool are or and and.',
  operands: [operand('x')],
  attrs: { fn: attr.enum('sum', 'mean', 'max', 'min', 'prod'), axes: attr.ints, keepdims: attr.bool },
  infer: (types, { fn, axes, keepdims }) => {
    const x = requireType(types, 0, 'x');
    requireDType(x, `x of reduce ${fn}`, fn === 'max' || fn === 'min' ? DTYPES : NUMERIC_TYPES);
    for (const axis of axes) requireAxis(axis, x.shape.length);
    if (new Set(axes).size !== axes.length) throw new TypeMismatch(`axes: expected each axis once, found ${axes}`);
    return [{ dtype: x.dtype, shape: reducedShape(x.shape, axes, keepdims) }];
  },
  evaluate: (operands, { fn, axes }, { types: [type] }) => {
    const x = requireTensor(operands, 0);
    const { kept, reduced } = splitAxes(x.shape, axes);
    const result = zeros(x.dtype, type!.shape);
    const [from, to] = [elementsOf(x.data), elementsOf(result.data)];
    const combine = joining(COMBINE[fn], x.dtype);
    const empty = emptyResult(fn, x.dtype);
    const run = laneRun(x.shape, axes);
    const lanes = new Array<number | bigint>(run === undefined ? 1 : 16);
    for (let i = 0; i < kept.length; i++) {
      const start = kept[i]!;
      lanes.fill(empty);
      for (let j = 0; j < reduced.length; j++) {
        const lane = run === undefined ? 0 : (j % run) % 16;
        lanes[lane] = combine(lanes[lane]!, from[start + reduced[j]!]!);
      }
      for (let half = lanes.length / 2; half >= 1; half /= 2)
        for (let lane = 0; lane < half; lane++) lanes[lane] = combine(lanes[lane]!, lanes[lane + half]!);
      const joined = lanes[0]!;
      to[i] = fn === 'mean' ? divide(joined, reduced.length, isFloat(x.dtype)) : wrapped(joined, x.dtype);
    }
    return [roundStored(result)];
  },
});

export const arg_reduce = defineOp({
  summary:
    'Index of the largest or smallest element along an axis, i64; of equal ones the first or the last. ONNX ArgMax, ArgMin.',
  operands: [operand('x')],
  attrs: { fn: attr.enum('max', 'min'), axis: attr.int, keepdims: attr.bool, select_last: attr.bool },
  infer: (types, { axis, keepdims }, { bounds }) => {
    const x = requireType(types, 0, 'x');
    requireDType(x, 'x', NUMERIC_TYPES);
    requireAxis(axis, x.shape.length);
    if (boundsOf(x.shape[axis]!, bounds).max <= 0)
      throw new TypeMismatch(`x: expected elements along axis ${axis}, found shape ${showShape(x.shape)}`);
    return [{ dtype: 'i64', shape: reducedShape(x.shape, [axis], keepdims) }];
  },
  evaluate: (operands, { fn, axis, select_last }, { types: [type] }) => {
    const x = requireTensor(operands, 0);
    const { outer, extent, inner } = splitAt(x.shape, axis);
    const result = zeros('i64', type!.shape);
    if (extent === 0 && result.data.length > 0) throw new TypeMismatch(`arg_reduce: axis ${axis} is empty`);
    const [from, to] = [elementsOf(x.data), elementsOf(result.data)];
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < inner; i++) {
        const at = (j: number): number | bigint => from[(o * extent + j) * inner + i]!;
        let best = 0;
        for (let j = 1; j < extent; j++) {
          const order = betterThan(fn, at(j), at(best));
          if (order > 0 || (order === 0 && select_last)) best = j;
        }
        to[o * inner + i] = BigInt(best);
      }
    return [result];
  },
});

export const cumsum = defineOp({
  summary:
    'Running sums along an axis, from the end if `reverse`, without the element itself if `exclusive`. ONNX CumSum.',
  operands: [operand('x')],
  attrs: { axis: attr.int, exclusive: attr.bool, reverse: attr.bool },
  infer: (types, { axis }): readonly TensorType[] => {
    const x = requireType(types, 0, 'x');
    requireDType(x, 'x', NUMERIC_TYPES);
    requireAxis(axis, x.shape.length);
    return [{ dtype: x.dtype, shape: x.shape }];
  },
  evaluate: (operands, { axis, exclusive, reverse }) => {
    const x = requireTensor(operands, 0);
    const { outer, extent, inner } = splitAt(x.shape, axis);
    const result = zeros(x.dtype, x.shape);
    const [from, to] = [elementsOf(x.data), elementsOf(result.data)];
    const combine = joining('add', x.dtype);
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < inner; i++) {
        let sum: number | bigint = isBig(x.dtype) ? 0n : 0;
        for (let step = 0; step < extent; step++) {
          const at = (o * extent + (reverse ? extent - 1 - step : step)) * inner + i;
          const following = wrapped(combine(sum, from[at]!), x.dtype);
          to[at] = exclusive ? sum : following;
          sum = following;
        }
      }
    return [roundStored(result)];
  },
});

export const top_k = defineOp({
  summary:
    'The k largest or smallest elements along an axis, best first, and their indices (i64); of equal ones the first. ONNX TopK.',
  operands: [operand('x')],
  attrs: { axis: attr.int, k: attr.int, largest: attr.bool },
  infer: (types, { axis, k }, { bounds }) => {
    const x = requireType(types, 0, 'x');
    requireDType(x, 'x', NUMERIC_TYPES);
    requireAxis(axis, x.shape.length);
    if (!Number.isInteger(k) || k < 0 || k > boundsOf(x.shape[axis]!, bounds).max)
      throw new TypeMismatch(`k: expected 0 ≤ k ≤ axis ${axis} of ${showShape(x.shape)}, found ${k}`);
    const shape = x.shape.map((dim, at) => (at === axis ? k : dim));
    return [
      { dtype: x.dtype, shape },
      { dtype: 'i64', shape },
    ];
  },
  evaluate: (operands, { axis, k, largest }, { types: [type] }) => {
    const x = requireTensor(operands, 0);
    const { outer, extent, inner } = splitAt(x.shape, axis);
    if (k > extent) throw new TypeMismatch(`k: expected at most ${extent}, the size of axis ${axis}, found ${k}`);
    const values = zeros(x.dtype, type!.shape);
    const indices = zeros('i64', type!.shape);
    const [from, toValue, toIndex] = [elementsOf(x.data), elementsOf(values.data), elementsOf(indices.data)];
    const sign = largest ? -1 : 1;
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < inner; i++) {
        const at = (j: number): number | bigint => from[(o * extent + j) * inner + i]!;
        const order = Array.from({ length: extent }, (_, j) => j).sort(
          (p, q) => sign * compareElements(at(p), at(q)) || p - q,
        );
        for (let j = 0; j < k; j++) {
          toValue[(o * k + j) * inner + i] = at(order[j]!);
          toIndex[(o * k + j) * inner + i] = BigInt(order[j]!);
        }
      }
    return [values, indices];
  },
});
