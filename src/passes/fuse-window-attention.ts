import { type Editor, editGraph } from '../ir/edit.js';
import type { Node, NodeOf, ValueId } from '../ir/graph.js';
import { type Dim, isStatic, scalarsEqual } from '../ir/scalar.js';
import { allocate } from '../ir/types.js';
import { numberOf } from './match.js';
import type { Pass } from './pass.js';
import { hasOneUser } from './rewrite.js';
import {
  type Axis,
  applyMovement,
  composeViews,
  type Digit,
  digitsEqual,
  identityView,
  mergeDigits,
  traceView,
  type View,
} from './view.js';

/**
 * Window attention without windows in memory: pad → partition → linears → attention → linears → un-partition → crop
 * becomes linears on the grid of tokens around an attention with `window`. The linears see one token at a time, so they
 * do not care where it lies; a padded token is zero before them, so it is their bias after: key_pad and value_pad.
 * Exact: each sum is the one it was.
 */
export const fuseWindowAttention: Pass = {
  name: 'fuse-window-attention',
  run: (graph) => {
    const editor = editGraph(graph);
    for (const { op, results } of graph.nodes) {
      const node = op === 'attention' ? editor.definition(results[0]!) : undefined;
      if (node?.op !== 'attention') continue;
      const found = matchWindow(editor, node);
      if (typeof found === 'string') continue;
      editor.at(found.last);
      editor.replace(found.last.results[0]!, emitWindow(editor, node, found));
    }
    return editor.finish();
  },
};

/** An operand of attention: linear(grid), cut into windows before and after the linear. */
interface Projection {
  readonly linear: NodeOf<'linear'>;
  /** What is cut into windows, [b, height, width, c]; its windows [b·windows, tokens, channels]. */
  readonly grid: ValueId;
  readonly view: View;
}

interface WindowMatch {
  readonly projections: readonly [Projection, Projection, Projection];
  /** The tokens in the grid's order, [b, height, width, c]. */
  readonly tokens: ValueId;
  readonly shape: readonly [Dim, number, number, Dim];
  readonly window: readonly [number, number];
  readonly padded: boolean;
  /** Linears after the attention, and the node after which the grid is whole again. */
  readonly after: readonly NodeOf<'linear'>[];
  readonly last: Node;
}

/** The windows around an attention, or why there are none. */
export function matchWindow(editor: Editor, node: NodeOf<'attention'>): WindowMatch | string {
  if (node.attrs.window !== undefined) return 'it has its window already';
  const [q, k, v, bias] = node.operands as [ValueId, ValueId, ValueId, ValueId | null | undefined];
  if (bias != null) return 'a bias may differ from window to window';
  const projections = [q, k, v].map((operand) => projectionOf(editor, operand));
  const [first] = projections;
  if (first === undefined || !projections.every((part) => part !== undefined && sameWindows(part, first)))
    return 'queries, keys and values are not linears of one grid cut alike';
  const grid = editor.type(first.grid).shape;
  const [batch, height, width] = grid;
  const [rows, columns] = first.view[1] ?? [];
  if (grid.length !== 4 || batch === undefined || typeof height !== 'number' || typeof width !== 'number')
    return 'the tokens are no grid [b, height, width, c] of known size';
  if (
    rows?.axis !== 1 ||
    rows.stride !== 1 ||
    columns?.axis !== 2 ||
    columns.stride !== 1 ||
    first.view[1]?.length !== 2
  )
    return 'the tokens of a batch are no window of the grid';
  const [winHeight, winWidth] = [rows.size, columns.size];
  if (typeof winHeight !== 'number' || typeof winWidth !== 'number') return 'the windows have no fixed size';
  const windows: readonly Digit[] = [
    { axis: 0, stride: 1, size: batch },
    { axis: 1, stride: winHeight, size: height / winHeight },
    { axis: 2, stride: winWidth, size: width / winWidth },
  ];
  if (
    !digitsEqual(
      first.view[0]!,
      windows.filter(({ size }) => size !== 1),
    )
  )
    return 'the batch is not the windows';

  const source = unpadded(editor, first.grid);
  if (source === undefined) return 'the padding is no zeros below and to the right';
  if (source === first.grid && winHeight === height && winWidth === width) return 'the grid is one window';
  const shape = editor.type(source).shape;
  const after = followWindows(editor, node, [first.view[0]!, first.view[1]!], grid, shape);
  if (typeof after === 'string') return after;
  return {
    projections: projections as unknown as WindowMatch['projections'],
    tokens: source,
    shape: shape as WindowMatch['shape'],
    window: [winHeight, winWidth],
    padded: source !== first.grid,
    ...after,
  };
}

const sameWindows = (a: Projection, b: Projection): boolean =>
  a.grid === b.grid && digitsEqual(a.view[0]!, b.view[0]!) && digitsEqual(a.view[1]!, b.view[1]!);

