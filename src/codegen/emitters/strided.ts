import { type Dim, isStatic, multiply, product, scalarsEqual } from '../../ir/scalar.js';
import { UserError } from '../../user-error.js';
import type { EmitContext } from '../emit-context.js';

/** Axes that a kernel of sq_strided.h can walk. */
const MAX_RANK = 8;

/** Dimensions, and for each operand one stride an axis, in elements; 0 repeats. */
export interface View {
  readonly dims: readonly Dim[];
  readonly strides: readonly (readonly Dim[])[];
}

/** Row-major strides of a possibly symbolic shape, in elements. */
export function stridesOf(shape: readonly Dim[]): readonly Dim[] {
  const strides: Dim[] = [];
  let stride: Dim = 1;
  for (const dim of [...shape].reverse()) {
    strides.unshift(stride);
    stride = multiply(stride, dim);
  }
  return strides;
}

/** Strides with which a row-major tensor of `shape` is read along `to`: 0 on the axes that are stretched (numpy broadcasting). */
export function broadcastStrides(shape: readonly Dim[], to: readonly Dim[]): readonly Dim[] {
  const own = stridesOf(shape);
  return to.map((_, axis) => {
    const at = axis - to.length + shape.length;
    return at < 0 || shape[at] === 1 ? 0 : own[at]!;
  });
}

/**
 * The same elements in the same order with as few axes as can be: axes of 1 go, and axis i joins axis i + 1 where for
 * every operand stride[i] = stride[i + 1] · dim[i + 1]. At least one axis is left.
 */
export function collapse({ dims, strides }: View): View {
  const joined: { dim: Dim; strides: Dim[] }[] = [];
  dims.forEach((dim, axis) => {
    if (dim === 1) return;
    const own = strides.map((operand) => operand[axis]!);
    const outer = joined.at(-1);
    if (outer?.strides.every((stride, i) => scalarsEqual(stride, multiply(own[i]!, dim))))
      joined[joined.length - 1] = { dim: multiply(outer.dim, dim), strides: own };
    else joined.push({ dim, strides: own });
  });
  if (joined.length === 0) return { dims: [1], strides: strides.map(() => [1]) };
  if (joined.length > MAX_RANK)
    throw new UserError(`${joined.length} axes that cannot be joined; kernels have at most ${MAX_RANK}`);
  return { dims: joined.map(({ dim }) => dim), strides: strides.map((_, i) => joined.map((axis) => axis.strides[i]!)) };
}

/** The fields `rank`, `dims` and one of strides for each operand. */
export function viewFields(
  context: EmitContext,
  { dims, strides }: View,
  names: readonly string[],
): Readonly<Record<string, string>> {
  return {
    rank: context.dim(dims.length),
    dims: int64sOf(context, dims),
    ...Object.fromEntries(names.map((name, i) => [name, int64sOf(context, strides[i]!)])),
  };
}

export const int64sOf = (context: EmitContext, dims: readonly Dim[]): string =>
  context.int64s(dims.map((dim) => context.dim(dim)));

/** `(const double[]){…}`. */
export const doublesOf = (values: readonly string[]): string =>
  `(const double[]){${values.length === 0 ? '0' : values.join(', ')}}`;

/** A pointer `offset` elements on. */
export const advanced = (context: EmitContext, pointer: string, offset: Dim): string =>
  offset === 0 ? pointer : `(${pointer} + ${context.dim(offset)})`;

/** A shape around an axis: [outer, n, inner]. */
export function splitAt(shape: readonly Dim[], axis: number): { outer: Dim; n: Dim; inner: Dim } {
  return { outer: product(shape.slice(0, axis)), n: shape[axis]!, inner: product(shape.slice(axis + 1)) };
}

/** A strided copy: y[index · to] = x[index · from] for every index of dims. */
export interface StridedCopy {
  readonly x: string;
  readonly y: string;
  /** Size of an element. */
  readonly bits: number;
  readonly dims: readonly Dim[];
  readonly from: readonly Dim[];
  readonly to: readonly Dim[];
}

/**
 * Emits a strided copy. Where y is contiguous along an axis and x along another, it goes by tiles; an axis of fewer than
 * this many elements does not pay for that.
 */
const TILED_AXIS = 4;

export function emitStridedCopy(context: EmitContext, { x, y, bits, dims, from, to }: StridedCopy): void {
  if (dims.includes(0)) return;
  const view = collapse({ dims, strides: [from, to] });
  const [xs, ys] = view.strides as readonly [readonly Dim[], readonly Dim[]];
  const last = view.dims.length - 1;
  const along = xs.findIndex((stride, axis) => axis < last && stride === 1 && !isShort(view.dims[axis]!));
  const names = ['strides_x', 'strides_y'];
  if (along >= 0 && xs[last] !== 1 && ys[last] === 1 && !isShort(view.dims[last]!)) {
    const order = [...view.dims.keys()].filter((axis) => axis !== along && axis !== last).concat(along, last);
    const tiled = {
      dims: order.map((axis) => view.dims[axis]!),
      strides: view.strides.map((operand) => order.map((axis) => operand[axis]!)),
    };
    const fields = { x, y, ...viewFields(context, tiled, names) };
    if (bits === 32) context.run('sq_transpose_32', fields);
    else context.runGeneric('sq_transpose.h', 'SQ_DEFINE_TRANSPOSE', [`${bits}`], `sq_transpose_${bits}`, fields);
    return;
  }
  const inner = shortAxes(view);
  if (inner > 0) {
    const fields = { x, y, inner: String(inner), ...viewFields(context, view, names) };
    context.runGeneric('sq_permute.h', 'SQ_DEFINE_PERMUTE', [`${bits}`], `sq_permute_${bits}`, fields);
  } else {
    const fields = { x, y, ...viewFields(context, longestLast(view), names) };
    context.runGeneric('sq_copy.h', 'SQ_DEFINE_COPY', [`${bits}`], `sq_copy_${bits}`, fields);
  }
}

/** Elements that sq_permute.h lists at most, and that it is worth listing at least. */
const [MOST_LISTED, LEAST_LISTED] = [1024, 16];

/** The last axes that sq_permute.h copies by a list, where the very last is short; 0 where there are none. */
function shortAxes({ dims, strides: [xs, ys] }: View): number {
  if (!isShort(dims.at(-1)!)) return 0;
  let count = 1;
  let inner = 0;
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    const dim = dims[axis]!;
    if (typeof dim !== 'number' || typeof xs![axis] !== 'number' || ys![axis] !== count) break;
    if (count * dim > MOST_LISTED || Math.abs(xs![axis] as number) * dim >= 2 ** 31 / dims.length) break;
    count *= dim;
    inner++;
  }
  return count >= LEAST_LISTED ? inner : 0;
}

/** A copy may go in any order: rows of two or three elements would cost more in finding the next row than in copying. */
function longestLast(view: View): View {
  const sizes = view.dims.map((dim) => (isStatic([dim]) ? (dim as number) : 0));
  const longest = sizes.indexOf(Math.max(...sizes));
  if (!isShort(view.dims.at(-1)!) || isShort(view.dims[longest]!)) return view;
  const order = [...view.dims.keys()].filter((axis) => axis !== longest).concat(longest);
  return {
    dims: order.map((axis) => view.dims[axis]!),
    strides: view.strides.map((operand) => order.map((axis) => operand[axis]!)),
  };
}

const isShort = (dim: Dim): boolean => isStatic([dim]) && (dim as number) < TILED_AXIS;
