import type { AttrsFor } from '../edit.js';
import type { OpName } from '../ops/index.js';
import type { Scalar, SymbolBounds } from '../scalar.js';
import type { DType, Tensor } from '../types.js';
import type { OnnxValue } from './onnx-value.js';

/**
 * How an ONNX operator becomes IR. `since` is the first operator-set version whose form of the operator is understood;
 * handlers look at `n.opset` where later versions differ.
 */
export interface Operator {
  readonly since: number;
  /** The IR ops that it becomes. Movement that moves nothing is left out, and shape arithmetic becomes `scalars`. */
  readonly into: readonly OpName[];
  /** The forms that are refused, and why where it is not plain. */
  readonly refuses?: string;
  readonly import: (n: NodeImport) => OnnxValue | readonly OnnxValue[];
}

/** One ONNX node while it is imported: its inputs and attributes, and the way to emit IR for it. */
export interface NodeImport {
  readonly op: string;
  /** Version of the operator set of the model. */
  readonly opset: number;
  readonly bounds: SymbolBounds;
  readonly inputCount: number;
  /** Whether output `index` has a name, that is, may be read. */
  hasOutput(index: number): boolean;
  readonly outputCount: number;

  /** A required input. */
  input(index: number): OnnxValue;
  optional(index: number): OnnxValue | undefined;
  inputs(): readonly OnnxValue[];

  /** Attributes with their defaults; without a default the attribute is required. */
  int(name: string, fallback?: number): number;
  float(name: string, fallback?: number): number;
  string(name: string, fallback?: string): string;
  ints(name: string): readonly number[] | undefined;
  floats(name: string): readonly number[] | undefined;
  tensor(name: string): Tensor | undefined;
  hasAttribute(name: string): boolean;

  /** Elements of an input that decides a shape: numbers or symbolic scalars. */
  scalars(index: number, what: string): readonly Scalar[];
  /** Elements of an input that must be known at compile time. */
  numbers(index: number, what: string): readonly number[];

  /** Emits an IR op of one result. */
  emit<K extends OpName>(op: K, operands: readonly (OnnxValue | null | undefined)[], attrs: AttrsFor<K>): OnnxValue;
  emitAll<K extends OpName>(
    op: K,
    operands: readonly (OnnxValue | null | undefined)[],
    attrs: AttrsFor<K>,
  ): readonly OnnxValue[];
  /** The same value, known to be made of whole multiples of `step`, which broadcasts to it; of constants only. */
  multipleOf(value: OnnxValue, step: OnnxValue): OnnxValue;
  constant(tensor: Tensor): OnnxValue;
  /** A scalar constant, rounded to its type. */
  number(dtype: DType, value: number): OnnxValue;
  fromScalars(dtype: DType, shape: readonly number[], values: readonly Scalar[]): OnnxValue;

  /** Refuses the node: the message becomes a ModelError with its name. */
  fail(reason: string): never;
}

/** A negative axis counts from the end. */
export function resolveAxis(n: NodeImport, axis: number, rank: number): number {
  const resolved = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || resolved < 0 || resolved >= rank)
    n.fail(`axis ${axis} is outside a tensor of rank ${rank}`);
  return resolved;
}

/** Several axes, from an input in newer versions of an operator and an attribute in older ones; undefined if absent. */
export function axesOf(n: NodeImport, input: number, rank: number, attribute = 'axes'): readonly number[] | undefined {
  const given = n.optional(input) ? n.numbers(input, attribute) : n.ints(attribute);
  const axes = given?.map((axis) => resolveAxis(n, axis, rank));
  if (axes && new Set(axes).size !== axes.length) n.fail(`${attribute} [${given}] name an axis twice`);
  return axes;
}

export const rankOf = (value: OnnxValue): number => value.type.shape.length;
export const dtypeOf = (value: OnnxValue): DType => value.type.dtype;
/** 0, 1, … count − 1 */
export const range = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);
