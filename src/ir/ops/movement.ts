import { attr, defineOp, operand, requireType, TypeMismatch } from '../op.js';
import { add, boundsOf, type Dim, multiply, subtract } from '../scalar.js';
import { typeKey } from '../types.js';
import { requireBroadcastsTo } from './broadcast.js';
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
import { pending } from './pending.js';

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
  evaluate: pending,
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
  evaluate: pending,
});

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
  evaluate: pending,
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
  evaluate: pending,
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
  evaluate: pending,
});

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
  evaluate: pending,
});
