export type TokenKind = 'identifier' | 'value' | 'number' | 'string' | 'hash' | 'punctuation' | 'end';
export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

/** Text that is not a program. The message starts with the line and column where that shows. */
export class TextError extends Error {
  override readonly name = 'TextError';
  constructor(
    readonly line: number,
    readonly column: number,
    cause: string,
  ) {
    super(`line ${line}, column ${column}: ${cause}`);
  }
}

/** White space and `//` comments are skipped. */
const SKIP = /(?:\s+|\/\/[^\n]*)*/y;
const RULES: readonly (readonly [TokenKind, RegExp])[] = [
  ['hash', /sha256:[0-9a-f]{64}/y],
  ['identifier', /[A-Za-z_][A-Za-z0-9_]*/y],
  ['value', /%[A-Za-z0-9_]+/y],
  ['number', /-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y],
  ['string', /"(?:[^"\\\n]|\\.)*"/y],
  ['punctuation', /\.\.|[{}()[\],:=+*@-]/y],
];

export function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let line = 1;
  let lineStart = 0;
  const advance = (to: number): void => {
    for (
      let newline = text.indexOf('\n', at);
      newline >= 0 && newline < to;
      newline = text.indexOf('\n', newline + 1)
    ) {
      line++;
      lineStart = newline + 1;
    }
    at = to;
  };
  for (;;) {
    SKIP.lastIndex = at;
    SKIP.test(text);
    advance(SKIP.lastIndex);
    const column = at - lineStart + 1;
    if (at >= text.length) return [...tokens, { kind: 'end', text: 'the end of the text', line, column }];
    const match = RULES.map(([kind, rule]) => {
      rule.lastIndex = at;
      return [kind, rule.exec(text)?.[0]] as const;
    }).find(([, found]) => found !== undefined);
    const found = match?.[1];
    if (match === undefined || found === undefined)
      throw new TextError(line, column, `unexpected character ${JSON.stringify(text[at])}`);
    tokens.push({ kind: match[0], text: found, line, column });
    advance(at + found.length);
  }
}

/** Reads tokens one by one; every failure is a {@link TextError} at the token that was not expected. */
export interface Cursor {
  peek(): Token;
  next(): Token;
  /** Takes the token if it is this punctuation or word. */
  accept(text: string): boolean;
  expect(text: string): Token;
  take(kind: TokenKind, what: string): Token;
  fail(cause: string, token?: Token): never;
}

export function openCursor(text: string): Cursor {
  const tokens = tokenize(text);
  let at = 0;
  const peek = (): Token => tokens[at]!;
  const next = (): Token => {
    const token = peek();
    if (token.kind !== 'end') at++;
    return token;
  };
  const fail = (cause: string, token: Token = peek()): never => {
    throw new TextError(token.line, token.column, cause);
  };
  const is = (expected: string): boolean => {
    const { kind, text: found } = peek();
    return found === expected && (kind === 'identifier' || kind === 'punctuation');
  };
  return {
    peek,
    next,
    fail,
    accept: (expected) => {
      const found = is(expected);
      if (found) at++;
      return found;
    },
    expect: (expected) => (is(expected) ? next() : fail(`expected '${expected}', found ${peek().text}`)),
    take: (kind, what) => (peek().kind === kind ? next() : fail(`expected ${what}, found ${peek().text}`)),
  };
}
