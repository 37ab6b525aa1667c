import { attr, defineOp, operand, requireTensor, requireType, TypeMismatch } from '../op.js';
import { add, boundsOf, type Dim, multiply, subtract } from '../scalar.js';
import { elementCount, stridesOf, typeKey } from '../types.js';
import { broadcastStrides, requireBroadcastsTo, splitAt, stridedOffsets } from './broadcast.js';
import {
  requireAxis,
  requireDims,
  requireEqual,
  requireLength,
  requireRank,
  requireSameCount,
  requireSameDType,
  showShape,
} from './check.js';
import { elementsOf, take, zeros } from './elements.js';

export const reshape = defineOp({
  summary: 'The same elements in row-major order under another shape.',
  operands: [operand('x')],
  attrs: { shape: attr.dims },
  infer: (types, { shape }, context) => {
    const x = requireType(types, 0, 'x');
    requireDims(shape, 'shape', context);
    requireSameCount(x.shape, shape, context);
    return [{ ...x, shape }];
  },
  evaluate: (operands, _, { types: [type] }) => {
    const x = requireTensor(operands, 0);
    if (elementCount(type!.shape) !== x.data.length)
      throw new TypeMismatch(`reshape: expected ${x.data.length} elements, found shape ${showShape(type!.shape)}`);
    return [{ ...x, shape: type!.shape }];
  },
});

export const transpose = defineOp({
  summary: 'Axis i of the result is axis perm[i] of x.',
  operands: [operand('x')],
  attrs: { perm: attr.ints },
  infer: (types, { perm }) => {
    const x = requireType(types, 0, 'x');
    requireLength(perm, 'perm', x.shape.length);
    if ([...perm].sort((a, b) => a - b).some((axis, i) => axis !== i))
      throw new TypeMismatch(`perm: expected a permutation of ${x.shape.length} axes, found ${showShape(perm)}`);
    return [{ ...x, shape: perm.map((axis) => x.shape[axis]!) }];
  },
  evaluate: (operands, { perm }, { types: [type] }) => {
    const x = requireTensor(operands, 0);
    if (x.data instanceof Float32Array && perm.length === 2 && perm[0] === 1)
      return [{ dtype: x.dtype, shape: type!.shape, data: transposeMatrix(x.data, x.shape[0]!, x.shape[1]!) }];
    const strides = stridesOf(x.shape);
    const offsets = stridedOffsets(
      type!.shape,
      perm.map((axis) => strides[axis]!),
    );
    return [take(x, offsets, type!.shape)];
  },
});

/** Side of the squares that are transposed one after the other: two of them fit the first cache. */
const SQUARE = 32;

/** [rows, columns] → [columns, rows]. Each weight of a model in the form of MatMul's passes here whenever it is loaded. */
function transposeMatrix(x: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(x.length);
  for (let r0 = 0; r0 < rows; r0 += SQUARE)
    for (let c0 = 0; c0 < columns; c0 += SQUARE)
      for (let c = c0; c < Math.min(c0 + SQUARE, columns); c++)
        for (let r = r0; r < Math.min(r0 + SQUARE, rows); r++) result[c * rows + r] = x[r * columns + c]!;
  return result;
}

export const slice = defineOp({
  summary: 'Element i of each axis is element starts + i·steps of x; steps may be negative.',
  operands: [operand('x')],
  attrs: { starts: attr.dims, sizes: attr.dims, steps: attr.ints },
  infer: (types, { starts, sizes, steps }, context) => {
    const x = requireType(types, 0, 'x');
    const rank = x.shape.length;
    requireLength(starts, 'starts', rank);
    requireLength(sizes, 'sizes', rank);
    requireLength(steps, 'steps', rank);
    requireDims(sizes, 'sizes', context);
    sizes.forEach((size, axis) => {
      const step = steps[axis]!;
      if (!Number.isInteger(step) || step === 0)
        throw new TypeMismatch(`steps: expected integers but 0, found ${step}`);
      if (boundsOf(size, context.bounds).min <= 0) return;
      const first = starts[axis]!;
      const last = add(first, multiply(step, subtract(size, 1)));
      const room = subtract(subtract(x.shape[axis]!, 1), step > 0 ? last : first);
      const lowest = step > 0 ? first : last;
      if (boundsOf(lowest, context.bounds).max < 0 || boundsOf(room, context.bounds).max < 0)
        throw new TypeMismatch(
          `slice: ${showShape([size])} elements from ${showShape([first])} in steps of ${step} leave axis ${axis} of ${showShape(x.shape)}`,
        );
    });
    return [{ ...x, shape: sizes }];
  },
  evaluate: (operands, { starts, steps }, { types: [type], value }) => {
    const x = requireTensor(operands, 0);
    const strides = stridesOf(x.shape);
    const first = starts.map((start) => value(start));
    if (elementCount(type!.shape) === 0) return [zeros(x.dtype, type!.shape)];
    type!.shape.forEach((size, axis) => {
      const start = first[axis]!;
      const last = start + (size - 1) * steps[axis]!;
      if (Math.min(start, last) < 0 || Math.max(start, last) >= x.shape[axis]!)
        throw new TypeMismatch(`slice: elements ${start} to ${last} leave axis ${axis} of ${showShape(x.shape)}`);
    });
    const offsets = stridedOffsets(
      type!.shape,
      strides.map((stride, axis) => stride * steps[axis]!),
      first.reduce((at, start, axis) => at + start * strides[axis]!, 0),
    );
    return [take(x, offsets, type!.shape)];
  },
});

