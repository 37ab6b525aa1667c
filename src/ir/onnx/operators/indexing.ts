import { add, call, type Scalar, scalarsEqual, subtract } from '../../scalar.js';
import type { OnnxValue } from '../onnx-value.js';
import { axesOf, dtypeOf, type NodeImport, type Operator, range, rankOf, resolveAxis } from '../operator.js';
import { less, maximum, minimum } from '../scalar-functions.js';

/** Operators that take parts of tensors or put parts into them. */

/** `count` elements from `start` along one axis. */
export function sliceAxis(n: NodeImport, x: OnnxValue, axis: number, start: Scalar, count: Scalar): OnnxValue {
  const { shape } = x.type;
  return n.emit('slice', [x], {
    starts: shape.map((_, at) => (at === axis ? start : 0)),
    sizes: shape.map((dim, at) => (at === axis ? count : dim)),
    steps: shape.map(() => 1),
  });
}

interface Range {
  readonly start: Scalar;
  readonly size: Scalar;
}

/**
 * The elements that ONNX Slice takes of an axis: negative positions count from the end, then start and end are clamped
 * to [0, dim], or to [−1, dim − 1] where the step is negative; size = ⌈(end − start) / step⌉.
 */
function sliceRange(n: NodeImport, dim: Scalar, start: Scalar, end: Scalar, step: number): Range {
  const last = step > 0 ? dim : subtract(dim, 1);
  const first = step > 0 ? 0 : -1;
  const place = (position: Scalar, low: Scalar): Scalar => {
    const negative = less(position, 0, n.bounds);
    const counted = typeof negative === 'number' && negative === 0 ? position : add(position, dim);
    const chosen = typeof negative === 'number' ? counted : call('select', negative, counted, position);
    return minimum(maximum(chosen, low, n.bounds), last, n.bounds);
  };
  const from = place(start, 0);
  const to = place(end, first);
  const [distance, stride] = step > 0 ? [subtract(to, from), step] : [subtract(from, to), -step];
  const size = stride === 1 ? distance : call('floor_div', add(distance, stride - 1), stride);
  return { start: from, size: maximum(size, 0, n.bounds) };
}

function slice(n: NodeImport): OnnxValue {
  const x = n.input(0);
  const { shape } = x.type;
  const given = (index: number, attribute: string): readonly Scalar[] | undefined =>
    n.opset >= 10 ? (n.optional(index) ? limits(n, index, attribute) : undefined) : n.ints(attribute);
  const starts = given(1, 'starts') ?? n.fail('starts are missing');
  const ends = given(2, 'ends') ?? n.fail('ends are missing');
  const axes = axesOf(n, 3, shape.length) ?? range(starts.length);
  const steps = n.optional(4) ? n.numbers(4, 'steps').map(clamp) : starts.map(() => 1);
  if (ends.length !== starts.length || axes.length !== starts.length || steps.length !== starts.length)
    n.fail('starts, ends, axes and steps differ in length');
  if (starts.length > shape.length) n.fail(`${starts.length} slices of a tensor of rank ${shape.length}`);
  if (steps.includes(0)) n.fail('a step is 0');
  const ranges = shape.map((dim, axis) => {
    const i = axes.indexOf(axis);
    return i < 0 ? { start: 0, size: dim } : sliceRange(n, dim, starts[i] ?? 0, ends[i] ?? 0, steps[i] ?? 1);
  });
  const strides = shape.map((_, axis) => steps[axes.indexOf(axis)] ?? 1);
  const whole = ranges.every(
    ({ start, size }, axis) => start === 0 && strides[axis] === 1 && scalarsEqual(size, shape[axis] ?? -1),
  );
  if (whole) return x;
  return n.emit('slice', [x], {
    starts: ranges.map(({ start }) => start),
    sizes: ranges.map(({ size }) => size),
    steps: strides,
  });
}

/** Positions beyond this are ONNX's ways to say "the end"; sums of a few of them are exact as doubles. */
const FAR = 2 ** 48;
const clamp = (step: number): number => Math.min(Math.max(step, -FAR), FAR);
const limits = (n: NodeImport, index: number, what: string): readonly Scalar[] =>
  n.scalars(index, what).map((value) => (typeof value === 'number' ? clamp(value) : value));

/** Parts along an axis: given sizes, or equal ones of which the last may be smaller (opset 18). */
function split(n: NodeImport): readonly OnnxValue[] {
  const x = n.input(0);
  const axis = resolveAxis(n, n.int('axis', 0), rankOf(x));
  const dim = x.type.shape[axis] ?? 0;
  const sizes = n.optional(1) ? n.scalars(1, 'split') : (n.ints('split') ?? equalParts(n, dim));
  let start: Scalar = 0;
  return sizes.map((size) => {
    const part = sliceAxis(n, x, axis, start, size);
    start = add(start, size);
    return part;
  });
}

