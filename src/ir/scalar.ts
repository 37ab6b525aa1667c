/**
 * Scalars known before a tensor is touched: constants, symbolic dimensions, elements of small integer or float inputs
 * (SAM's `orig_im_size`), and arithmetic on them. Shape arithmetic of an ONNX graph becomes these; what is left of it
 * in the C is a handful of statements. Integers are kept in a normal form (a polynomial over atoms with sorted
 * monomials), so that equal sizes are found equal by `scalarKey`.
 */

export type Scalar = number | Expr;
/** A dimension: an integer scalar. */
export type Dim = Scalar;
export type ScalarType = 'int' | 'f32';

/** Integer functions are exact; `f32` functions round once to float32, as the C does. */
export const SCALAR_FUNCTIONS = [
  'floor_div',
  'trunc_div',
  'mod',
  'min',
  'max',
  'equal',
  'less',
  'select',
  'to_int',
  'to_f32',
  'add_f32',
  'sub_f32',
  'mul_f32',
  'div_f32',
  'min_f32',
  'max_f32',
  'floor_f32',
  'ceil_f32',
  'round_f32',
  'sqrt_f32',
] as const;
export type ScalarFunction = (typeof SCALAR_FUNCTIONS)[number];

export type Expr =
  /** A symbolic dimension of an input. */
  | { readonly kind: 'symbol'; readonly name: string }
  /** Element `index` of a run-time input. */
  | { readonly kind: 'element'; readonly input: string; readonly index: number; readonly type: ScalarType }
  /** constant + Σ coefficient · Π atoms; integers only. */
  | { readonly kind: 'polynomial'; readonly constant: number; readonly terms: readonly Monomial[] }
  | { readonly kind: 'call'; readonly fn: ScalarFunction; readonly args: readonly Scalar[] };

export interface Monomial {
  readonly coefficient: number;
  /** Sorted by key; never polynomials. */
  readonly atoms: readonly Expr[];
}

/** Closed interval. */
export interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** Bounds of symbolic dimensions by name, and of the elements of inputs by the input's name. */
export type SymbolBounds = Readonly<Record<string, Bounds>>;

/** The bounds that go by a name, which a model chose: `constructor` has none unless it was given some. */
export const namedBounds = (bounds: SymbolBounds, name: string): Bounds | undefined =>
  Object.hasOwn(bounds, name) ? bounds[name] : undefined;

const keys = new WeakMap<Expr, string>();

/** Structural identity: two scalars are the same value for every input if their keys are equal. */
export function scalarKey(scalar: Scalar): string {
  if (typeof scalar === 'number') return String(scalar);
  let key = keys.get(scalar);
  if (key === undefined) {
    key = SHOW[scalar.kind](scalar as never);
    keys.set(scalar, key);
  }
  return key;
}

type Of<K extends Expr['kind']> = Extract<Expr, { kind: K }>;
const SHOW: { readonly [K in Expr['kind']]: (expr: Of<K>) => string } = {
  symbol: ({ name }) => name,
  element: ({ input, index, type }) => `${input}[${index}]${type === 'f32' ? 'f' : ''}`,
  polynomial: ({ constant, terms }) =>
    `(${[
      ...terms.map(({ coefficient, atoms }) =>
        [...(coefficient === 1 ? [] : [coefficient]), ...atoms.map(scalarKey)].join('*'),
      ),
      ...(constant === 0 ? [] : [constant]),
    ].join(' + ')})`,
  call: ({ fn, args }) => `${fn}(${args.map(scalarKey).join(', ')})`,
};

export const symbol = (name: string): Expr => ({ kind: 'symbol', name });
export const element = (input: string, index: number, type: ScalarType): Expr => ({
  kind: 'element',
  input,
  index,
  type,
});

export const scalarsEqual = (a: Scalar, b: Scalar): boolean => scalarKey(a) === scalarKey(b);
export const isStatic = (shape: readonly Dim[]): shape is readonly number[] =>
  shape.every((dim) => typeof dim === 'number');

// ---- integer polynomials ----

function polynomialOf(scalar: Scalar): { constant: number; terms: readonly Monomial[] } {
  if (typeof scalar === 'number') return { constant: scalar, terms: [] };
  if (scalar.kind === 'polynomial') return scalar;
  return { constant: 0, terms: [{ coefficient: 1, atoms: [scalar] }] };
}