export const concat = defineOp({
  summary: 'Operands one after the other along an axis.',
  operands: [operand('inputs', '*')],
  attrs: { axis: attr.int },
  infer: (types, { axis }, context) => {
    const first = requireType(types, 0, 'inputs');
    requireAxis(axis, first.shape.length);
    const shape = [...first.shape];
    for (let i = 1; i < types.length; i++) {
      const type = requireType(types, i, `input ${i}`);
      requireSameDType(first, 'input 0', type, `input ${i}`);
      requireRank(type, `input ${i}`, shape.length);
      if (typeKey({ ...first, shape: [] }) !== typeKey({ ...type, shape: [] }))
        throw new TypeMismatch(`input ${i}: expected the quantization of input 0`);
      type.shape.forEach((dim, at) => {
        shape[at] =
          at === axis
            ? add(shape[at]!, dim)
            : requireEqual(shape[at]!, dim, `input ${i} of concat, axis ${at}`, context);
      });
    }
    return [{ ...first, shape }];
  },
  evaluate: (operands, { axis }, { types: [type] }) => {
    const result = zeros(type!.dtype, type!.shape);
    const to = elementsOf(result.data);
    const { outer, extent, inner } = splitAt(type!.shape, axis);
    let start = 0;
    operands.forEach((_, i) => {
      const x = requireTensor(operands, i);
      const from = elementsOf(x.data);
      const run = x.shape[axis]! * inner;
      for (let o = 0; o < outer; o++)
        for (let j = 0; j < run; j++) to[(o * extent + start) * inner + j] = from[o * run + j]!;
      start += x.shape[axis]!;
    });
    return [result];
  },
});

export const expand = defineOp({
  summary: 'x broadcast to a shape, as numpy broadcast_to.',
  operands: [operand('x')],
  attrs: { shape: attr.dims },
  infer: (types, { shape }, context) => {
    const x = requireType(types, 0, 'x');
    requireDims(shape, 'shape', context);
    requireBroadcastsTo(x.shape, shape, 'x', context);
    return [{ ...x, shape }];
  },
  evaluate: (operands, _, { types: [type] }) => {
    const x = requireTensor(operands, 0);
    return [take(x, stridedOffsets(type!.shape, broadcastStrides(x.shape, type!.shape)), type!.shape)];
  },
});

/** Which element of an axis of n stands at position i of the padded one, counted from the axis' start; −1 for none. */
const PADDED_FROM: Readonly<Record<'constant' | 'edge' | 'reflect' | 'wrap', (i: number, n: number) => number>> = {
  constant: (i, n) => (i >= 0 && i < n ? i : -1),
  edge: (i, n) => Math.min(Math.max(i, 0), n - 1),
  reflect: (i, n) => {
    const period = Math.max(1, 2 * (n - 1));
    const at = ((i % period) + period) % period;
    return Math.min(at, period - at);
  },
  wrap: (i, n) => ((i % n) + n) % n,
};

export const pad = defineOp({
  summary:
    'Elements added before and after each axis (removed where negative): `value` (default 0), the nearest element, the mirror image without the border, or the other end. ONNX Pad.',
  operands: [operand('x'), operand('value', '?')],
  attrs: { mode: attr.enum('constant', 'edge', 'reflect', 'wrap'), before: attr.dims, after: attr.dims },
  infer: (types, { mode, before, after }, context) => {
    const x = requireType(types, 0, 'x');
    const value = types[1];
    if (value) {
      requireSameDType(x, 'x', value, 'value');
      requireSameCount([], value.shape, context);
    }
    requireLength(before, 'before', x.shape.length);
    requireLength(after, 'after', x.shape.length);
    const shape = x.shape.map((dim, axis): Dim => add(add(dim, before[axis]!), after[axis]!));
    requireDims(shape, 'padded shape', context);
    if (mode !== 'constant')
      x.shape.forEach((dim, axis) => {
        const grown = boundsOf(shape[axis]!, context.bounds).min > 0;
        if (dim === 0 && grown) throw new TypeMismatch(`pad: axis ${axis} is empty, ${mode} has nothing to repeat`);
      });
    return [{ ...x, shape }];
  },
  evaluate: (operands, { mode, before }, { types: [type], value }) => {
    const x = requireTensor(operands, 0);
    const result = zeros(x.dtype, type!.shape);
    const to = elementsOf(result.data);
    const filler = operands[1];
    if (filler) for (let i = 0; i < to.length; i++) to[i] = elementsOf(filler.data)[0]!;
    const source = PADDED_FROM[mode];
    const strides = stridesOf(x.shape);
    // For each axis, where the elements of the result come from; −1 is the padding.
    const sources = type!.shape.map((size, axis) => {
      const first = value(before[axis]!);
      return Array.from({ length: size }, (_, i) => source(i - first, x.shape[axis]!) * strides[axis]!);
    });
    const from = elementsOf(x.data);
    const walk = (axis: number, at: number, offset: number): void => {
      if (axis === sources.length) {
        to[at] = from[offset]!;
        return;
      }
      const own = sources[axis]!;
      for (let i = 0; i < own.length; i++) if (own[i]! >= 0) walk(axis + 1, at * own.length + i, offset + own[i]!);
    };
    if (x.data.length > 0) walk(0, 0, 0);
    return [result];
  },
});