const channelAxis = (axis: number, size: Dim): Axis => (size === 1 ? [] : [{ axis, stride: 1, size }]);

function projectionOf(editor: Editor, operand: ValueId): Projection | undefined {
  const outer = traceView(editor, operand);
  const linear = editor.definition(outer.base);
  if (linear?.op !== 'linear' || linear.operands[3] != null || linear.attrs.activation !== 'none') return undefined;
  const inner = traceView(editor, linear.operands[0]!);
  const shape = editor.type(inner.base).shape;
  const last = shape.length - 1;
  if (!digitsEqual(inner.view.at(-1) ?? [], channelAxis(last, shape[last]!))) return undefined;
  const channels = channelAxis(last, editor.type(outer.base).shape.at(-1)!);
  const view = composeViews(outer.view, [...inner.view.slice(0, -1), channels]);
  if (view?.length !== 3 || !digitsEqual(view[2]!, channels)) return undefined;
  return { linear: linear as NodeOf<'linear'>, grid: inner.base, view };
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

/** From the attention's result on, through views and linears that nothing else reads, to the whole grid. */
function followWindows(
  editor: Editor,
  attention: Node,
  [windows, tokens]: readonly [Axis, Axis],
  grid: readonly Dim[],
  cropped: readonly Dim[],
): Pick<WindowMatch, 'after' | 'last'> | string {
  const after: NodeOf<'linear'>[] = [];
  let current = attention;
  const channels = (): Axis => channelAxis(3, editor.type(current.results[0]!).shape.at(-1)!);
  let view: View = [windows, tokens, channels()];
  for (;;) {
    const value = current.results[0]!;
    const whole = [...identityView(grid.slice(0, 3)).flat(), ...channels()];
    const restored = digitsEqual(mergeDigits(view.flat()), whole);
    if (restored && grid.every((dim, i) => i === 3 || scalarsEqual(dim, cropped[i]!))) return { after, last: current };
    if (!hasOneUser(editor, value)) return 'something else reads the windows';
    const user = editor.users(value)[0]!;
    if (restored && user.op === 'slice') return isCrop(user, cropped) ? { after, last: user } : 'the crop is another';
    if (user.op === 'linear' && user.operands[0] === value && user.operands[3] == null) {
      if (!digitsEqual(view.at(-1)!, channels())) return 'a linear after it mixes tokens';
      after.push(user as NodeOf<'linear'>);
      current = user;
      view = [...view.slice(0, -1), channels()];
      continue;
    }
    const moved = applyMovement(editor, view, user.results[0]!);
    if (moved === undefined) return `${user.op} reads the windows`;
    current = user;
    view = moved;
  }
}

const isCrop = (slice: NodeOf<'slice'>, cropped: readonly Dim[]): boolean =>
  slice.attrs.starts.every((start) => start === 0) &&
  slice.attrs.steps.every((step) => step === 1) &&
  slice.attrs.sizes.length === 4 &&
  slice.attrs.sizes.every((size, i) => i === 3 || scalarsEqual(size, cropped[i]!));

function emitWindow(editor: Editor, node: NodeOf<'attention'>, found: WindowMatch): ValueId {
  const [batch, height, width] = found.shape;
  const tokens = height * width;
  const apply = (linear: NodeOf<'linear'>, x: ValueId): ValueId =>
    editor.emitOne('linear', [x, ...linear.operands.slice(1)], linear.attrs, {
      source: linear.source,
      names: [editor.name(linear.results[0]!)],
    });
  const [q, k, v] = found.projections.map(({ linear }) => {
    const y = apply(linear, found.tokens);
    return editor.emitOne('reshape', [y], { shape: [batch, tokens, editor.type(y).shape.at(-1)!] });
  }) as [ValueId, ValueId, ValueId];
  const pad = ({ linear }: Projection): ValueId =>
    linear.operands[2] ?? zeros(editor, editor.type(linear.results[0]!).shape.at(-1)!);
  const pads = found.padded ? [pad(found.projections[1]), pad(found.projections[2])] : [null, null];
  const [, , , , relHeight, relWidth] = node.operands;
  const result = editor.emitOne(
    'attention',
    [q, k, v, null, relHeight ?? null, relWidth ?? null, ...pads],
    { ...node.attrs, window: [height, width, ...found.window] },
    { source: node.source, names: [editor.name(node.results[0]!)] },
  );
  const shape = editor.type(result).shape;
  let y = editor.emitOne('reshape', [result], { shape: [batch, height, width, shape.at(-1)!] });
  for (const linear of found.after) y = apply(linear, y);
  const target = editor.type(found.last.results[0]!).shape;
  return target.length === 4 ? y : editor.emitOne('reshape', [y], { shape: target });
}

function zeros(editor: Editor, count: Dim): ValueId {
  if (typeof count !== 'number') throw new Error('a linear has a known number of channels');
  return editor.addTensor({ dtype: 'f32', shape: [count], data: allocate('f32', count) }, '');
}
