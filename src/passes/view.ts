import type { Editor } from '../ir/edit.js';
import type { ValueId } from '../ir/graph.js';
import { type Dim, divideExact, multiply, product, scalarsEqual } from '../ir/scalar.js';

/**
 * Chains of reshapes and transposes as one thing. Each axis of the result is a list of digits of the base's indices,
 * most significant first: with base [b, n, 3·c], the axis of `reshape → transpose → reshape` to [3·b, …] is
 * [(axis 2, stride c, size 3), (axis 0, stride 1, size b)]. Axes of size 1 are empty lists, so they never matter.
 */
export interface Digit {
  /** Axis of the base. */
  readonly axis: number;
  /** Weight of the digit in the base's index. */
  readonly stride: Dim;
  readonly size: Dim;
}
export type Axis = readonly Digit[];
export type View = readonly Axis[];

/** The view of a value on itself. */
export const identityView = (shape: readonly Dim[]): View =>
  shape.map((size, axis) => (size === 1 ? [] : [{ axis, stride: 1, size }]));

/** a / b where that is exact for every value of the symbols. */
export function quotient(a: Dim, b: Dim): Dim | undefined {
  if (b === 0) return undefined;
  const result = divideExact(a, b);
  return scalarsEqual(multiply(result, b), a) ? result : undefined;
}

/** Row-major digits cut into axes of `shape`; undefined where a digit would have to be cut unevenly. */
export function regroup(digits: readonly Digit[], shape: readonly Dim[]): View | undefined {
  const rest = [...digits];
  const axes: Axis[] = [];
  for (const dim of shape) {
    const axis: Digit[] = [];
    for (let need = dim; need !== 1; ) {
      const digit = rest.shift();
      if (digit === undefined) return undefined;
      const more = quotient(need, digit.size);
      if (more !== undefined) {
        axis.push(digit);
        need = more;
        continue;
      }
      const inner = quotient(digit.size, need);
      if (inner === undefined) return undefined;
      axis.push({ axis: digit.axis, stride: multiply(digit.stride, inner), size: need });
      rest.unshift({ axis: digit.axis, stride: digit.stride, size: inner });
      need = 1;
    }
    axes.push(mergeDigits(axis));
  }
  return rest.length === 0 ? axes : undefined;
}

/** Neighbours that are one digit cut in two become one again. */
export function mergeDigits(digits: readonly Digit[]): Axis {
  const merged: Digit[] = [];
  for (const digit of digits) {
    const left = merged.at(-1);
    if (left && left.axis === digit.axis && scalarsEqual(left.stride, multiply(digit.stride, digit.size)))
      merged[merged.length - 1] = { axis: digit.axis, stride: digit.stride, size: multiply(left.size, digit.size) };
    else merged.push(digit);
  }
  return merged;
}

export const digitsEqual = (a: readonly Digit[], b: readonly Digit[]): boolean => {
  const [x, y] = [mergeDigits(a), mergeDigits(b)];
  return (
    x.length === y.length &&
    x.every((digit, i) => {
      const other = y[i]!;
      return (
        digit.axis === other.axis && scalarsEqual(digit.stride, other.stride) && scalarsEqual(digit.size, other.size)
      );
    })
  );
};

/** A view of a view: digits of `outer`, which are of the axes of `inner`, as digits of the base of `inner`. */
export function composeViews(outer: View, inner: View): View | undefined {
  const axes = outer.map((digits) =>
    digits.flatMap((digit): readonly (Digit | undefined)[] => {
      const whole = inner[digit.axis] ?? [];
      const size = product(whole.map((each) => each.size));
      const above = quotient(size, multiply(digit.stride, digit.size));
      const parts = above === undefined ? undefined : regroup(whole, [above, digit.size, digit.stride]);
      return parts?.[1] ?? [undefined];
    }),
  );
  return axes.some((digits) => digits.includes(undefined)) ? undefined : (axes as Digit[][]).map(mergeDigits);
}

export interface TracedView {
  /** Neither a reshape nor a transpose, or one past which the chain has no view. */
  readonly base: ValueId;
  readonly view: View;
  /** Reshapes and transposes between base and value. */
  readonly operations: number;
  readonly transposes: number;
}