function normalise(constant: number, terms: readonly Monomial[]): Scalar {
  const byAtoms = new Map<string, Monomial>();
  for (const term of terms) {
    const key = term.atoms.map(scalarKey).join('*');
    const coefficient = (byAtoms.get(key)?.coefficient ?? 0) + term.coefficient;
    byAtoms.set(key, { coefficient, atoms: term.atoms });
  }
  const kept = [...byAtoms]
    .filter(([, term]) => term.coefficient !== 0)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, term]) => term);
  if (kept.length === 0) return constant;
  const only = kept[0]!;
  if (kept.length === 1 && constant === 0 && only.coefficient === 1 && only.atoms.length === 1) return only.atoms[0]!;
  return { kind: 'polynomial', constant, terms: kept };
}

export function add(a: Scalar, b: Scalar): Scalar {
  const p = polynomialOf(a);
  const q = polynomialOf(b);
  return normalise(p.constant + q.constant, [...p.terms, ...q.terms]);
}

export function multiply(a: Scalar, b: Scalar): Scalar {
  const p = polynomialOf(a);
  const q = polynomialOf(b);
  const monomials = (poly: { constant: number; terms: readonly Monomial[] }): readonly Monomial[] =>
    poly.constant === 0 ? poly.terms : [...poly.terms, { coefficient: poly.constant, atoms: [] }];
  const products = monomials(p).flatMap((x) =>
    monomials(q).map((y) => ({
      coefficient: x.coefficient * y.coefficient,
      atoms: [...x.atoms, ...y.atoms].sort((s, t) => (scalarKey(s) < scalarKey(t) ? -1 : 1)),
    })),
  );
  const constant = products.filter((term) => term.atoms.length === 0).reduce((sum, term) => sum + term.coefficient, 0);
  return normalise(
    constant,
    products.filter((term) => term.atoms.length > 0),
  );
}

export const subtract = (a: Scalar, b: Scalar): Scalar => add(a, multiply(-1, b));
export const product = (dims: readonly Scalar[]): Scalar => dims.reduce(multiply, 1);

/** a / b where the division is known to leave nothing: exact on polynomials, else a `floor_div`. */
export function divideExact(a: Scalar, b: Scalar): Scalar {
  if (scalarsEqual(a, b)) return 1;
  if (b === 1) return a;
  const p = polynomialOf(a);
  if (typeof b === 'number') {
    const terms = p.terms.map(({ coefficient, atoms }) => ({ coefficient: coefficient / b, atoms }));
    if (Number.isInteger(p.constant / b) && terms.every((term) => Number.isInteger(term.coefficient)))
      return normalise(p.constant / b, terms);
  } else if (p.constant === 0) {
    const divisor = polynomialOf(b);
    const only = divisor.terms[0]!;
    if (divisor.constant === 0 && divisor.terms.length === 1) {
      const quotients = p.terms.map((term) => divideMonomial(term, only));
      if (quotients.every((term) => term !== undefined))
        return normalise(
          quotients.filter((term) => term.atoms.length === 0).reduce((sum, term) => sum + term.coefficient, 0),
          quotients.filter((term) => term.atoms.length > 0),
        );
    }
  }
  return call('floor_div', a, b);
}

function divideMonomial(term: Monomial, by: Monomial): Monomial | undefined {
  const atoms = [...term.atoms];
  for (const atom of by.atoms) {
    const at = atoms.findIndex((candidate) => scalarsEqual(candidate, atom));
    if (at < 0) return undefined;
    atoms.splice(at, 1);
  }
  const coefficient = term.coefficient / by.coefficient;
  return Number.isInteger(coefficient) ? { coefficient, atoms } : undefined;
}

// ---- functions ----

const f = Math.fround;

/** Round half to even, the rounding of IEEE-754 and of ONNX `Round`. */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest < 0.5) return floor;
  if (rest > 0.5) return floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

const FUNCTIONS: Readonly<Record<ScalarFunction, (...args: number[]) => number>> = {
  floor_div: (a, b) => Math.floor(a! / b!),
  trunc_div: (a, b) => Math.trunc(a! / b!),
  mod: (a, b) => a! - b! * Math.floor(a! / b!),
  min: (a, b) => Math.min(a!, b!),
  max: (a, b) => Math.max(a!, b!),
  equal: (a, b) => Number(a === b),
  less: (a, b) => Number(a! < b!),
  select: (condition, a, b) => (condition ? a! : b!),
  to_int: (a) => Math.trunc(a!),
  to_f32: (a) => f(a!),
  add_f32: (a, b) => f(a! + b!),
  sub_f32: (a, b) => f(a! - b!),
  mul_f32: (a, b) => f(a! * b!),
  div_f32: (a, b) => f(a! / b!),
  min_f32: (a, b) => Math.min(a!, b!),
  max_f32: (a, b) => Math.max(a!, b!),
  floor_f32: (a) => Math.floor(a!),
  ceil_f32: (a) => Math.ceil(a!),
  round_f32: (a) => roundHalfEven(a!),
  sqrt_f32: (a) => f(Math.sqrt(a!)),
};

