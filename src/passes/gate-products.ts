import { type Editor, evaluateOp } from '../ir/edit.js';
import type { Node, NodeOf, ValueId } from '../ir/graph.js';
import { isStatic, scalarsEqual } from '../ir/scalar.js';
import { elementCount, type Tensor } from '../ir/types.js';
import type { Pass } from './pass.js';
import { hasOneUser, type Rule, rewrite } from './rewrite.js';

/**
 * A tensor times an input of one element, such as SAM's `has_mask_input`: where that is 0 the tensor does not matter, and what
 * it is made of need not run. Exact for finite tensors: the product's zeros may lose their sign, so that what is added to it
 * must have no −0 then.
 */
export const gateProducts: Pass = {
  name: 'gate-products',
  run: (graph) => rewrite(graph, { binary: [gate(new Set(graph.inputs))] }),
};

/** Larger tensors are not looked at element by element. */
const MOST_ELEMENTS = 1 << 16;

/** x · flag + z → gate(x, flag) + z */
const gate =
  (inputs: ReadonlySet<ValueId>): Rule =>
  (editor, node) => {
    if ((node as NodeOf<'binary'>).attrs.fn !== 'mul') return undefined;
    const [a, b] = node.operands as [ValueId, ValueId];
    for (const [x, flag] of [
      [a, b],
      [b, a],
    ] as const) {
      const [type, product] = [editor.type(x), editor.type(node.results[0]!)];
      const isFlag = inputs.has(flag) && editor.type(flag).shape.every((dim) => dim === 1);
      const keepsShape =
        type.shape.length === product.shape.length &&
        type.shape.every((dim, i) => scalarsEqual(dim, product.shape[i]!));
      if (!isFlag || type.dtype !== 'f32' || !keepsShape) continue;
      if (editor.definition(x) === undefined || !hasOneUser(editor, x)) continue;
      if (editor.isOutput(node.results[0]!) || !isAddedTo(editor, node.results[0]!, flag)) continue;
      return editor.emitOne('gate', [x, flag], {}, { names: [editor.name(node.results[0]!)] });
    }
    return undefined;
  };

/** Whether every reader of `value` adds something to it that, where flag is 0, is known and nowhere −0. */
const isAddedTo = (editor: Editor, value: ValueId, flag: ValueId): boolean =>
  editor.users(value).every((user) => {
    if (user.op !== 'binary' || user.attrs.fn !== 'add') return false;
    const [other] = user.operands.filter((operand) => operand !== value);
    const added = other == null ? undefined : whereZero(editor, other, flag);
    return added?.dtype === 'f32' && (added.data as Float32Array).every((element) => !Object.is(element, -0));
  });

/** A value where flag is 0; undefined where other inputs decide, or where it is large. */
function whereZero(editor: Editor, value: ValueId, flag: ValueId): Tensor | undefined {
  const { dtype, shape } = editor.type(value);
  if (!isStatic(shape) || elementCount(shape) > MOST_ELEMENTS) return undefined;
  if (value === flag) return { dtype: 'f32', shape, data: new Float32Array(elementCount(shape)) };
  const constant = editor.constant(value);
  if (constant !== undefined) return constant.load();
  const node = editor.definition(value);
  if (node === undefined || (node.op !== 'binary' && node.op !== 'reshape') || !isElementary(node)) return undefined;
  const operands = node.operands.map((operand) => (operand === null ? undefined : whereZero(editor, operand, flag)));
  if (operands.includes(undefined)) return undefined;
  return evaluateOp(node.op, operands, node.attrs, {
    types: [{ dtype, shape }],
    value: (scalar) => scalar as number,
  })[0];
}

const isElementary = (node: Node): boolean => node.op === 'binary' || isStatic((node as NodeOf<'reshape'>).attrs.shape);
