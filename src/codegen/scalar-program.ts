import { type Expr, type Scalar, type ScalarFunction, type ScalarType, scalarKey, scalarType } from '../ir/scalar.js';
import { toComment, toFloatLiteral, toIntLiteral } from './names.js';

/** A leaf as C, inside the function that computes the scalars. */
export interface LeafCode {
  /** Statements that leave with an error where `value` may not be read or used. */
  readonly checks: readonly string[];
  /** int64_t or float. */
  readonly value: string;
}

export interface ScalarLeaves {
  symbol(name: string): LeafCode;
  element(input: string, index: number, type: ScalarType): LeafCode;
}

export interface ScalarField {
  readonly field: string;
  readonly type: ScalarType;
  /** The expression, for a comment. */
  readonly comment: string;
}

/** The run-time scalars of a program: each distinct expression is a field that is computed once a run. */
export interface ScalarProgram {
  /** C expression where `frame` points to the struct with the fields; literals for numbers. */
  reference(scalar: Scalar, type: ScalarType): string;
  fields(): readonly ScalarField[];
  /** Statements that compute all fields in order. They leave by `return SQ_ERROR_SCALAR` where a result is not defined. */
  statements(): readonly string[];
}

type Type = 'int' | 'f32';

/** Operand and result types; `same`: those of the operands. */
interface CFunction {
  readonly operands: Type | 'same';
  readonly write: (target: string, args: readonly string[], type: Type) => string;
}

/** One checked call: false means overflow, division by zero or a float that is no integer. */
const checked =
  (fn: string) =>
  (target: string, args: readonly string[]): string =>
    `if (!${fn}(${[...args, `&${target}`].join(', ')})) return SQ_ERROR_SCALAR;`;
const assign =
  (expression: (...args: string[]) => string) =>
  (target: string, args: readonly string[]): string =>
    `${target} = ${expression(...args)};`;

const FUNCTIONS: Readonly<Record<ScalarFunction, CFunction>> = {
  floor_div: { operands: 'int', write: checked('sq_scalar_floor_div') },
  trunc_div: { operands: 'int', write: checked('sq_scalar_trunc_div') },
  mod: { operands: 'int', write: checked('sq_scalar_mod') },
  min: { operands: 'int', write: assign((a, b) => `${a} < ${b} ? ${a} : ${b}`) },
  max: { operands: 'int', write: assign((a, b) => `${a} > ${b} ? ${a} : ${b}`) },
  equal: { operands: 'same', write: assign((a, b) => `${a} == ${b}`) },
  less: { operands: 'same', write: assign((a, b) => `${a} < ${b}`) },
  select: { operands: 'same', write: assign((c, a, b) => `${c} ? ${a} : ${b}`) },
  to_int: { operands: 'f32', write: checked('sq_scalar_to_int') },
  to_f32: { operands: 'int', write: assign((a) => `(float)${a}`) },
  add_f32: { operands: 'f32', write: assign((a, b) => `${a} + ${b}`) },
  sub_f32: { operands: 'f32', write: assign((a, b) => `${a} - ${b}`) },
  mul_f32: { operands: 'f32', write: assign((a, b) => `${a} * ${b}`) },
  div_f32: { operands: 'f32', write: assign((a, b) => `${a} / ${b}`) },
  min_f32: { operands: 'f32', write: assign((a, b) => `${a} < ${b} ? ${a} : ${b}`) },
  max_f32: { operands: 'f32', write: assign((a, b) => `${a} > ${b} ? ${a} : ${b}`) },
  floor_f32: { operands: 'f32', write: assign((a) => `sq_scalar_floor(${a})`) },
  ceil_f32: { operands: 'f32', write: assign((a) => `-sq_scalar_floor(-${a})`) },
  round_f32: { operands: 'f32', write: assign((a) => `sq_scalar_rne(${a})`) },
  sqrt_f32: { operands: 'f32', write: assign((a) => `__builtin_sqrtf(${a})`) },
};

export function createScalarProgram(leaves: ScalarLeaves): ScalarProgram {
  const fields = new Map<string, ScalarField>();
  const statements: string[] = [];

  const compute = (expr: Expr): string => {
    const key = scalarKey(expr);
    const known = fields.get(key);
    if (known !== undefined) return `frame->${known.field}`;
    const type = scalarType(expr);
    const lines: string[] = [];
    const target = (): string => {
      const field = `${type === 'int' ? 'i' : 'f'}${fields.size}`;
      fields.set(key, { field, type, comment: toComment(key) });
      return `frame->${field}`;
    };
    const leaf = ({ checks, value }: LeafCode): void => {
      lines.push(...checks, `${target()} = ${value};`);
    };
    // Operands first: they take their fields, and write their statements, before this one does.
    const COMPUTE: { readonly [K in Expr['kind']]: (e: Extract<Expr, { kind: K }>) => void } = {
      symbol: ({ name }) => leaf(leaves.symbol(name)),
      element: ({ input, index, type: of }) => leaf(leaves.element(input, index, of)),
      polynomial: ({ constant, terms }) => {
        const monomials = terms.map(({ coefficient, atoms }) => ({ coefficient, atoms: atoms.map(compute) }));
        const sum = target();
        lines.push(`${sum} = ${toIntLiteral(constant)};`);
        for (const { coefficient, atoms } of monomials) {
          lines.push('{', `  int64_t term = ${toIntLiteral(coefficient)};`);
          for (const atom of atoms) lines.push(`  if (!sq_scalar_mul(term, ${atom}, &term)) return SQ_ERROR_SCALAR;`);
          lines.push(`  if (__builtin_add_overflow(${sum}, term, &${sum})) return SQ_ERROR_SCALAR;`, '}');
        }
      },
      call: ({ fn, args }) => {
        const row = FUNCTIONS[fn];
        const rest = fn === 'select' ? args.slice(1) : args;
        const common = rest.find((arg): arg is Expr => typeof arg !== 'number');
        const of = row.operands === 'same' ? (common === undefined ? 'int' : scalarType(common)) : row.operands;
        const written = args.map((arg, i) => reference(arg, fn === 'select' && i === 0 ? 'int' : of));
        lines.push(row.write(target(), written, of));
      },
    };
    COMPUTE[expr.kind](expr as never);
    statements.push(...lines);
    return `frame->${fields.get(key)!.field}`;
  };
  const reference = (scalar: Scalar, type: ScalarType): string => {
    if (typeof scalar !== 'number') return compute(scalar);
    return type === 'int' ? toIntLiteral(scalar) : toFloatLiteral(scalar);
  };
  return { reference, fields: () => [...fields.values()], statements: () => statements };
}