/** Applies a function, folding constants and the identities that shape arithmetic meets. */
export function call(fn: ScalarFunction, ...args: Scalar[]): Scalar {
  if (args.every((arg) => typeof arg === 'number')) return FUNCTIONS[fn](...args);
  const [a, b, c] = args as [Scalar, Scalar, Scalar];
  if (fn === 'select' && typeof a === 'number') return a ? b : c;
  if ((fn === 'min' || fn === 'max' || fn === 'min_f32' || fn === 'max_f32') && scalarsEqual(a, b)) return a;
  if (fn === 'equal' && scalarsEqual(a, b)) return 1;
  if ((fn === 'floor_div' || fn === 'trunc_div') && b === 1) return a;
  if ((fn === 'floor_div' || fn === 'trunc_div') && scalarsEqual(a, b)) return 1;
  if (fn === 'to_int' && typeof a !== 'number' && scalarType(a) === 'int') return a;
  if (fn === 'to_f32' && typeof a !== 'number' && scalarType(a) === 'f32') return a;
  return { kind: 'call', fn, args };
}

/** The type an expression computes; a constant takes the type of its place. */
export function scalarType(expr: Expr): ScalarType {
  if (expr.kind === 'element') return expr.type;
  if (expr.kind !== 'call') return 'int';
  if (expr.fn === 'select') {
    const branch = expr.args.slice(1).find((arg) => typeof arg !== 'number');
    return branch === undefined || typeof branch === 'number' ? 'int' : scalarType(branch);
  }
  return expr.fn.endsWith('_f32') ? 'f32' : 'int';
}

/** Values of symbols and input elements at run time. */
export interface ScalarEnvironment {
  symbol(name: string): number;
  element(input: string, index: number): number;
}

export function evaluateScalar(scalar: Scalar, env: ScalarEnvironment): number {
  if (typeof scalar === 'number') return scalar;
  const value = (s: Scalar): number => evaluateScalar(s, env);
  const EVALUATE: { readonly [K in Expr['kind']]: (expr: Of<K>) => number } = {
    symbol: ({ name }) => env.symbol(name),
    element: ({ input, index }) => env.element(input, index),
    polynomial: ({ constant, terms }) =>
      terms.reduce(
        (sum, { coefficient, atoms }) => sum + atoms.reduce<number>((p, atom) => p * value(atom), coefficient),
        constant,
      ),
    call: ({ fn, args }) => FUNCTIONS[fn](...args.map(value)),
  };
  return EVALUATE[scalar.kind](scalar as never);
}

/** Replaces symbols (and elements) by scalars; used to specialise a program. */
export function substitute(
  scalar: Scalar,
  replace: (leaf: Of<'symbol'> | Of<'element'>) => Scalar | undefined,
): Scalar {
  if (typeof scalar === 'number') return scalar;
  const again = (s: Scalar): Scalar => substitute(s, replace);
  const SUBSTITUTE: { readonly [K in Expr['kind']]: (expr: Of<K>) => Scalar } = {
    symbol: (expr) => replace(expr) ?? expr,
    element: (expr) => replace(expr) ?? expr,
    polynomial: ({ constant, terms }) =>
      terms.reduce<Scalar>(
        (sum, { coefficient, atoms }) => add(sum, multiply(coefficient, product(atoms.map(again)))),
        constant,
      ),
    call: ({ fn, args }) => call(fn, ...args.map(again)),
  };
  return SUBSTITUTE[scalar.kind](scalar as never);
}

const UNBOUNDED: Bounds = { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY };

