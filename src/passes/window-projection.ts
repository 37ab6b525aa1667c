import type { Editor } from '../ir/edit.js';
import type { Node, ValueId } from '../ir/graph.js';
import { type Dim, isStatic } from '../ir/scalar.js';
import { allocate, type DType } from '../ir/types.js';
import { numberOf } from './match.js';
import { type Axis, composeViews, type Digit, digitsEqual, type TracedView, traceView, type View } from './view.js';

/** What stands between a grid of tokens and an operand of window attention. Part of fuse-window-attention. */

/** Ops that treat every row of the last axis alike, whatever the axes before it. */
const PER_TOKEN: ReadonlySet<Node['op']> = new Set(['linear', 'layer_norm', 'gelu', 'unary'] as const);

/** Whether a node maps each token of its first operand alone. */
export const isPerToken = (node: Node): boolean =>
  PER_TOKEN.has(node.op) && (node.op !== 'linear' || node.operands[3] == null);

/** An operand of attention: per-token ops of a grid that is cut into windows, in whatever order. */
export interface Projection {
  /** In the order in which they run. */
  readonly chain: readonly Node[];
  /** [b, height, width, c], padded so that windows fit. */
  readonly grid: ValueId;
  /** The operand's [windows, tokens, channels] on the grid, channels being those after the chain. */
  readonly view: View;
}

/** A grid cut into windows. */
export interface WindowGrid {
  /** The grid before padding. */
  readonly tokens: ValueId;
  readonly batch: Dim;
  /** Rows and columns of windows' tokens in all, padding included. */
  readonly padded: readonly [number, number];
  readonly window: readonly [number, number];
}

export const channelAxis = (axis: number, size: Dim): Axis => (size === 1 ? [] : [{ axis, stride: 1, size }]);

/** Every way to see an operand as a projection, from no op to as many as there are. */
export function* projections(editor: Editor, operand: ValueId): Iterable<Projection> {
  let traced: TracedView | undefined = traceView(editor, operand);
  const size = editor.type(operand).shape.at(-1)!;
  for (let chain: readonly Node[] = []; traced !== undefined; ) {
    yield { chain, grid: traced.base, view: traced.view };
    const node = editor.definition(traced.base);
    if (node === undefined || !isPerToken(node)) return;
    chain = [node, ...chain];
    traced = throughToken(editor, traced, node, size);
  }
}

/** The view of what a per-token op reads, with the channels that it gives. */
function throughToken(editor: Editor, outer: TracedView, node: Node, size: Dim): TracedView | undefined {
  const inner = traceView(editor, node.operands[0]!);
  const shape = editor.type(inner.base).shape;
  const last = shape.length - 1;
  if (!digitsEqual(inner.view.at(-1) ?? [], channelAxis(last, shape[last]!))) return undefined;
  const view = composeViews(outer.view, [...inner.view.slice(0, -1), channelAxis(last, size)]);
  return view && { ...inner, view };
}

/** The grid and its windows, if the projection's view is windows of a grid; or why it is not. */
export function windowGridOf(editor: Editor, { grid, view }: Projection): WindowGrid | string {
  const [windows, tokens, channels] = view;
  const [batch, height, width] = editor.type(grid).shape;
  if (windows === undefined || tokens === undefined || channels === undefined || editor.type(grid).shape.length !== 4)
    return 'the tokens are no grid [b, height, width, c]';
  if (batch === undefined || typeof height !== 'number' || typeof width !== 'number')
    return 'the grid has no fixed size';
  const [rows, columns] = tokens;
  if (tokens.length !== 2 || rows?.axis !== 1 || rows.stride !== 1 || columns?.axis !== 2 || columns.stride !== 1)
    return 'the tokens of a batch are no window of the grid';
  const [high, wide] = [rows.size, columns.size];
  if (typeof high !== 'number' || typeof wide !== 'number') return 'the windows have no fixed size';
  const order: readonly Digit[] = [
    { axis: 0, stride: 1, size: batch },
    { axis: 1, stride: high, size: height / high },
    { axis: 2, stride: wide, size: width / wide },
  ];
  const expected = order.filter((digit) => digit.size !== 1);
  if (!digitsEqual(windows, expected)) return 'the batch is not the windows of the grid';
  if (channels.length > 1 || channels.some((digit) => digit.axis !== 3)) return 'the channels are reordered';
  const source = unpadded(editor, grid);
  if (source === undefined) return 'the padding is no zeros below and to the right';
  if (source === grid && high === height && wide === width) return 'the grid is one window';
  return { tokens: source, batch, padded: [height, width], window: [high, wide] };
}

/** The grid before zeros were added after its rows and columns; the grid itself where none were. */
function unpadded(editor: Editor, grid: ValueId): ValueId | undefined {
  const pad = editor.definition(grid);
  if (pad?.op !== 'pad') return grid;
  const [x, value] = pad.operands as [ValueId, ValueId | null | undefined];
  const { before, after, mode } = pad.attrs;
  const zero = value == null || numberOf(editor, value) === 0;
  const below = before.every((count) => count === 0) && after[0] === 0 && after[3] === 0 && isStatic(after);
  return mode === 'constant' && zero && below && after.every((count) => count >= 0) ? x : undefined;
}

/** Per-token ops again, on other tokens. */
export function emitChain(editor: Editor, chain: readonly Node[], x: ValueId): ValueId {
  return chain.reduce(
    (value, node) =>
      editor.emitOne(node.op as 'linear', [value, ...node.operands.slice(1)], node.attrs as { activation: 'none' }, {
        source: node.source,
        names: [editor.name(node.results[0]!)],
      }),
    x,
  );
}

/** What the chain makes of a padded token, [channels]. Of a lone linear that is its bias: 0 · Wᵀ + b. */
export function emitPaddedToken(editor: Editor, { chain, grid }: Projection): ValueId {
  const [only] = chain;
  if (chain.length === 1 && only?.op === 'linear' && only.attrs.activation === 'none' && only.operands[2] != null)
    return only.operands[2];
  const { dtype, shape } = editor.type(grid);
  const token = emitChain(editor, chain, zeros(editor, dtype, [1, shape.at(-1)!]));
  return editor.emitOne('reshape', [token], { shape: [editor.type(token).shape.at(-1)!] });
}

function zeros(editor: Editor, dtype: DType, shape: readonly Dim[]): ValueId {
  if (!isStatic(shape)) throw new Error('a padded token has a known number of channels');
  return editor.addTensor(
    {
      dtype,
      shape,
      data: allocate(
        dtype,
        shape.reduce((a, b) => a * b, 1),
      ),
    },
    '',
  );
}
