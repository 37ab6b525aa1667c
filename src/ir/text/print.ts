import { definitionOf } from '../edit.js';
import { type Graph, type Node, type ValueId, valueOf } from '../graph.js';
import { isStatic } from '../scalar.js';
import { elementCount } from '../types.js';
import { constantHash } from './constant-hash.js';
import { formatAttr, formatElements, formatName, formatNumber, formatType, quote } from './format.js';

/** Constants of at most this many elements are written out; larger ones as their hash. */
const INLINE_ELEMENTS = 16;

/**
 * The text form of a program. Values are `%0`, `%1`, … in program order (inputs first) and constants `%c0`, `%c1`, …
 * in order of first use, so that the text depends on the program alone. `parse(print(g))` equals `g` up to the numbers
 * of its values.
 */
export function print(graph: Graph): string {
  const names = new Map<ValueId, string>();
  const lines: string[] = [];
  let values = 0;
  let constants = 0;

  const nameValue = (id: ValueId): string => {
    const name = `%${values++}`;
    names.set(id, name);
    return name;
  };
  const labels = (ids: readonly ValueId[]): string => {
    const given = ids.map((id) => valueOf(graph, id).name);
    return given.every((name) => name === '') ? '' : ` as ${given.map(quote).join(', ')}`;
  };
  const types = (ids: readonly ValueId[]): string => ids.map((id) => formatType(valueOf(graph, id).type)).join(', ');

  /** The name of an operand; a constant is declared just before its first use. */
  const use = (id: ValueId | null): string => {
    if (id === null) return '_';
    const known = names.get(id);
    if (known !== undefined) return known;
    const constant = graph.constants.get(id);
    if (constant === undefined) return `%undefined${id}`;
    const name = `%c${constants++}`;
    names.set(id, name);
    const { shape } = valueOf(graph, id).type;
    const inline = isStatic(shape) && elementCount(shape) <= INLINE_ELEMENTS;
    const content = inline ? formatElements(constant.load()) : `sha256:${constantHash(constant)}`;
    lines.push(`  ${name} : ${types([id])} = const ${content}${labels([id])}`);
    return name;
  };

  const printNode = (node: Node): void => {
    const operands = node.operands.map(use).join(', ');
    const schema = definitionOf(node.op).attrs;
    const attrs = Object.entries(schema).flatMap(([key, spec]) => {
      const value = (node.attrs as Readonly<Record<string, unknown>>)[key];
      return value === undefined ? [] : [`${key} = ${formatAttr(spec, value)}`];
    });
    const results = node.results.map(nameValue).join(', ');
    lines.push(
      `  ${results} : ${types(node.results)} = ${node.op}(${operands})${attrs.length > 0 ? ` {${attrs.join(', ')}}` : ''}` +
        `${labels(node.results)}${node.source === '' ? '' : ` from ${quote(node.source)}`}`,
    );
  };

  for (const id of graph.inputs) lines.push(`  ${nameValue(id)} : ${types([id])} = input${labels([id])}`);
  for (const node of graph.nodes) printNode(node);
  for (const { name, value } of graph.outputs) {
    const used = use(value);
    lines.push(`  output ${quote(name)} = ${used}`);
  }
  const bounds = Object.entries(graph.bounds).map(
    ([name, { min, max }]) => `${formatName(name)} in ${formatNumber(min)}..${formatNumber(max)}`,
  );
  return `graph @${formatName(graph.name)} (${bounds.join(', ')}) {\n${lines.join('\n')}\n}\n`;
}
