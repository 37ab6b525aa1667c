import type { ValueId } from '../graph.js';
import type { Scalar } from '../scalar.js';
import type { TensorType } from '../types.js';

/** Tensors with more elements than this are not followed as scalars. */
export const MAX_SCALARS = 64;

/**
 * A value of the ONNX graph while it is imported. Small tensors of shape arithmetic are known by their elements, and
 * become tensors of the program only where one is asked for.
 */
export interface OnnxValue {
  readonly type: TensorType;
  /** The tensor in the program; emitted on first use. */
  readonly id: () => ValueId;
  /** The elements, row-major, where they are known before any tensor is touched. */
  readonly scalars: () => readonly Scalar[] | undefined;
  /** Whether the elements are all there is: they come from shapes, so that no tensor need be computed. */
  readonly symbolic: boolean;
}
