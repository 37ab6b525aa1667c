import type { Dim, Scalar, SymbolBounds } from './scalar.js';
import type { DType, Quantization, StaticTensorType, Tensor, TensorType } from './types.js';

/**
 * Attribute kinds. The schema of an op gives the TypeScript type of its attributes, and lets the printer, the parser
 * and the rewriter treat every op alike.
 */
export interface AttrKinds {
  readonly int: number;
  readonly float: number;
  readonly bool: boolean;
  readonly ints: readonly number[];
  readonly floats: readonly number[];
  /** An integer that may be symbolic. */
  readonly dim: Dim;
  readonly dims: readonly Dim[];
  readonly scalars: readonly Scalar[];
  readonly dtype: DType;
  readonly string: string;
  readonly quant: Quantization;
}
export type AttrSpec =
  | { readonly kind: keyof AttrKinds; readonly optional?: boolean }
  | { readonly kind: 'enum'; readonly values: readonly string[]; readonly optional?: boolean };
export type AttrSchema = Readonly<Record<string, AttrSpec>>;

type ValueOf<S extends AttrSpec> = S extends { kind: 'enum'; values: readonly (infer V)[] }
  ? V
  : S extends { kind: infer K extends keyof AttrKinds }
    ? AttrKinds[K]
    : never;
export type AttrsOf<S extends AttrSchema> = {
  readonly [K in keyof S as S[K] extends { optional: true } ? never : K]: ValueOf<S[K]>;
} & {
  readonly [K in keyof S as S[K] extends { optional: true } ? K : never]?: ValueOf<S[K]> | undefined;
};

/** Constructors for schemas: `{ axis: attr.int, fn: attr.enum('sum', 'mean'), window: attr.optional(attr.ints) }`. */
export const attr = {
  int: { kind: 'int' },
  float: { kind: 'float' },
  bool: { kind: 'bool' },
  ints: { kind: 'ints' },
  floats: { kind: 'floats' },
  dim: { kind: 'dim' },
  dims: { kind: 'dims' },
  scalars: { kind: 'scalars' },
  dtype: { kind: 'dtype' },
  string: { kind: 'string' },
  quant: { kind: 'quant' },
  enum: <const V extends readonly string[]>(...values: V) => ({ kind: 'enum', values }) as const,
  optional: <const S extends AttrSpec>(spec: S): S & { readonly optional: true } => ({ ...spec, optional: true }),
} as const satisfies Record<string, AttrSpec | ((...args: never[]) => AttrSpec)>;

/** An operand's name in definition order. A variadic operand is the last one. */
export interface OperandSpec {
  readonly name: string;
  readonly optional?: boolean;
  readonly variadic?: boolean;
}

export interface InferContext {
  /** Bounds of symbols, to decide what shapes alone do not. */
  readonly bounds: SymbolBounds;
}

export interface EvaluateContext {
  /** Result types with every dimension a number. */
  readonly types: readonly StaticTensorType[];
  /** The value of a (possibly symbolic) scalar attribute in this run. */
  value(scalar: Scalar): number;
}

/** An operand's type where it is present. */
export type OperandTypes = readonly (TensorType | undefined)[];
export type Operands = readonly (Tensor | undefined)[];

/**
 * The single definition of an op: what it takes, what it gives, and what it means. Evaluation is the meaning: constant
 * folding, the tests and the generated C answer to it.
 */
export interface OpDefinition<S extends AttrSchema = AttrSchema> {
  /** One line for the documentation, with shapes. */
  readonly summary: string;
  readonly operands: readonly OperandSpec[];
  readonly attrs: S;
  /** Result types. Throws {@link TypeMismatch} for operands that do not fit. */
  readonly infer: (operands: OperandTypes, attrs: AttrsOf<S>, context: InferContext) => readonly TensorType[];
  readonly evaluate: (operands: Operands, attrs: AttrsOf<S>, context: EvaluateContext) => readonly Tensor[];
}

export const defineOp = <const S extends AttrSchema>(definition: OpDefinition<S>): OpDefinition<S> => definition;

/** Operands or attributes that contradict each other. The message says what was expected and what was found. */
export class TypeMismatch extends Error {
  override readonly name = 'TypeMismatch';
}

/** `operand('bias', '?')` is optional, `operand('inputs', '*')` takes any number. */
export const operand = (name: string, arity: '1' | '?' | '*' = '1'): OperandSpec => ({
  name,
  ...(arity === '?' && { optional: true }),
  ...(arity === '*' && { variadic: true }),
});

/** The type of a required operand. */
export function requireType(types: OperandTypes, index: number, name: string): TensorType {
  const type = types[index];
  if (type === undefined) throw new TypeMismatch(`operand ${name} is missing`);
  return type;
}

/** The tensor of a required operand. */
export function requireTensor(operands: Operands, index: number): Tensor {
  const tensor = operands[index];
  if (tensor === undefined) throw new TypeMismatch(`operand ${index} is missing`);
  return tensor;
}