/** The view that a value is, through as many reshapes and transposes as compose. */
export function traceView(editor: Editor, value: ValueId): TracedView {
  const node = editor.definition(value);
  const operand = node?.operands[0];
  if (node !== undefined && operand != null && (node.op === 'reshape' || node.op === 'transpose')) {
    const inner = traceView(editor, operand);
    const view = applyMovement(editor, inner.view, value);
    if (view !== undefined)
      return {
        base: inner.base,
        view,
        operations: inner.operations + 1,
        transposes: inner.transposes + Number(node.op === 'transpose'),
      };
    // The chain so far cannot be composed with this reshape; a view of its operand alone always can.
    const own = applyMovement(editor, identityView(editor.type(operand).shape), value);
    if (own !== undefined)
      return { base: operand, view: own, operations: 1, transposes: Number(node.op === 'transpose') };
  }
  return { base: value, view: identityView(editor.type(value).shape), operations: 0, transposes: 0 };
}

/** The view of the result of a reshape or transpose, given that of its operand. */
export function applyMovement(editor: Editor, view: View, result: ValueId): View | undefined {
  const node = editor.definition(result);
  if (node?.op === 'transpose') return node.attrs.perm.map((axis) => view[axis]!);
  if (node?.op === 'reshape') return regroup(view.flat(), node.attrs.shape);
  return undefined;
}

type Step =
  | { readonly op: 'reshape'; readonly shape: readonly Dim[] }
  | { readonly op: 'transpose'; readonly perm: readonly number[] };

const shapesEqual = (a: readonly Dim[], b: readonly Dim[]): boolean =>
  a.length === b.length && a.every((dim, i) => scalarsEqual(dim, b[i]!));

/**
 * The fewest reshapes and transposes that give a view: nothing; a reshape; a transpose; a transpose and a reshape on
 * either side; at most all three.
 */
export function planView(baseShape: readonly Dim[], view: View, shape: readonly Dim[]): readonly Step[] {
  const reshapeTo = (from: readonly Dim[], to: readonly Dim[]): Step[] =>
    shapesEqual(from, to) ? [] : [{ op: 'reshape', shape: to }];
  const axes = view.map(mergeDigits);
  const inBaseOrder = mergeDigits(axes.flat());
  const wholeAxes = identityView(baseShape).flat();
  if (digitsEqual(inBaseOrder, wholeAxes)) return reshapeTo(baseShape, shape);

  const single = axes.every((axis) => axis.length <= 1);
  const whole = axes.flat().length === wholeAxes.length;
  if (single && whole && shape.length === baseShape.length) {
    // transpose alone: axes of size 1 fall where the result has some.
    const spare = baseShape.flatMap((dim, axis) => (dim === 1 ? [axis] : []));
    return [{ op: 'transpose', perm: axes.map((axis) => axis[0]?.axis ?? spare.shift()!) }];
  }
  if (!single && whole) {
    const spare = baseShape.flatMap((dim, axis) => (dim === 1 ? [axis] : []));
    const perm = [...spare, ...axes.flat().map((digit) => digit.axis)];
    const moved = perm.map((axis) => baseShape[axis]!);
    return [{ op: 'transpose', perm }, ...reshapeTo(moved, shape)];
  }
  // reshape to the digits in the base's order, transpose, reshape. Digits are as coarse as the result's axes allow; if
  // each axis has at most one, the axes of size 1 travel along and the last reshape falls away.
  const pieces = single ? axes : mergeDigits(axes.flat()).map((digit): Axis => [digit]);
  const order = pieces.map((_, i) => i).sort((a, b) => comparePosition(pieces[a]!, pieces[b]!) || a - b);
  const sizes = pieces.map((piece) => piece[0]?.size ?? 1);
  const split = order.map((piece) => sizes[piece]!);
  const perm = pieces.map((_, i) => order.indexOf(i));
  return [...reshapeTo(baseShape, split), { op: 'transpose', perm }, ...reshapeTo(sizes, shape)];
}

/** Order of pieces in the base: by axis, then from the most significant digit; pieces of size 1 first. */
function comparePosition(a: Axis, b: Axis): number {
  const [x, y] = [a[0], b[0]];
  if (x === undefined || y === undefined) return Number(x !== undefined) - Number(y !== undefined);
  if (x.axis !== y.axis) return x.axis - y.axis;
  // Of two digits of one axis, the stride of one is a multiple of the other's.
  return quotient(x.stride, y.stride) === undefined ? 1 : -1;
}

/** Emits a view of `base`. */
export function emitView(editor: Editor, base: ValueId, view: View, shape: readonly Dim[]): ValueId {
  let value = base;
  for (const step of planView(editor.type(base).shape, view, shape))
    value =
      step.op === 'reshape'
        ? editor.emitOne('reshape', [value], { shape: step.shape })
        : editor.emitOne('transpose', [value], { perm: step.perm });
  return value;
}
