import { type Editor, editGraph } from '../ir/edit.js';
import type { Graph, Node, ValueId } from '../ir/graph.js';
import { TypeMismatch } from '../ir/op.js';
import type { OpName } from '../ir/ops/index.js';

/**
 * What stands instead of a node: the values that replace its results, or undefined where the rule does not apply. A
 * rule emits nothing before its match has succeeded.
 */
export type Rule = (editor: Editor, node: Node) => readonly ValueId[] | ValueId | undefined;
export type Rules = { readonly [K in OpName]?: readonly Rule[] };

/** More sweeps than any program needs; reached only by rules that undo each other. */
const MAX_SWEEPS = 64;

/**
 * Applies rules, by op, in program order and again until none applies. New nodes stand where the node was that they
 * replace.
 */
export function rewrite(graph: Graph, rules: Rules): Graph {
  let current = graph;
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep++) {
    const editor = editGraph(current);
    let changed = false;
    for (const { results } of current.nodes) {
      const node = liveDefinition(editor, results);
      if (node === undefined) continue;
      for (const rule of rules[node.op] ?? []) {
        editor.at(node);
        const replacement = attempt(rule, editor, node);
        if (replacement === undefined) continue;
        replaceAll(editor, node, typeof replacement === 'number' ? [replacement] : replacement);
        changed = true;
        break;
      }
    }
    if (!changed) return current;
    current = editor.finish();
  }
  throw new Error('rewriting does not come to an end');
}

/**
 * A rule that cannot show its new nodes to be well typed does not apply: symbolic dimensions may be equal in ways that
 * inference does not prove. What it emitted reaches no output and goes.
 */
function attempt(rule: Rule, editor: Editor, node: Node): ReturnType<Rule> {
  try {
    return rule(editor, node);
  } catch (error) {
    if (error instanceof TypeMismatch) return undefined;
    throw error;
  }
}

/** The node as it is now, if something still reads it. */
function liveDefinition(editor: Editor, results: readonly ValueId[]): Node | undefined {
  const node = editor.definition(results[0]!);
  if (node === undefined || node.results[0] !== results[0]) return undefined;
  return results.some((value) => editor.isOutput(value) || editor.users(value).length > 0) ? node : undefined;
}

function replaceAll(editor: Editor, node: Node, values: readonly ValueId[]): void {
  if (values.length !== node.results.length)
    throw new TypeMismatch(`${node.op} has ${node.results.length} results, ${values.length} were given instead`);
  for (const [i, result] of node.results.entries()) editor.replace(result, values[i]!);
}

/** Whether one node alone reads `value`, once, and it is no output. */
export function hasOneUser(editor: Editor, value: ValueId): boolean {
  if (editor.isOutput(value)) return false;
  const users = editor.users(value);
  return users.length === 1 && users[0]!.operands.filter((operand) => operand === value).length === 1;
}