const times = (a: Bounds, b: Bounds): Bounds => {
  const corners = [a.min * b.min, a.min * b.max, a.max * b.min, a.max * b.max].map((x) => (Number.isNaN(x) ? 0 : x));
  return { min: Math.min(...corners), max: Math.max(...corners) };
};
const divided = (round: (x: number) => number, a: Bounds, b: Bounds): Bounds => {
  if (b.min <= 0 && b.max >= 0) return UNBOUNDED;
  const corners = [a.min / b.min, a.min / b.max, a.max / b.min, a.max / b.max].map((x) => (Number.isNaN(x) ? 0 : x));
  return { min: round(Math.min(...corners)), max: round(Math.max(...corners)) };
};
const mapped =
  (fn: (x: number) => number) =>
  (a: Bounds): Bounds => ({ min: fn(a.min), max: fn(a.max) });
const lowest = (a: Bounds, b: Bounds): Bounds => ({ min: Math.min(a.min, b.min), max: Math.min(a.max, b.max) });
const highest = (a: Bounds, b: Bounds): Bounds => ({ min: Math.max(a.min, b.min), max: Math.max(a.max, b.max) });
const sum = (a: Bounds, b: Bounds): Bounds => ({ min: a.min + b.min, max: a.max + b.max });

const BOUNDS: Readonly<Record<ScalarFunction, (a: Bounds, b: Bounds, c: Bounds) => Bounds>> = {
  floor_div: (a, b) => divided(Math.floor, a, b),
  trunc_div: (a, b) => divided(Math.trunc, a, b),
  mod: (_, b) => (b.min > 0 ? { min: 0, max: b.max - 1 } : UNBOUNDED),
  min: lowest,
  max: highest,
  equal: (a, b) => ({ min: 0, max: a.max < b.min || b.max < a.min ? 0 : 1 }),
  less: (a, b) => ({ min: a.max < b.min ? 1 : 0, max: a.min >= b.max ? 0 : 1 }),
  select: (_, b, c) => ({ min: Math.min(b.min, c.min), max: Math.max(b.max, c.max) }),
  to_int: mapped(Math.trunc),
  to_f32: mapped(f),
  add_f32: (a, b) => mapped(f)(sum(a, b)),
  sub_f32: (a, b) => mapped(f)(sum(a, { min: -b.max, max: -b.min })),
  mul_f32: (a, b) => mapped(f)(times(a, b)),
  div_f32: (a, b) => divided(f, a, b),
  min_f32: lowest,
  max_f32: highest,
  floor_f32: mapped(Math.floor),
  ceil_f32: mapped(Math.ceil),
  round_f32: mapped(roundHalfEven),
  sqrt_f32: mapped((x) => f(Math.sqrt(x))),
};

/** Interval of a scalar, given the intervals of its symbols. Unnamed symbols are unbounded. */
export function boundsOf(scalar: Scalar, bounds: SymbolBounds): Bounds {
  if (typeof scalar === 'number') return { min: scalar, max: scalar };
  const of = (s: Scalar): Bounds => boundsOf(s, bounds);
  const INTERVAL: { readonly [K in Expr['kind']]: (expr: Of<K>) => Bounds } = {
    symbol: ({ name }) => namedBounds(bounds, name) ?? UNBOUNDED,
    element: ({ input }) => namedBounds(bounds, input) ?? UNBOUNDED,
    polynomial: ({ constant, terms }) =>
      terms.reduce<Bounds>(
        (total, { coefficient, atoms }) =>
          sum(
            total,
            atoms.reduce<Bounds>((p, atom) => times(p, of(atom)), { min: coefficient, max: coefficient }),
          ),
        { min: constant, max: constant },
      ),
    call: ({ fn, args }) => BOUNDS[fn](...(args.map(of) as [Bounds, Bounds, Bounds])),
  };
  return INTERVAL[scalar.kind](scalar as never);
}

/** True or false where the bounds decide it, undefined where they do not. */
export function decideEqual(a: Scalar, b: Scalar, bounds: SymbolBounds): boolean | undefined {
  if (scalarsEqual(a, b)) return true;
  const x = boundsOf(subtract(a, b), bounds);
  return x.min > 0 || x.max < 0 ? false : undefined;
}

/** Every symbol and element a scalar depends on. */
export function leavesOf(scalar: Scalar, into: Map<string, Expr> = new Map()): Map<string, Expr> {
  if (typeof scalar === 'number') return into;
  if (scalar.kind === 'symbol' || scalar.kind === 'element') into.set(scalarKey(scalar), scalar);
  if (scalar.kind === 'call') for (const arg of scalar.args) leavesOf(arg, into);
  if (scalar.kind === 'polynomial')
    for (const { atoms } of scalar.terms) for (const atom of atoms) leavesOf(atom, into);
  return into;
}
