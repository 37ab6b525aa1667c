import { editGraph } from '../ir/edit.js';
import type { Constant, Graph, Node, ValueId } from '../ir/graph.js';
import { scalarKey } from '../ir/scalar.js';
import { elementCount, type TensorType, typeKey } from '../ir/types.js';
import type { Pass } from './pass.js';

/** Constants up to this many elements are compared by their elements; larger ones are the same if their loader is. */
const COMPARED_ELEMENTS = 1024;

/** Common-subexpression elimination: of nodes with equal ops, operands and attributes the first stays. Exact. */
export const mergeDuplicates: Pass = {
  name: 'merge-duplicates',
  run: (graph) => {
    const editor = editGraph(graph);
    const seen = new Map<string, Node>();
    const constants = mergedConstants(graph);
    for (const { results } of graph.nodes) {
      const node = editor.definition(results[0]!);
      if (node === undefined) continue;
      const operands = node.operands.map((operand) => (operand === null ? null : (constants.get(operand) ?? operand)));
      const key = JSON.stringify([node.op, operands, node.attrs], (_, field: unknown) =>
        typeof field === 'object' && field !== null && 'kind' in field ? scalarKey(field as never) : numberKey(field),
      );
      const first = seen.get(key);
      if (first === undefined) seen.set(key, node);
      else if (first !== node)
        for (const [i, result] of node.results.entries()) editor.replace(result, first.results[i]!);
    }
    for (const [from, to] of constants) if (from !== to) editor.replace(from, to);
    return editor.finish();
  },
};

/** JSON has neither infinities, NaN nor −0. */
const numberKey = (field: unknown): unknown =>
  typeof field === 'number' && (!Number.isFinite(field) || Object.is(field, -0))
    ? `number ${Object.is(field, -0) ? '-0' : field}`
    : field;

/** Each constant to the first that equals it. */
function mergedConstants(graph: Graph): ReadonlyMap<ValueId, ValueId> {
  const first = new Map<string, ValueId>();
  const loaders = new Map<Constant['load'], number>();
  const merged = new Map<ValueId, ValueId>();
  for (const [id, constant] of graph.constants) {
    const type = graph.values.get(id)?.type;
    if (type === undefined) continue;
    const key = `${typeKey(type)} ${contentKey(type, constant, loaders)}`;
    const known = first.get(key);
    if (known === undefined) first.set(key, id);
    merged.set(id, known ?? id);
  }
  return merged;
}

function contentKey(type: TensorType, constant: Constant, loaders: Map<Constant['load'], number>): string {
  if (elementCount(type.shape as readonly number[]) <= COMPARED_ELEMENTS) {
    const { data } = constant.load();
    return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');
  }
  const number = loaders.get(constant.load) ?? loaders.size;
  loaders.set(constant.load, number);
  return `loader ${number}`;
}
