import type { AttrsFor, Editor } from '../ir/edit.js';
import type { NodeOf, ValueId } from '../ir/graph.js';
import type { OpName } from '../ir/ops/index.js';
import { isStatic } from '../ir/scalar.js';
import { elementCount } from '../ir/types.js';

/**
 * A tiny pattern language over values. A pattern, given a value and what is bound so far, yields every way in which
 * the value matches; so alternatives and commuted operands backtrack by themselves.
 */
export type Bindings = Readonly<Record<string, ValueId>>;
export type Pattern = (editor: Editor, value: ValueId, bound: Bindings) => Iterable<Bindings>;

/** Any value, named; a name that is bound already matches only the same value. */
export const any = (name: string): Pattern =>
  function* (_, value, bound) {
    const known = bound[name];
    if (known === undefined) yield { ...bound, [name]: value };
    else if (known === value) yield bound;
  };

/** A value under a name, and of the shape that `pattern` asks for. */
export const named = (name: string, pattern: Pattern): Pattern =>
  function* (editor, value, bound) {
    for (const outer of any(name)(editor, value, bound)) yield* pattern(editor, value, outer);
  };

/** The result of an op of one result, whose given attributes are these and whose first operands match. */
export const op = <K extends OpName>(
  name: K,
  operands: readonly Pattern[],
  attrs: Partial<AttrsFor<K>> | ((node: NodeOf<K>) => boolean) = {},
): Pattern =>
  function* (editor, value, bound) {
    const node = editor.definition(value);
    if (node === undefined || node.op !== name || node.results.length !== 1) return;
    const fits =
      typeof attrs === 'function'
        ? attrs(node as unknown as NodeOf<K>)
        : Object.entries(attrs).every(
            ([key, wanted]) => (node.attrs as Readonly<Record<string, unknown>>)[key] === wanted,
          );
    if (fits) yield* matchAll(editor, node.operands, operands, bound);
  };

function* matchAll(
  editor: Editor,
  values: readonly (ValueId | null)[],
  patterns: readonly Pattern[],
  bound: Bindings,
): Iterable<Bindings> {
  const [pattern, ...rest] = patterns;
  if (pattern === undefined) {
    yield bound;
    return;
  }
  const value = values[0] ?? null;
  if (value === null) return;
  for (const inner of pattern(editor, value, bound)) yield* matchAll(editor, values.slice(1), rest, inner);
}

export const unary = (fn: AttrsFor<'unary'>['fn'], x: Pattern): Pattern => op('unary', [x], { fn });
export const binary = (fn: AttrsFor<'binary'>['fn'], a: Pattern, b: Pattern): Pattern => op('binary', [a, b], { fn });
/** A binary op whose operands may stand in either order. */
export const commuted = (fn: AttrsFor<'binary'>['fn'], a: Pattern, b: Pattern): Pattern =>
  oneOf(binary(fn, a, b), binary(fn, b, a));

export const oneOf = (...patterns: readonly Pattern[]): Pattern =>
  function* (editor, value, bound) {
    for (const pattern of patterns) yield* pattern(editor, value, bound);
  };

/** A constant of one element; `wanted` is its value to within a relative 1e-6 (float32 constants of exporters). */
export const number = (wanted: number): Pattern =>
  function* (editor, value, bound) {
    const found = numberOf(editor, value);
    if (found !== undefined && Math.abs(found - wanted) <= 1e-6 * Math.abs(wanted)) yield bound;
  };

/** A constant of one element, named. */
export const anyNumber = (name: string): Pattern =>
  function* (editor, value, bound) {
    if (numberOf(editor, value) !== undefined) yield* any(name)(editor, value, bound);
  };

/** The first way in which `value` matches. */
export function match(editor: Editor, value: ValueId, pattern: Pattern): Bindings | undefined {
  for (const bound of pattern(editor, value, {})) return bound;
  return undefined;
}

/** The value under a name that the pattern binds. */
export function get(bound: Bindings, name: string): ValueId {
  const value = bound[name];
  if (value === undefined) throw new Error(`the pattern does not bind ${name}`);
  return value;
}

/** The element of a constant that has just one. */
export function numberOf(editor: Editor, value: ValueId): number | undefined {
  const constant = editor.constant(value);
  if (constant === undefined) return undefined;
  const { shape } = editor.type(value);
  return isStatic(shape) && elementCount(shape) === 1 ? Number(constant.load().data[0]) : undefined;
}
