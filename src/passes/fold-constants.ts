import { type Editor, editGraph } from '../ir/edit.js';
import type { Node, NodeOf } from '../ir/graph.js';
import { scalars } from '../ir/ops/generate.js';
import { isStatic } from '../ir/scalar.js';
import type { Pass } from './pass.js';

/**
 * Nodes whose operands are all constants become constants. The editor folds what it emits, so emitting each such node
 * again does it; results too large for what they are made from stay nodes. Exact: folding evaluates the op.
 */
export const foldConstants: Pass = {
  name: 'fold-constants',
  run: (graph) => {
    const editor = editGraph(graph);
    for (const { results } of graph.nodes) {
      const node = editor.definition(results[0]!);
      if (node === undefined || !isFoldable(editor, node)) continue;
      editor.at(node);
      if (node.op === 'scalars') foldScalars(editor, node as NodeOf<'scalars'>);
      else fold(editor, node);
    }
    return editor.finish();
  },
};

function isFoldable(editor: Editor, node: Node): boolean {
  if (node.op === 'scalars') return isStatic(node.attrs.values);
  if (node.operands.length === 0) return node.op === 'iota';
  return node.operands.every((operand) => operand === null || editor.constant(operand) !== undefined);
}

function fold(editor: Editor, node: Node): void {
  const names = node.results.map((result) => editor.name(result));
  const folded = editor.emit(node.op, node.operands, node.attrs as never, { names });
  for (const [i, result] of node.results.entries())
    if (editor.constant(folded[i]!) !== undefined) editor.replace(result, folded[i]!);
}

/** The editor has no operands to ask whether they are constants; the values are in the attributes. */
function foldScalars(editor: Editor, { attrs, results }: NodeOf<'scalars'>): void {
  const context = { types: [{ dtype: attrs.dtype, shape: attrs.shape }], value: Number };
  const [tensor] = scalars.evaluate([], attrs, context);
  if (tensor !== undefined) editor.replace(results[0]!, editor.addTensor(tensor, editor.name(results[0]!)));
}
