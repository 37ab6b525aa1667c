import { type InferContext, TypeMismatch } from '../op.js';
import { boundsOf, type Dim, decideEqual, product, type Scalar, scalarKey, scalarsEqual, subtract } from '../scalar.js';
import { DTYPES, type DType, isFloat, type TensorType } from '../types.js';

/** Checks shared by the shape inference of the ops. Every message says what was expected and what was found. */

export const FLOAT_TYPES: readonly DType[] = DTYPES.filter(isFloat);
export const NUMERIC_TYPES: readonly DType[] = DTYPES.filter((dtype) => dtype !== 'bool');
export const INDEX_TYPES: readonly DType[] = ['i32', 'i64'];
export const BOOL_TYPE: readonly DType[] = ['bool'];
export const F32_TYPE: readonly DType[] = ['f32'];

export const showShape = (shape: readonly Dim[]): string => `[${shape.map(scalarKey).join(', ')}]`;

export function requireDType(type: TensorType, name: string, allowed: readonly DType[]): void {
  if (!allowed.includes(type.dtype))
    throw new TypeMismatch(`${name}: expected element type ${allowed.join(' or ')}, found ${type.dtype}`);
}

export function requireSameDType(a: TensorType, aName: string, b: TensorType, bName: string): void {
  if (a.dtype !== b.dtype)
    throw new TypeMismatch(`${bName}: expected element type ${a.dtype} of ${aName}, found ${b.dtype}`);
}

export function requireRank(type: TensorType, name: string, rank: number): void {
  if (type.shape.length !== rank)
    throw new TypeMismatch(`${name}: expected rank ${rank}, found shape ${showShape(type.shape)}`);
}

export function requireRankAtLeast(type: TensorType, name: string, rank: number): void {
  if (type.shape.length < rank)
    throw new TypeMismatch(`${name}: expected rank ${rank} or more, found shape ${showShape(type.shape)}`);
}

/** Axes are counted from the front; the importer resolves negative ones. */
export function requireAxis(axis: number, rank: number): void {
  if (!Number.isInteger(axis) || axis < 0 || axis >= rank)
    throw new TypeMismatch(`axis: expected 0 ≤ axis < ${rank}, found ${axis}`);
}

export function requireLength(values: readonly unknown[], name: string, length: number): void {
  if (values.length !== length) throw new TypeMismatch(`${name}: expected ${length} values, found ${values.length}`);
}

export function requireAtLeast(values: readonly number[], name: string, least: number): void {
  for (const value of values)
    if (!Number.isInteger(value) || value < least)
      throw new TypeMismatch(`${name}: expected integers of ${least} or more, found ${value}`);
}

/** A resolved dimension is never negative; only what the bounds prove negative is refused. */
export function requireDims(dims: readonly Dim[], name: string, { bounds }: InferContext): void {
  for (const dim of dims)
    if (boundsOf(dim, bounds).max < 0 || (typeof dim === 'number' && !Number.isSafeInteger(dim)))
      throw new TypeMismatch(`${name}: expected dimensions of 0 to 2^53 − 1, found ${showShape(dims)}`);
}

/** Two dimensions that must be the same for every input. Where only the bounds prove it, the number is given back. */
export function requireEqual(a: Dim, b: Dim, what: string, { bounds }: InferContext): Dim {
  if (scalarsEqual(a, b)) return a;
  const [x, y] = [boundsOf(a, bounds), boundsOf(b, bounds)];
  if (x.min === x.max && y.min === y.max && x.min === y.min) return x.min;
  const decided = decideEqual(a, b, bounds);
  throw new TypeMismatch(
    `${what}: expected ${scalarKey(a)}, found ${scalarKey(b)}${
      decided === false ? '' : ', which the bounds of the symbolic dimensions do not prove equal'
    }`,
  );
}

/** A dimension that may not exceed another for any input. */
export function requireAtMost(dim: Dim, limit: Dim, what: string, { bounds }: InferContext): void {
  const room = boundsOf(subtract(limit, dim), bounds);
  if (room.min >= 0) return;
  throw new TypeMismatch(
    `${what}: expected at most ${scalarKey(limit)}, found ${scalarKey(dim)}${
      room.max < 0 ? '' : ', which the bounds of the symbolic dimensions do not prove'
    }`,
  );
}

export function requireShape(type: TensorType, name: string, shape: readonly Dim[], context: InferContext): void {
  if (type.shape.length !== shape.length)
    throw new TypeMismatch(`${name}: expected shape ${showShape(shape)}, found ${showShape(type.shape)}`);
  shape.forEach((dim, axis) => {
    requireEqual(dim, type.shape[axis]!, `${name}, axis ${axis} of ${showShape(type.shape)}`, context);
  });
}

/**
 * Whether two shapes have the same number of elements. Importing a reshape to −1 divides by the other dimensions; the
 * quotients that stay symbolic are multiplied out: ⌊a/b⌋·c = d holds with exact division if a·c = d·b.
 */
export function requireSameCount(from: readonly Dim[], to: readonly Dim[], { bounds }: InferContext): void {
  const numerator = (dims: readonly Dim[]): Scalar[] => dims.map((dim) => quotient(dim)?.[0] ?? dim);
  const denominator = (dims: readonly Dim[]): Scalar[] => dims.map((dim) => quotient(dim)?.[1] ?? 1);
  const equal =
    decideEqual(product(from), product(to), bounds) ??
    decideEqual(
      product([...numerator(from), ...denominator(to)]),
      product([...numerator(to), ...denominator(from)]),
      bounds,
    );
  if (equal !== true)
    throw new TypeMismatch(
      `shape: expected ${scalarKey(product(from))} elements as in ${showShape(from)}, found ${scalarKey(product(to))} in ${showShape(to)}`,
    );
}

const quotient = (dim: Dim): readonly [Scalar, Scalar] | undefined =>
  typeof dim !== 'number' && dim.kind === 'call' && dim.fn === 'floor_div' ? [dim.args[0]!, dim.args[1]!] : undefined;
