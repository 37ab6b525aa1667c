import { type Editor, editGraph } from '../ir/edit.js';
import type { Node, ValueId } from '../ir/graph.js';
import type { DType } from '../ir/types.js';
import type { Pass } from './pass.js';

/**
 * float16 and bfloat16 inside a program become float32: its kernels, fusions and quantization are for float32, and half
 * types are stored halves, not arithmetic. Inputs and outputs keep their types, weights widen when they are loaded, and a
 * cast to a half type rounds as the model says. Within the rounding of the half types, which is left out elsewhere.
 */
export const widenHalves: Pass = {
  name: 'widen-halves',
  run: (graph) => {
    if (![...graph.values.values()].some(({ type }) => isHalf(type.dtype))) return graph;
    const editor = editGraph(graph);
    const wide = new Map<ValueId, ValueId>();
    const widened = (value: ValueId | null): ValueId | null => {
      if (value === null || !isHalf(editor.type(value).dtype)) return value;
      const known = wide.get(value) ?? toFloat(editor, value);
      wide.set(value, known);
      return known;
    };
    for (const node of graph.nodes) {
      editor.at(node);
      const halves = [...node.operands, ...node.results].some(
        (value) => value !== null && isHalf(editor.type(value).dtype),
      );
      if (!halves) continue;
      const rounds = node.op === 'cast' && isHalf(node.attrs.to);
      if (rounds) {
        const [x] = node.operands as [ValueId];
        const names = [editor.name(node.results[0]!)];
        const rounded = editor.emitOne('cast', [widened(x)], node.attrs, { names });
        wide.set(node.results[0]!, toFloat(editor, rounded));
        continue;
      }
      const names = node.results.map((result) => editor.name(result));
      const results = editor.emit(node.op, node.operands.map(widened), withFloat(node), { names });
      for (const [i, result] of node.results.entries())
        if (isHalf(editor.type(result).dtype)) wide.set(result, results[i]!);
        else editor.replace(result, results[i]!);
    }
    for (const { value } of graph.outputs) {
      const result = wide.get(value);
      if (result === undefined || graph.inputs.includes(value)) continue;
      editor.replace(value, editor.emitOne('cast', [result], { to: editor.type(value).dtype }));
    }
    return editor.finish();
  },
};

const isHalf = (dtype: DType): boolean => dtype === 'f16' || dtype === 'bf16';

const toFloat = (editor: Editor, value: ValueId): ValueId =>
  editor.emitOne('cast', [value], { to: 'f32' }, { names: [editor.name(value)] });

/** Attributes of the op with float32 for the half type that it makes. */
const withFloat = ({ attrs }: Node): never =>
  ('dtype' in attrs && isHalf(attrs.dtype) ? { ...attrs, dtype: 'f32' } : attrs) as never;
