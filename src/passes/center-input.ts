import type { Editor } from '../ir/edit.js';
import type { Node, NodeOf, ValueId } from '../ir/graph.js';
import { times } from './mix-channels.js';

type Linear = NodeOf<'linear'>;

const isConstant = (editor: Editor, operand: ValueId | null | undefined): boolean =>
  operand == null || editor.constant(operand) !== undefined;

/** Linear layers with constant weights that read a value, and whether nothing else does. */
export function linearsReading(
  editor: Editor,
  value: ValueId,
): { readonly linears: readonly Linear[]; readonly alone: boolean } {
  const users = editor.users(value);
  const linears = users.filter(
    (user): user is Linear =>
      user.op === 'linear' &&
      user.operands[0] === value &&
      user.operands[3] !== value &&
      user.operands.slice(1, 3).every((operand) => isConstant(editor, operand)),
  );
  return { linears, alone: linears.length === users.length && !editor.isOutput(value) };
}

/** A node before a value that can take a shift of its channels into a constant, and which operand that is. */
interface Absorber {
  readonly node: Node;
  readonly operand: number;
}

/** The LayerNorm or the sum with a constant that a value comes from, where nothing but `linears` would see its shift. */
function absorberOf(editor: Editor, value: ValueId): Absorber | undefined {
  if (!linearsReading(editor, value).alone) return undefined;
  const channels = editor.type(value).shape.at(-1);
  let node = editor.definition(value);
  while (node?.op === 'reshape') {
    const from = node.operands[0]!;
    if (editor.type(from).shape.at(-1) !== channels || editor.users(from).length !== 1 || editor.isOutput(from))
      return undefined;
    node = editor.definition(from);
  }
  const absorbs = (operand: ValueId | null | undefined): boolean =>
    operand != null && editor.constant(operand) !== undefined && editor.type(operand).shape.at(-1) === channels;
  if (node?.op === 'layer_norm') return absorbs(node.operands[2]) ? { node, operand: 2 } : undefined;
  if (node?.op !== 'binary' || node.attrs.fn !== 'add') return undefined;
  const operand = node.operands.findIndex(absorbs);
  return operand < 0 ? undefined : { node, operand };
}

/** Whether centring a value costs nothing when the program runs. */
export const centersFreely = (editor: Editor, value: ValueId): boolean => absorberOf(editor, value) !== undefined;

/**
 * x·Wᵀ + b = (x − 1cᵀ)·Wᵀ + (b + W·c) for the linear layers that read x: what a channel always has, the codes of the rest need not
 * span (METHOD 5). c goes into the LayerNorm or the constant addend before them; where something else reads x too, it is
 * subtracted for them.
 *
 * @param center one value a channel of x [..., channels]
 */
export function centerInput(editor: Editor, x: ValueId, center: Float32Array): void {
  const { linears } = linearsReading(editor, x);
  const [first] = linears;
  if (first === undefined) return;
  const minus = editor.addTensor({ dtype: 'f32', shape: [center.length], data: center.map((c) => -c) }, '');
  const shifted = (value: ValueId): ValueId => editor.emitOne('binary', [value, minus], { fn: 'add' });
  const absorber = absorberOf(editor, x);
  editor.at(first);
  const read = absorber ? x : shifted(x);
  for (const linear of linears) {
    editor.at(linear);
    const [, weight, bias, residual] = linear.operands as [ValueId, ValueId, ...(ValueId | null | undefined)[]];
    const shift = times(editor, weight, center);
    const moved = bias == null ? shift : editor.emitOne('binary', [bias, shift], { fn: 'add' });
    const result = editor.emitOne('linear', [read, weight, moved, residual ?? null], linear.attrs);
    editor.replace(linear.results[0]!, result);
  }
  if (!absorber) return;
  const { node, operand } = absorber;
  editor.at(node);
  const operands = [...node.operands];
  operands[operand] = shifted(operands[operand]!);
  editor.replace(node.results[0]!, editor.emit(node.op, operands, node.attrs as never, { source: node.source })[0]!);
}
