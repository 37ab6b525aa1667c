import type { Editor } from '../ir/edit.js';
import type { NodeOf, ValueId } from '../ir/graph.js';
import { product, scalarsEqual } from '../ir/scalar.js';
import type { Pass } from './pass.js';
import { type Rule, rewrite } from './rewrite.js';
import { type Digit, emitView, quotient, traceView, type View } from './view.js';

/**
 * A linear whose output is only ever cut up along its channels, as SAM's fused qkv is, becomes one linear for each
 * part, with the rows of the weight and bias that make it. The cut is traced through reshapes and transposes to the
 * channels. Exact: every output is the same sum as before.
 */
export const splitLinear: Pass = {
  name: 'split-linear',
  run: (graph) => rewrite(graph, { slice: [split] }),
};

interface Cut {
  /** The digit of the channels that the slice cuts, and the values of it that stay. */
  readonly digit: Digit & { readonly stride: number; readonly size: number };
  readonly from: number;
  readonly count: number;
}

const split: Rule = (editor, node) => {
  const { attrs } = node as NodeOf<'slice'>;
  const [x] = node.operands as [ValueId];
  const { base, view } = traceView(editor, x);
  const linear = editor.definition(base);
  if (linear?.op !== 'linear' || linear.operands[3] != null || !isOnlyCut(editor, base)) return undefined;
  const [input, weight, bias] = linear.operands as [ValueId, ValueId, ValueId | null | undefined];
  const channels = editor.type(weight).shape[0];
  if (typeof channels !== 'number' || editor.constant(weight) === undefined) return undefined;
  const channelAxis = editor.type(base).shape.length - 1;
  const axis = soleCutAxis(editor, x, attrs);
  const cut = axis === undefined ? undefined : cutOf(view, axis, attrs, channelAxis);
  if (axis === undefined || cut === undefined) return undefined;

  const { digit, from, count } = cut;
  const rows = Array.from({ length: channels }, (_, row) => row).filter((row) => {
    const value = Math.floor(row / digit.stride) % digit.size;
    return value >= from && value < from + count;
  });
  const options = { source: `${linear.source} [${rows[0]}..${rows.at(-1)}]` };
  const part = editor.emitOne(
    'linear',
    [input, takeRows(editor, weight, rows), bias == null ? null : takeRows(editor, bias, rows), null],
    linear.attrs,
    { ...options, names: [editor.name(node.results[0]!)] },
  );
  const narrowed = view.map((digits, at) =>
    at === axis
      ? [...(count === 1 ? [] : [{ ...digit, size: count }]), ...digits.slice(1)]
      : digits.map((other) =>
          other.axis === channelAxis && (other.stride as number) > digit.stride
            ? { ...other, stride: ((other.stride as number) / digit.size) * count }
            : other,
        ),
  );
  return emitView(editor, part, narrowed, attrs.sizes);
};

/** Whether everything that reads `value`, through reshapes and transposes, is a slice that leaves some of it out. */
function isOnlyCut(editor: Editor, value: ValueId): boolean {
  if (editor.isOutput(value)) return false;
  return editor
    .users(value)
    .every((user) =>
      user.op === 'slice'
        ? soleCutAxis(editor, value, user.attrs) !== undefined
        : (user.op === 'reshape' || user.op === 'transpose') && isOnlyCut(editor, user.results[0]!),
    );
}

/** The one axis that a slice of step 1 makes smaller. */
function soleCutAxis(editor: Editor, x: ValueId, attrs: NodeOf<'slice'>['attrs']): number | undefined {
  const { shape } = editor.type(x);
  const axes = shape.flatMap((dim, axis) => (scalarsEqual(dim, attrs.sizes[axis]!) ? [] : [axis]));
  const whole = attrs.starts.every((start, axis) => axes.includes(axis) || start === 0);
  return axes.length === 1 && whole && attrs.steps.every((step) => step === 1) ? axes[0] : undefined;
}

/** The cut as one of the most significant digit of its axis, if that is a digit of the channels. */
function cutOf(view: View, axis: number, attrs: NodeOf<'slice'>['attrs'], channelAxis: number): Cut | undefined {
  const [digit, ...inner] = view[axis] ?? [];
  const [start, size] = [attrs.starts[axis], attrs.sizes[axis]];
  if (digit === undefined || digit.axis !== channelAxis || typeof start !== 'number' || typeof size !== 'number')
    return undefined;
  const block = product(inner.map((each) => each.size));
  const [from, count] = [quotient(start, block), quotient(size, block)];
  return typeof from === 'number' && typeof count === 'number' && isNumeric(digit) ? { digit, from, count } : undefined;
}

const isNumeric = (digit: Digit): digit is Cut['digit'] =>
  typeof digit.stride === 'number' && typeof digit.size === 'number';

/** Rows of a constant, in order. */
function takeRows(editor: Editor, value: ValueId, rows: readonly number[]): ValueId {
  const indices = BigInt64Array.from(rows, BigInt);
  const index = editor.addTensor({ dtype: 'i64', shape: [rows.length], data: indices }, '');
  return editor.emitOne('gather', [value, index], { axis: 0 }, { names: [editor.name(value)] });
}
