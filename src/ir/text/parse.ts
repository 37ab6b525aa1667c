import { definitionOf } from '../edit.js';
import type { Constant, Graph, Node, Value, ValueId } from '../graph.js';
import type { AttrSchema } from '../op.js';
import { type OpName, ops } from '../ops/index.js';
import { type Bounds, isStatic } from '../scalar.js';
import { allocate, type DType, elementCount, type Tensor, type TensorType } from '../types.js';
import { opaqueConstant } from './constant-hash.js';
import { readAttr, readElements, readInt, readList, readName, readNumber, readString, readType } from './read.js';
import { type Cursor, openCursor, type Token } from './tokens.js';

export { TextError } from './tokens.js';

/** Finds the elements of a constant by its sha256; undefined leaves it opaque. */
export type ConstantResolver = (hash: string, type: TensorType) => Constant | undefined;

/**
 * Reads the text form of a program.
 *
 * @throws TextError with line and column for text that is not a program: unknown ops and attributes, undefined or
 * repeated values, wrong counts. Types are not inferred here; `verify` checks them.
 */
export function parse(text: string, resolve: ConstantResolver = () => undefined): Graph {
  const cursor = openCursor(text);
  const values = new Map<ValueId, Value>();
  const constants = new Map<ValueId, Constant>();
  const named = new Map<string, ValueId>();
  const inputs: ValueId[] = [];
  const outputs: { name: string; value: ValueId }[] = [];
  const nodes: Node[] = [];

  const define = (token: Token, type: TensorType, name: string): ValueId => {
    if (named.has(token.text)) cursor.fail(`${token.text} is defined twice`, token);
    const id = values.size as ValueId;
    values.set(id, { id, type, name });
    named.set(token.text, id);
    return id;
  };
  const readUse = (): ValueId | null => {
    if (cursor.accept('_')) return null;
    const token = cursor.take('value', 'a value');
    return named.get(token.text) ?? cursor.fail(`${token.text} is not defined`, token);
  };

  const readStatement = (): void => {
    if (cursor.accept('output')) {
      const name = readString(cursor);
      cursor.expect('=');
      outputs.push({ name, value: readUse() ?? cursor.fail('an output needs a value') });
      return;
    }
    const targets = [cursor.take('value', "a value, 'output' or '}'")];
    while (cursor.accept(',')) targets.push(cursor.take('value', 'a value'));
    cursor.expect(':');
    const types = [readType(cursor)];
    while (cursor.accept(',')) types.push(readType(cursor));
    if (types.length !== targets.length) cursor.fail(`${targets.length} values but ${types.length} types`);
    cursor.expect('=');
    const [target, type] = [targets[0]!, types[0]!];
    const opToken = cursor.take('identifier', 'an operation');
    if (opToken.text === 'input') inputs.push(define(target, type, readLabels(cursor, 1)[0]!));
    else if (opToken.text === 'const') {
      const constant = readConstant(cursor, type, resolve);
      constants.set(define(target, type, readLabels(cursor, 1)[0]!), constant);
    } else {
      const op = opNamed(opToken.text) ?? cursor.fail(`unknown operation ${opToken.text}`, opToken);
      const operands = readList(cursor, readUse, '(', ')');
      const attrs = readAttrs(cursor, op, definitionOf(op).attrs, opToken);
      const labels = readLabels(cursor, targets.length);
      const source = cursor.accept('from') ? readString(cursor) : '';
      const results = targets.map((token, i) => define(token, types[i]!, labels[i]!));
      nodes.push({ op, operands, results, attrs, source } as unknown as Node);
    }
  };

  cursor.expect('graph');
  cursor.expect('@');
  const name = readName(cursor);
  const bounds = Object.fromEntries(readList(cursor, readBounds, '(', ')'));
  cursor.expect('{');
  while (!cursor.accept('}')) readStatement();
  if (cursor.peek().kind !== 'end') cursor.fail(`expected the end of the text, found ${cursor.peek().text}`);
  return { name, inputs, outputs, nodes, values, constants, bounds };
}

const opNamed = (name: string): OpName | undefined => (Object.hasOwn(ops, name) ? (name as OpName) : undefined);

function readBounds(cursor: Cursor): readonly [string, Bounds] {
  const name = readName(cursor);
  cursor.expect('in');
  const min = readNumber(cursor);
  cursor.expect('..');
  return [name, { min, max: readNumber(cursor) }];
}

function readAttrs(cursor: Cursor, op: OpName, schema: AttrSchema, at: Token): Readonly<Record<string, unknown>> {
  const given = new Map<string, unknown>();
  if (cursor.accept('{'))
    do {
      const token = cursor.take('identifier', 'an attribute');
      const spec = Object.hasOwn(schema, token.text) ? schema[token.text] : undefined;
      if (spec === undefined) cursor.fail(`${op} has no attribute ${token.text}`, token);
      else if (given.has(token.text)) cursor.fail(`attribute ${token.text} is given twice`, token);
      else {
        cursor.expect('=');
        given.set(token.text, readAttr(cursor, spec));
      }
    } while (cursor.accept(',') || !cursor.accept('}'));
  for (const [key, spec] of Object.entries(schema))
    if (!spec.optional && !given.has(key)) cursor.fail(`${op} needs the attribute ${key}`, at);
  return Object.fromEntries(given);
}

/** `as "a", "b"`: the names of results in the source model. */
function readLabels(cursor: Cursor, count: number): readonly string[] {
  if (!cursor.accept('as')) return new Array<string>(count).fill('');
  const labels = [readString(cursor)];
  while (cursor.accept(',')) labels.push(readString(cursor));
  return labels.length === count ? labels : cursor.fail(`expected ${count} names, found ${labels.length}`);
}

/** `[1, 2]`, `sha256:…`, or, in tests written by hand, `random(seed)`. */
function readConstant(cursor: Cursor, type: TensorType, resolve: ConstantResolver): Constant {
  const { dtype, shape } = type;
  if (!isStatic(shape)) return cursor.fail('the shape of a constant must be numbers');
  const count = elementCount(shape);
  if (cursor.peek().kind === 'hash') {
    const hash = cursor.next().text.slice('sha256:'.length);
    return resolve(hash, type) ?? opaqueConstant(hash);
  }
  if (cursor.accept('random')) {
    cursor.expect('(');
    const seed = readInt(cursor);
    cursor.expect(')');
    return { load: () => randomTensor(dtype, shape, seed) };
  }
  const tensor = readElements(cursor, dtype, shape, count);
  return { load: () => tensor };
}

/** Floats uniform in [−1, 1), bool 0 or 1, integers 0 to 7, from a 32-bit linear congruential generator. */
export function randomTensor(dtype: DType, shape: readonly number[], seed: number): Tensor {
  const data = allocate(dtype, elementCount(shape));
  let state = (seed * 2654435761 + 12345) >>> 0;
  const float = dtype === 'f32' || dtype === 'f64' || dtype === 'f16' || dtype === 'bf16';
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    // Eight bits are exact in every float type, and sums of a few products of them are exact in f32.
    const bits = state >>> 24;
    const integer = dtype === 'bool' ? bits & 1 : bits & 7;
    data[i] = float
      ? (bits - 128) / 128
      : data instanceof BigInt64Array || data instanceof BigUint64Array
        ? BigInt(integer)
        : integer;
  }
  return { dtype, shape, data };
}
