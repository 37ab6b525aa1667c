import { definitionOf, editGraph } from '../ir/edit.js';
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
      if (node === undefined || (node.operands.length === 0 && definitionOf(node.op).operands.length > 0)) continue;
      if (!node.operands.every((operand) => operand === null || editor.constant(operand) !== undefined)) continue;
      if (node.operands.length === 0 && node.op !== 'iota') continue;
      editor.at(node);
      const names = node.results.map((result) => editor.name(result));
      const folded = editor.emit(node.op, node.operands, node.attrs as never, { names });
      for (const [i, result] of node.results.entries())
        if (editor.constant(folded[i]!) !== undefined) editor.replace(result, folded[i]!);
    }
    return editor.finish();
  },
};
