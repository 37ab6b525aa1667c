import { UserError } from '../user-error.js';

/**
 * The only ways for a string of a model to reach C, a file name or a comment. Each gives text that cannot end the token
 * or comment it is put in, whatever the string holds.
 */

/** Keywords of C and C++, and macros that system headers or compilers define in lower case. */
const RESERVED = new Set(
  `alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl concept const consteval constexpr
  constinit const_cast continue co_await co_return co_yield decltype default delete do double dynamic_cast else enum explicit
  export extern false float for friend goto if inline int long mutable namespace new noexcept not not_eq nullptr operator or
  or_eq private protected public register reinterpret_cast requires restrict return short signed sizeof static
  static_assert static_cast struct switch template this thread_local throw true try typedef typeid typename union unsigned
  using virtual void volatile wchar_t while xor xor_eq typeof errno stdin stdout stderr linux unix i386 assert main NULL
  offsetof`.split(/\s+/),
);

/** A C and C++ identifier close to `name`: never a keyword, never reserved by a leading underscore. */
export function toIdentifier(name: string): string {
  const plain = name
    .replace(/[^A-Za-z0-9_]+/g, '_')
    .replace(/^_+/, '')
    .slice(0, 48);
  if (plain === '') return 'unnamed';
  if (/^[0-9]/.test(plain)) return `v${plain}`;
  return RESERVED.has(plain) ? `${plain}_` : plain;
}

/** Gives each call another identifier: `x`, `x_2`, `x_3`. */
export function identifierScope(taken: readonly string[] = []): (name: string) => string {
  const used = new Set(taken);
  return (name) => {
    const base = toIdentifier(name);
    let candidate = base;
    for (let count = 2; used.has(candidate); count++) candidate = `${base}_${count}`;
    used.add(candidate);
    return candidate;
  };
}

/** Text for a block comment: what could end or open one, or be a trigraph or a line splice, is replaced. */
export const toComment = (text: string): string =>
  text
    .replace(/[^A-Za-z0-9_ .,:;+\-()[\]=<>%#&|~*/]/g, '_')
    .replace(/[*/](?=[*/])/g, '_')
    .slice(0, 120)
    .trim();

/** A C string literal with the UTF-8 bytes of `text`. */
export const toStringLiteral = (text: string): string =>
  `"${[...Buffer.from(text, 'utf8')]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[A-Za-z0-9_ .,:;+\-()[\]=<>/]/.test(character) ? character : `\\${byte.toString(8).padStart(3, '0')}`;
    })
    .join('')}"`;

/** A file name close to `name`, for any file system: no separators, no leading dot. */
export const toFileName = (name: string): string =>
  name
    .replace(/[^A-Za-z0-9_.-]+/g, '_')
    .replace(/^\.+/, '_')
    .slice(0, 100) || 'unnamed';

/** A literal that reads back as exactly this number. Doubles print their shortest round-trip form; floats are widened exactly. */
export function toFloatLiteral(value: number, type: 'f32' | 'f64' = 'f32'): string {
  const suffix = type === 'f32' ? 'f' : '';
  const rounded = type === 'f32' ? Math.fround(value) : value;
  if (Number.isNaN(rounded)) return `__builtin_nan${suffix}("")`;
  if (!Number.isFinite(rounded)) return `${rounded < 0 ? '-' : ''}__builtin_inf${suffix}()`;
  if (Object.is(rounded, -0)) return `-0.0${suffix}`;
  const digits = shortestDigits(rounded, type);
  return `${/[.e]/.test(digits) ? digits : `${digits}.0`}${suffix}`;
}

/** The fewest digits that round to the same float32; a double's are JavaScript's own. */
function shortestDigits(value: number, type: 'f32' | 'f64'): string {
  if (type === 'f64') return String(value);
  for (let precision = 6; precision <= 9; precision++) {
    const text = String(Number(value.toPrecision(precision)));
    if (Math.fround(Number(text)) === value) return text;
  }
  return String(value);
}

/**
 * An integer literal of type int where that holds it, else of type int64_t.
 *
 * @throws UserError beyond 2^53: only a model's own sizes come to that
 */
export function toIntLiteral(value: number): string {
  if (!Number.isInteger(value)) throw new Error(`${value} is not an integer`);
  if (!Number.isSafeInteger(value)) throw new UserError(`the size or position ${value} is beyond 2^53 − 1`);
  return Math.abs(value) < 2 ** 31 ? String(value) : `INT64_C(${value})`;
}
