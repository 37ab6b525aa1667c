import { type InferContext, TypeMismatch } from '../op.js';
import { add, boundsOf, call, type Dim, divideExact, multiply, subtract } from '../scalar.js';
import { elementCount } from '../types.js';
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

/** For each output position, the row-major offsets of its window's elements that lie inside the input. */
export function windowOffsets(extents: readonly number[], out: readonly number[], window: Window): Int32Array[] {
  const { kernel, strides, dilations, pads_before } = window;
  return Array.from({ length: elementCount(out) }, (_, flat) => {
    const position = coordinates(flat, out);
    return Int32Array.from(
      position.reduce<number[]>(
        (offsets, o, axis) => {
          const taps = Array.from(
            { length: kernel[axis]! },
            (_tap, tap) => o * strides[axis]! - pads_before[axis]! + tap * dilations[axis]!,
          ).filter((at) => at >= 0 && at < extents[axis]!);
          return offsets.flatMap((base) => taps.map((at) => base * extents[axis]! + at));
        },
        [0],
      ),
    );
  });
}

/** Indices of a row-major position. */
export function coordinates(flat: number, shape: readonly number[]): number[] {
  const position = new Array<number>(shape.length);
  let rest = flat;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    position[axis] = rest % shape[axis]!;
    rest = Math.floor(rest / shape[axis]!);
  }
  return position;
}
