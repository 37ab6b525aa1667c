import type { AttrKinds, AttrSpec } from '../op.js';
import {
  add,
  type Expr,
  element,
  multiply,
  SCALAR_FUNCTIONS,
  type Scalar,
  type ScalarFunction,
  subtract,
  symbol,
} from '../scalar.js';
import { allocate, DTYPES, type DType, type Quantization, type Tensor, type TensorType } from '../types.js';
import type { Cursor } from './tokens.js';

/** Readers of the pieces of the text form; each is the inverse of its namesake in format.ts. */

export const readString = (cursor: Cursor): string => {
  const token = cursor.take('string', 'a string');
  try {
    return JSON.parse(token.text) as string;
  } catch {
    return cursor.fail(`malformed string ${token.text}`, token);
  }
};

export const readName = (cursor: Cursor): string =>
  cursor.peek().kind === 'string' ? readString(cursor) : cursor.take('identifier', 'a name').text;

export function readNumber(cursor: Cursor): number {
  if (cursor.accept('inf')) return Number.POSITIVE_INFINITY;
  if (cursor.accept('nan')) return Number.NaN;
  if (cursor.accept('-')) {
    cursor.expect('inf');
    return Number.NEGATIVE_INFINITY;
  }
  return Number(cursor.take('number', 'a number').text);
}

export function readInt(cursor: Cursor): number {
  const token = cursor.peek();
  const value = readNumber(cursor);
  return Number.isSafeInteger(value) ? value : cursor.fail(`expected an integer, found ${token.text}`, token);
}

export function readList<T>(cursor: Cursor, read: (cursor: Cursor) => T, open = '[', close = ']'): T[] {
  cursor.expect(open);
  const items: T[] = [];
  while (!cursor.accept(close)) {
    if (items.length > 0) cursor.expect(',');
    items.push(read(cursor));
  }
  return items;
}

const functionNamed = (name: string): ScalarFunction | undefined => SCALAR_FUNCTIONS.find((fn) => fn === name);

/** sum := product (('+' | '-') product)*; product := atom ('*' atom)*. */
export function readScalar(cursor: Cursor): Scalar {
  let sum = readProduct(cursor);
  for (;;) {
    if (cursor.accept('+')) sum = add(sum, readProduct(cursor));
    else if (cursor.accept('-')) sum = subtract(sum, readProduct(cursor));
    else return sum;
  }
}

function readProduct(cursor: Cursor): Scalar {
  let product = readAtom(cursor);
  while (cursor.accept('*')) product = multiply(product, readAtom(cursor));
  return product;
}

function readAtom(cursor: Cursor): Scalar {
  const token = cursor.peek();
  if (token.kind === 'number' || token.text === 'inf' || token.text === 'nan' || token.text === '-')
    return readNumber(cursor);
  if (cursor.accept('(')) {
    const inner = readScalar(cursor);
    cursor.expect(')');
    return inner;
  }
  const fn = token.kind === 'identifier' ? functionNamed(token.text) : undefined;
  if (fn !== undefined) {
    cursor.next();
    return { kind: 'call', fn, args: readList(cursor, readScalar, '(', ')') };
  }
  const name = readName(cursor);
  if (!cursor.accept('[')) return symbol(name);
  const index = readInt(cursor);
  cursor.expect(']');
  if (!cursor.accept(':')) return element(name, index, 'int');
  cursor.expect('f32');
  return element(name, index, 'f32');
}

export function readDType(cursor: Cursor): DType {
  const token = cursor.take('identifier', 'an element type');
  return (
    DTYPES.find((dtype) => dtype === token.text) ?? cursor.fail(`expected an element type, found ${token.text}`, token)
  );
}

function readQuantization(cursor: Cursor): Quantization {
  cursor.expect('quant');
  cursor.expect('(');
  const scale = readNumber(cursor);
  cursor.expect(',');
  const zeroPoint = readInt(cursor);
  cursor.expect(',');
  const bits = readInt(cursor);
  cursor.expect(')');
  return { scale, zeroPoint, bits };
}

export function readType(cursor: Cursor): TensorType {
  const dtype = readDType(cursor);
  const shape = readList<Expr | number>(cursor, readScalar);
  return cursor.peek().text === 'quant' ? { dtype, shape, quant: readQuantization(cursor) } : { dtype, shape };
}

/** The elements of an inline constant of `count` elements. */
export function readElements(cursor: Cursor, dtype: DType, shape: readonly number[], count: number): Tensor {
  const start = cursor.peek();
  const wide = dtype === 'i64' || dtype === 'u64';
  const elements = readList<number | bigint>(cursor, (at) => {
    if (!wide) return readNumber(at);
    const token = at.take('number', 'an integer');
    return /^-?[0-9]+$/.test(token.text)
      ? BigInt(token.text)
      : at.fail(`expected an integer, found ${token.text}`, token);
  });
  if (elements.length !== count) cursor.fail(`expected ${count} elements, found ${elements.length}`, start);
  const data = allocate(dtype, count);
  elements.forEach((value, index) => {
    data[index] = value;
  });
  return { dtype, shape, data };
}

const READ_ATTR: { readonly [K in keyof AttrKinds]: (cursor: Cursor) => AttrKinds[K] } = {
  int: readInt,
  float: readNumber,
  bool: (cursor) => {
    if (cursor.accept('true')) return true;
    cursor.expect('false');
    return false;
  },
  ints: (cursor) => readList(cursor, readInt),
  floats: (cursor) => readList(cursor, readNumber),
  dim: readScalar,
  dims: (cursor) => readList(cursor, readScalar),
  scalars: (cursor) => readList(cursor, readScalar),
  dtype: readDType,
  string: readString,
  quant: readQuantization,
};

export function readAttr(cursor: Cursor, spec: AttrSpec): unknown {
  if (spec.kind !== 'enum') return READ_ATTR[spec.kind](cursor);
  const token = cursor.take('identifier', `one of ${spec.values.join(', ')}`);
  return spec.values.includes(token.text)
    ? token.text
    : cursor.fail(`expected one of ${spec.values.join(', ')}, found ${token.text}`, token);
}
