import type { DType } from './tensor.js';

/** An input or output of a compiled model. */
export interface TensorDescription {
  readonly name: string;
  readonly dtype: DType;
  /** Sizes; an input's may be the name of a symbolic dimension, an output's an expression. */
  readonly shape: readonly (number | string)[];
}

/** A symbolic dimension with its bounds, both included. */
export interface SymbolDescription {
  readonly name: string;
  readonly min: number;
  readonly max: number;
}

/** What the compiler knows of a model: the generated index hands it to the runtime. */
export interface ModelDescription {
  /** `<name>.wasm` and `<name>.weights` are its files. */
  readonly name: string;
  readonly inputs: readonly TensorDescription[];
  readonly outputs: readonly TensorDescription[];
  readonly symbols: readonly SymbolDescription[];
  /** Steps of a run, for progress. */
  readonly nodes: number;
  /** Length of the weights file of the WebAssembly build; undefined where the package has none. */
  readonly wasmWeightsBytes: number | undefined;
}