function equalParts(n: NodeImport, dim: Scalar): readonly Scalar[] {
  const count = n.hasAttribute('num_outputs') ? n.int('num_outputs') : n.outputCount;
  if (typeof dim !== 'number') return n.fail('a symbolic dimension needs sizes to be split');
  const size = Math.ceil(dim / count);
  if (n.opset < 18 && size * count !== dim) n.fail(`${dim} elements do not split into ${count} equal parts`);
  return range(count).map((i) => Math.max(0, Math.min(size, dim - i * size)));
}

const PAD_MODES = ['constant', 'edge', 'reflect', 'wrap'] as const;

function pad(n: NodeImport): OnnxValue {
  const x = n.input(0);
  const rank = rankOf(x);
  const pads = n.opset >= 11 ? n.scalars(1, 'pads') : (n.ints('pads') ?? n.fail('pads are missing'));
  const axes = (n.optional(3) && axesOf(n, 3, rank)) || range(rank);
  if (pads.length !== 2 * axes.length) n.fail(`${pads.length} pads for ${axes.length} axes`);
  const side = (first: number): readonly Scalar[] =>
    range(rank).map((axis) => (axes.includes(axis) ? (pads[first + axes.indexOf(axis)] ?? 0) : 0));
  const mode = PAD_MODES.find((name) => name === n.string('mode', 'constant'));
  if (mode === undefined) return n.fail(`mode is '${n.string('mode')}'`);
  const old = n.float('value', 0);
  const value = n.opset >= 11 ? n.optional(2) : old === 0 ? undefined : n.number(dtypeOf(x), old);
  const [before, after] = [side(0), side(axes.length)];
  if ([...before, ...after].every((amount) => amount === 0)) return x;
  return n.emit('pad', [x, mode === 'constant' ? value : null], { mode, before, after });
}

const REDUCTIONS = ['none', 'add', 'mul', 'max', 'min'] as const;
function reduction(n: NodeImport): (typeof REDUCTIONS)[number] {
  const name = n.string('reduction', 'none');
  return REDUCTIONS.find((known) => known === name) ?? n.fail(`reduction is '${name}'`);
}

function scatterElements(n: NodeImport): OnnxValue {
  const axis = resolveAxis(n, n.int('axis', 0), rankOf(n.input(0)));
  return n.emit('scatter_elements', [n.input(0), n.input(1), n.input(2)], { axis, reduction: reduction(n) });
}

/** k ≤ columns − rows above (or on) a diagonal. The mask is a constant where the shape is. */
function trilu(n: NodeImport): OnnxValue {
  const x = n.input(0);
  const { shape } = x.type;
  const [rows, columns] = [shape.at(-2), shape.at(-1)];
  if (rows === undefined || columns === undefined) return n.fail('expected a rank of 2 or more');
  const [k = 0] = n.optional(1) ? n.scalars(1, 'k') : [];
  const row = n.emit('reshape', [n.emit('iota', [], { size: rows, dtype: 'i64' })], { shape: [rows, 1] });
  const column = n.emit('iota', [], { size: columns, dtype: 'i64' });
  const diagonal = k === 0 ? row : n.emit('binary', [row, n.fromScalars('i64', [], [k])], { fn: 'add' });
  const keep = n.emit('binary', n.int('upper', 1) !== 0 ? [diagonal, column] : [column, diagonal], {
    fn: 'less_equal',
  });
  const type = dtypeOf(x);
  const zero = type === 'bool' ? n.constant({ dtype: type, shape: [], data: Uint8Array.of(0) }) : n.number(type, 0);
  return n.emit('select', [keep, x, zero], {});
}

export const indexing: Readonly<Record<string, Operator>> = {
  Slice: { since: 1, into: ['slice'], refuses: 'axes and steps computed at run time', import: slice },
  Split: {
    since: 2,
    into: ['slice'],
    refuses: 'a symbolic dimension without sizes',
    import: split,
  },
  Pad: { since: 2, into: ['pad'], import: pad },
  Gather: {
    since: 1,
    into: ['gather'],
    import: (n) =>
      n.emit('gather', [n.input(0), n.input(1)], { axis: resolveAxis(n, n.int('axis', 0), rankOf(n.input(0))) }),
  },
  GatherElements: {
    since: 11,
    into: ['gather_elements'],
    import: (n) =>
      n.emit('gather_elements', [n.input(0), n.input(1)], {
        axis: resolveAxis(n, n.int('axis', 0), rankOf(n.input(0))),
      }),
  },
  GatherND: {
    since: 11,
    into: ['gather_nd'],
    import: (n) => n.emit('gather_nd', [n.input(0), n.input(1)], { batch_dims: n.int('batch_dims', 0) }),
  },
  ScatterND: {
    since: 11,
    into: ['scatter_nd'],
    import: (n) => n.emit('scatter_nd', [n.input(0), n.input(1), n.input(2)], { reduction: reduction(n) }),
  },
  ScatterElements: { since: 11, into: ['scatter_elements'], import: scatterElements },
  Scatter: { since: 9, into: ['scatter_elements'], import: scatterElements },
  Trilu: { since: 14, into: ['iota', 'reshape', 'binary', 'select'], import: trilu },
};
