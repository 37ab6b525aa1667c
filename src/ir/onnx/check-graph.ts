import { ModelError } from './model-error.js';
import { operators, refused } from './operators/index.js';
import { isDefaultDomain, type OnnxModel, type OnnxNode } from './read-model.js';

/** Checks of a model before any of it is imported. */

/** What to export with. Older forms of many operators are understood too; of newer sets nothing is known. */
export const OPSETS = { oldest: 11, newest: 24 } as const;
const EXPORT = `export with an opset from ${OPSETS.oldest} to ${OPSETS.newest}`;

const operatorName = ({ op, domain }: OnnxNode): string => (isDefaultDomain(domain) ? op : `${domain}.${op}`);

/**
 * Refuses a model with operators that cannot be compiled; the message names all of them, with their nodes.
 *
 * @throws {ModelError}
 */
export function checkOperators({ file, opset, graph }: OnnxModel): void {
  if (!(opset >= 1 && opset <= OPSETS.newest))
    throw new ModelError(file, undefined, `is of opset ${opset}, which is not known; ${EXPORT}`);
  const problems = new Map<string, { readonly nodes: string[]; readonly reason: string }>();
  for (const node of graph.nodes) {
    const reason = objection(node, opset);
    if (reason === undefined) continue;
    const name = operatorName(node);
    const found = problems.get(name) ?? { nodes: [], reason };
    found.nodes.push(node.label.replace(/ \([^()]*\)$/, ''));
    problems.set(name, found);
  }
  if (problems.size === 0) return;
  const lines = [...problems].map(([name, { nodes, reason }]) => `  ${name} (${reason}): ${nodes.join(', ')}`);
  throw new ModelError(file, undefined, `operators that cannot be compiled:\n${lines.join('\n')}`);
}

/** All operators of a model that cannot be compiled, by name with the reason. */
export function objection(node: OnnxNode, opset: number): string | undefined {
  if (!isDefaultDomain(node.domain)) return 'unknown operator';
  const reason = Object.hasOwn(refused, node.op) ? refused[node.op] : undefined;
  if (reason !== undefined) return reason;
  const operator = Object.hasOwn(operators, node.op) ? operators[node.op] : undefined;
  if (operator === undefined) return 'unknown operator';
  if (opset < operator.since) return `in the form of opset ${opset}, older than ${operator.since}; ${EXPORT}`;
  return undefined;
}

/**
 * Nodes in an order in which every value is defined before its use; the file's own order where that does.
 *
 * @throws {ModelError} for names defined twice, inputs and outputs that nothing defines, and cycles
 */
export function sortNodes({ file, graph }: OnnxModel): readonly OnnxNode[] {
  const definedBy = new Map<string, string>();
  const define = (name: string, what: string): void => {
    if (name === '') return;
    const before = definedBy.get(name);
    if (before !== undefined)
      throw new ModelError(file, undefined, `the value '${name}' is defined twice: by ${before} and by ${what}`);
    definedBy.set(name, what);
  };
  for (const { name } of graph.inputs) {
    if (name === '') throw new ModelError(file, undefined, 'an input has no name');
    define(name, 'the inputs');
  }
  for (const { name } of graph.initializers) define(name, 'the initializers');
  for (const node of graph.nodes) for (const name of node.outputs) define(name, node.label);
  for (const node of graph.nodes)
    for (const name of node.inputs)
      if (name !== '' && !definedBy.has(name))
        throw new ModelError(file, node.label, `input '${name}' is not defined anywhere`);
  const outputs = new Set<string>();
  for (const { name } of graph.outputs) {
    if (!definedBy.has(name)) throw new ModelError(file, undefined, `the output '${name}' is not defined anywhere`);
    if (outputs.has(name)) throw new ModelError(file, undefined, `two outputs are called '${name}'`);
    outputs.add(name);
  }

  const producer = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const placed = new Set<OnnxNode>();
  const open = new Set<OnnxNode>();
  const order: OnnxNode[] = [];
  for (const root of graph.nodes) {
    const stack = [root];
    for (let node = stack.at(-1); node !== undefined; node = stack.at(-1)) {
      const waiting: OnnxNode[] = [];
      for (const name of node.inputs) {
        const before = producer.get(name);
        if (before && !placed.has(before)) waiting.push(before);
      }
      if (placed.has(node) || waiting.length === 0) {
        stack.pop();
        open.delete(node);
        if (!placed.has(node)) order.push(node);
        placed.add(node);
        continue;
      }
      const again = waiting.find((before) => open.has(before) || before === node);
      if (again) throw new ModelError(file, node.label, `is part of a cycle with ${again.label}`);
      open.add(node);
      stack.push(...waiting.reverse());
    }
  }
  return order;
}
