import type { Graph, NodeOf, ValueId } from '../ir/graph.js';
import type { OpName } from '../ir/ops/index.js';
import type { Dim, Scalar, ScalarType } from '../ir/scalar.js';
import type { TensorType } from '../ir/types.js';
import type { KernelRow } from './kernel-library.js';

export interface RunOptions {
  /** Bytes of scratch for each worker; fills the fields `scratch` and `scratch_stride`. */
  readonly scratchBytes?: number;
}

export interface RunGenericOptions extends RunOptions {
  /** The args struct; default: the header's name and `_args`. */
  readonly args?: string;
  /** The function that counts the units of work; default: the header's name and `_units`. */
  readonly units?: string;
}

/**
 * What an emitter of an op gets to write C with. Everything returned is a C expression that is valid inside the function
 * of the node being emitted. An emitter may be run more than once (the first run finds out how much memory it wants), so
 * it keeps no state and does nothing but call this.
 */
export interface EmitContext {
  readonly graph: Graph;
  /** A quantized build: kernels must give the same bytes on every target (no `_fast` families). */
  readonly exact: boolean;
  type(value: ValueId): TensorType;
  /**
   * Pointer to the first element, `const T *` or `T *` with T the C type of the value's dtype (`SQ_C_<dtype>`). `NULL`
   * for an absent operand. Elements are row-major and dense; aligned to the element type only.
   */
  pointer(value: ValueId | null): string;
  /**
   * A dimension or another integer scalar, int64_t. Combine dimensions with the functions of ir/scalar before they come
   * here, not in C, where small literals are of type int.
   */
  dim(dim: Dim): string;
  /** The largest value of a dimension within the bounds of its symbols. */
  maxDim(dim: Dim): number;
  /** A scalar as int64_t or float; a number takes the given type, an expression has its own. */
  scalar(scalar: Scalar, type: ScalarType): string;
  /** A literal that reads back as exactly this float32 (or float64); infinities and NaN as builtins. */
  floatLiteral(value: number, type?: 'f32' | 'f64'): string;
  /**
   * Adds bytes to the weights file and returns a `const unsigned char *` expression. Equal keys share one section, so a
   * key names the contents: the value, the packing, its parameters. `produce` runs when the file is written, one section
   * at a time, and must give exactly `bytes` bytes. Sections start at multiples of `align` (a power of two, at most 64).
   */
  packed(key: string, bytes: number, align: number, produce: () => Uint8Array): string;
  /** Memory that lives while this node runs, shared by all workers: an `unsigned char *` expression, 64-byte aligned. */
  workspace(bytes: number): string;
  /**
   * Runs a hand-written kernel family: `<family>_args` with these fields, the best variant for the target, its units
   * split by the caller's parallel-for.
   */
  run(family: string, fields: Readonly<Record<string, string>>, options?: RunOptions): void;
  /** The variant that `run` chooses; its tile and packing say how weights are laid out. */
  variant(family: string): KernelRow;
  /** True where the family has a kernel this target can run. */
  hasKernel(family: string): boolean;
  /**
   * Runs a dtype-generic kernel that a macro of `header` defines: `SQ_DEFINE_BINARY(add, f32)` of sq_binary.h defines
   * `sq_binary_add_f32`, which takes a `sq_binary_args`. The macro is written once for each distinct use.
   */
  runGeneric(
    header: string,
    macro: string,
    macroArgs: readonly string[],
    kernel: string,
    fields: Readonly<Record<string, string>>,
    options?: RunGenericOptions,
  ): void;
  /** `(const int64_t[]){…}`; one zero for an empty list, which C does not allow. */
  int64s(values: readonly (string | number)[]): string;
}

/** Writes the C of one node: kernel calls, in order. */
export type Emitter<K extends OpName> = (node: NodeOf<K>, context: EmitContext) => void;
export type Emitters = { readonly [K in OpName]: Emitter<K> };
