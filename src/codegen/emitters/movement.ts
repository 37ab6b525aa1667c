import type { ValueId } from '../../ir/graph.js';
import { add, call, type Dim, multiply, product, type Scalar, subtract } from '../../ir/scalar.js';
import type { EmitContext, Emitter } from '../emit-context.js';
import { bitsOf } from './elementwise.js';
import { advanced, broadcastStrides, emitStridedCopy, int64sOf, stridesOf } from './strided.js';

/** Ops that only move elements, as strided copies. */

export const emitTranspose: Emitter<'transpose'> = (node, context) => {
  const [x] = node.operands as readonly [ValueId];
  const [y] = node.results as readonly [ValueId];
  const strides = stridesOf(context.type(x).shape);
  const { shape, dtype } = context.type(y);
  emitStridedCopy(context, {
    x: context.pointer(x),
    y: context.pointer(y),
    bits: bitsOf(dtype),
    dims: shape,
    from: node.attrs.perm.map((axis) => strides[axis]!),
    to: stridesOf(shape),
  });
};

/** Σ indexᵢ · strideᵢ. */
const dot = (index: readonly Scalar[], strides: readonly Dim[]): Dim =>
  index.reduce<Dim>((sum, at, axis) => add(sum, multiply(at, strides[axis]!)), 0);

export const emitSlice: Emitter<'slice'> = (node, context) => {
  const [x] = node.operands as readonly [ValueId];
  const [y] = node.results as readonly [ValueId];
  const { starts, steps, sizes } = node.attrs;
  const { shape, dtype } = context.type(x);
  const strides = stridesOf(shape);
  emitStridedCopy(context, {
    x: advanced(context, context.pointer(x), dot(starts, strides)),
    y: context.pointer(y),
    bits: bitsOf(dtype),
    dims: sizes,
    from: strides.map((stride, axis) => multiply(stride, steps[axis]!)),
    to: stridesOf(sizes),
  });
};

export const emitConcat: Emitter<'concat'> = (node, context) => {
  const [y] = node.results as readonly [ValueId];
  const { shape, dtype } = context.type(y);
  const to = stridesOf(shape);
  const { axis } = node.attrs;
  let at: Dim = 0;
  for (const input of node.operands as readonly ValueId[]) {
    const dims = context.type(input).shape;
    emitStridedCopy(context, {
      x: context.pointer(input),
      y: advanced(context, context.pointer(y), multiply(at, to[axis]!)),
      bits: bitsOf(dtype),
      dims,
      from: stridesOf(dims),
      to,
    });
    at = add(at, dims[axis]!);
  }
};

export const emitExpand: Emitter<'expand'> = (node, context) => {
  const [x] = node.operands as readonly [ValueId];
  const [y] = node.results as readonly [ValueId];
  const { shape, dtype } = context.type(y);
  emitStridedCopy(context, {
    x: context.pointer(x),
    y: context.pointer(y),
    bits: bitsOf(dtype),
    dims: shape,
    from: broadcastStrides(context.type(x).shape, shape),
    to: stridesOf(shape),
  });
};

const positive = (dim: Dim): Dim => call('max', 0, dim);

/** Fills the result where there is padding, then copies what is kept of x into it. */
function emitConstantPad(
  context: EmitContext,
  x: ValueId,
  value: ValueId | null,
  y: ValueId,
  before: readonly Dim[],
  after: readonly Dim[],
): void {
  const { shape, dtype } = context.type(x);
  const padded = context.type(y).shape;
  const bits = bitsOf(dtype);
  if ([...before, ...after].some((pad) => typeof pad !== 'number' || pad > 0))
    context.runGeneric('sq_fill.h', 'SQ_DEFINE_FILL', [`${bits}`], `sq_fill_${bits}`, {
      value: value === null ? `&(const uint${bits}_t){0}` : context.pointer(value),
      y: context.pointer(y),
      count: context.dim(product(padded)),
    });
  const [from, to] = [stridesOf(shape), stridesOf(padded)];
  const removed = before.map((pad) => positive(multiply(-1, pad)));
  const kept = shape.map((dim, axis) =>
    positive(subtract(subtract(dim, removed[axis]!), positive(multiply(-1, after[axis]!)))),
  );
  emitStridedCopy(context, {
    x: advanced(context, context.pointer(x), dot(removed, from)),
    y: advanced(context, context.pointer(y), dot(before.map(positive), to)),
    bits,
    dims: kept,
    from,
    to,
  });
}

export const emitPad: Emitter<'pad'> = (node, context) => {
  const [x, value = null] = node.operands as readonly [ValueId, ValueId | null];
  const [y] = node.results as readonly [ValueId];
  const { mode, before, after } = node.attrs;
  if (mode === 'constant') {
    emitConstantPad(context, x, value, y, before, after);
    return;
  }
  const { shape, dtype } = context.type(x);
  const bits = bitsOf(dtype);
  if (shape.length === 0) {
    emitStridedCopy(context, { x: context.pointer(x), y: context.pointer(y), bits, dims: [1], from: [1], to: [1] });
    return;
  }
  context.runGeneric('sq_pad.h', 'SQ_DEFINE_PAD', [mode, `${bits}`], `sq_pad_${mode}_${bits}`, {
    x: context.pointer(x),
    y: context.pointer(y),
    rank: context.dim(shape.length),
    dims: int64sOf(context, context.type(y).shape),
    dims_x: int64sOf(context, shape),
    strides_x: int64sOf(context, stridesOf(shape)),
    before: int64sOf(context, before),
  });
};
