import { type Editor, editGraph } from '../ir/edit.js';
import type { Node, NodeOf, ValueId } from '../ir/graph.js';
import { type Dim, scalarsEqual } from '../ir/scalar.js';
import type { Pass } from './pass.js';
import { hasOneUser } from './rewrite.js';
import { applyMovement, digitsEqual, emitView, identityView, mergeDigits, type View } from './view.js';
import {
  channelAxis,
  emitChain,
  emitPaddedToken,
  isPerToken,
  type Projection,
  projections,
  type WindowGrid,
  windowGridOf,
} from './window-projection.js';

/**
 * Window attention without windows in memory: pad → partition → linears → attention → linears → un-partition → crop
 * becomes linears on the grid of tokens around an attention with `window`. Linears (and norms, activations) see one
 * token at a time, so they do not care where it lies; key_pad and value_pad are what they make of a padded token.
 * Exact: each sum is the one it was.
 */
export const fuseWindowAttention: Pass = {
  name: 'fuse-window-attention',
  run: (graph) => {
    const editor = editGraph(graph);
    for (const { op, results } of graph.nodes) {
      const node = op === 'attention' ? editor.definition(results[0]!) : undefined;
      if (node?.op !== 'attention') continue;
      const found = matchWindow(editor, node as NodeOf<'attention'>);
      if (typeof found === 'string') continue;
      editor.at(found.last);
      editor.replace(found.last.results[0]!, emitWindow(editor, node as NodeOf<'attention'>, found));
    }
    return editor.finish();
  },
};

interface WindowMatch {
  /** Of q, k and v. */
  readonly projections: readonly Projection[];
  readonly grid: WindowGrid;
  /** Per-token ops after the attention, and the node after which the grid is whole again. */
  readonly after: readonly Node[];
  readonly last: Node;
}

/** The windows around an attention, or why there are none. */
export function matchWindow(editor: Editor, node: NodeOf<'attention'>): WindowMatch | string {
  if (node.attrs.window !== undefined) return 'it has its window already';
  const [q, k, v, bias] = node.operands as [ValueId, ValueId, ValueId, ValueId | null | undefined];
  if (bias != null && editor.type(bias).shape.length === 4 && editor.type(bias).shape[0] !== 1)
    return 'its bias may differ from window to window';
  let reason = 'the queries are made of no grid';
  for (const first of projections(editor, q)) {
    const grid = windowGridOf(editor, first);
    if (typeof grid === 'string') {
      reason = grid;
      continue;
    }
    const others = [k, v].map((operand) => alike(editor, operand, first));
    if (others.includes(undefined)) return 'keys or values are not of the same windows as the queries';
    const after = followWindows(editor, node, first, grid);
    return typeof after === 'string' ? after : { projections: [first, ...(others as Projection[])], grid, ...after };
  }
  return reason;
}

/** An operand as a projection of the same windows of the same grid. */
function alike(editor: Editor, operand: ValueId, first: Projection): Projection | undefined {
  for (const projection of projections(editor, operand))
    if (
      projection.grid === first.grid &&
      [0, 1].every((axis) => digitsEqual(projection.view[axis] ?? [], first.view[axis]!)) &&
      typeof windowGridOf(editor, projection) !== 'string'
    )
      return projection;
  return undefined;
}

/** From the attention's result on, through views and per-token ops that nothing else reads, to the whole grid. */
function followWindows(
  editor: Editor,
  attention: Node,
  { view: [windows = [], tokens = []] }: Projection,
  { tokens: source, batch, padded }: WindowGrid,
): Pick<WindowMatch, 'after' | 'last'> | string {
  const cropped = editor.type(source).shape.slice(0, 3);
  const needsCrop = !cropped.every((dim, i) => i === 0 || dim === padded[i - 1]);
  const after: Node[] = [];
  let current = attention;
  const channels = () => channelAxis(3, editor.type(current.results[0]!).shape.at(-1)!);
  let view: View = [windows, tokens, channels()];
  for (;;) {
    const value = current.results[0]!;
    const restored = digitsEqual(mergeDigits(view.flat()), [...identityView([batch, ...padded]).flat(), ...channels()]);
    if (restored && !needsCrop) return { after, last: current };
    if (!hasOneUser(editor, value)) return 'something else reads the windows';
    const user = editor.users(value)[0]!;
    if (restored && user.op === 'slice')
      return isCrop(user as NodeOf<'slice'>, cropped)
        ? { after, last: user }
        : 'what is cropped is not what was padded';
    const moved = isPerToken(user) && user.operands[0] === value ? afterToken(view, channels()) : undefined;
    if (moved !== undefined) after.push(user);
    const next = moved ?? applyMovement(editor, view, user.results[0]!);
    if (next === undefined) return `${user.op} reads the windows`;
    current = user;
    view = moved === undefined ? next : [...next.slice(0, -1), channels()];
  }
}

/** The view before a per-token op, if its tokens are the last axis. */
const afterToken = (view: View, channels: View[number]): View | undefined =>
  digitsEqual(view.at(-1)!, channels) ? view : undefined;

const isCrop = ({ attrs: { starts, sizes, steps } }: NodeOf<'slice'>, cropped: readonly Dim[]): boolean =>
  starts.every((start) => start === 0) &&
  steps.every((step) => step === 1) &&
  sizes.length === 4 &&
  cropped.every((dim, i) => scalarsEqual(dim, sizes[i]!));

function emitWindow(
  editor: Editor,
  node: NodeOf<'attention'>,
  { projections: parts, grid, after, last }: WindowMatch,
): ValueId {
  const [, height, width] = editor.type(grid.tokens).shape as readonly [Dim, number, number];
  const operands = parts.map(({ chain }) => {
    const y = emitChain(editor, chain, grid.tokens);
    return editor.emitOne('reshape', [y], { shape: [grid.batch, height * width, editor.type(y).shape.at(-1)!] });
  });
  const isPadded = height !== grid.padded[0] || width !== grid.padded[1];
  const pads = isPadded ? parts.slice(1).map((part) => emitPaddedToken(editor, part)) : [null, null];
  const [, , , bias, relHeight, relWidth] = node.operands;
  const result = editor.emitOne(
    'attention',
    [...operands, bias ?? null, relHeight ?? null, relWidth ?? null, ...pads],
    { ...node.attrs, window: [height, width, ...grid.window] },
    { source: node.source, names: [editor.name(node.results[0]!)] },
  );
  const channels = editor.type(result).shape.at(-1)!;
  const whole = editor.emitOne('reshape', [result], { shape: [grid.batch, height, width, channels] });
  const y = emitChain(editor, after, whole);
  return emitView(editor, y, identityView(editor.type(y).shape), editor.type(last.results[0]!).shape);
}
