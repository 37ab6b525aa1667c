import { type InferContext, TypeMismatch } from '../op.js';
import { add, boundsOf, call, type Dim, divideExact, multiply, subtract } from '../scalar.js';
import { requireAtLeast, requireLength, showShape } from './check.js';

/** The sliding window of convolutions and pools: one value for each spatial axis. */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads_before: readonly number[];
  readonly pads_after: readonly number[];
}

export function requireWindow(window: Window, rank: number): void {
  for (const name of ['kernel', 'strides', 'dilations', 'pads_before', 'pads_after'] as const) {
    requireLength(window[name], name, rank);
    requireAtLeast(window[name], name, name.startsWith('pads') ? 0 : 1);
  }
}

/**
 * Positions of a window: ⌊(padded − extent) / stride⌋ + 1. With `ceil` the division rounds up, but no window starts in
 * the padding after the input (ONNX AveragePool, MaxPool).
 */
export function windowedShape(
  spatial: readonly Dim[],
  { kernel, strides, dilations, pads_before, pads_after }: Window,
  ceil: boolean,
  context: InferContext,
): readonly Dim[] {
  return spatial.map((dim, axis) => {
    const stride = strides[axis]!;
    const extent = dilations[axis]! * (kernel[axis]! - 1) + 1;
    const before = add(dim, pads_before[axis]!);
    const room = subtract(add(before, pads_after[axis]!), extent);
    if (boundsOf(room, context.bounds).max < 0)
      throw new TypeMismatch(
        `kernel: a window of ${extent} does not fit axis ${axis} of the spatial shape ${showShape(spatial)} with padding ${pads_before[axis]} + ${pads_after[axis]}`,
      );
    if (!ceil) return add(divideExact(room, stride), 1);
    const positions = add(divideExact(add(room, stride - 1), stride), 1);
    const lastStart = multiply(subtract(positions, 1), stride);
    return subtract(positions, call('less', subtract(before, 1), lastStart));
  });
}
