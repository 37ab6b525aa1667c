import type { Tensor } from './tensor.js';

export type BackendName = 'wasm' | 'native';

/** `done` of `total` steps. */
export type Progress = (done: number, total: number) => void;

/** A checked call: inputs and symbols in the description's order. */
export interface BackendCall {
  readonly inputs: readonly Tensor[];
  readonly symbols: readonly number[];
  readonly onProgress: Progress | undefined;
}

/** One loaded model. Runs of one back end do not overlap: the model has one arena. */
export interface Backend {
  /**
   * @param read takes what it wants of the outputs; their arrays are views that mean nothing after it returns
   * @throws SamArgumentError for values that decide sizes and are out of bounds, SamMemoryError
   */
  readonly run: <T>(call: BackendCall, read: (outputs: readonly Tensor[]) => T) => Promise<T>;
  readonly dispose: () => void;
}
