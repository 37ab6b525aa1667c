import { isStatic, type Scalar } from '../../scalar.js';
import type { NodeImport } from '../operator.js';

/** A sliding window as the IR has it: one value for each spatial axis. */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads_before: readonly number[];
  readonly pads_after: readonly number[];
}

export function perAxis(n: NodeImport, name: string, rank: number, fallback: number): readonly number[] {
  const values = n.ints(name) ?? new Array<number>(rank).fill(fallback);
  if (values.length !== rank) n.fail(`${name} has ${values.length} values for ${rank} spatial axes`);
  return values;
}

/** Σ dilation·(kernel − 1) + 1 */
export const extentOf = (kernel: number, dilation: number): number => dilation * (kernel - 1) + 1;

/**
 * The window of a convolution or pool. `auto_pad` SAME gives ⌈size / stride⌉ positions; an odd padding has its larger
 * part after (SAME_UPPER) or before (SAME_LOWER).
 */
export function readWindow(n: NodeImport, spatial: readonly Scalar[], kernel: readonly number[]): Window {
  const rank = spatial.length;
  const given = n.ints('kernel_shape');
  if (given && (given.length !== kernel.length || given.some((size, axis) => size !== kernel[axis])))
    n.fail(`kernel_shape [${given}] contradicts the weight's kernel [${kernel}]`);
  const strides = perAxis(n, 'strides', rank, 1);
  const dilations = perAxis(n, 'dilations', rank, 1);
  const auto = n.string('auto_pad', 'NOTSET');
  if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') {
    if (!isStatic(spatial)) return n.fail(`auto_pad ${auto} needs known sizes`);
    const total = spatial.map((size, axis) => {
      const stride = strides[axis] ?? 1;
      const covered = (Math.ceil(size / stride) - 1) * stride + extentOf(kernel[axis] ?? 1, dilations[axis] ?? 1);
      return Math.max(0, covered - size);
    });
    const [less, more] = [total.map((pad) => Math.floor(pad / 2)), total.map((pad) => Math.ceil(pad / 2))];
    const [before, after] = auto === 'SAME_UPPER' ? [less, more] : [more, less];
    return { kernel, strides, dilations, pads_before: before, pads_after: after };
  }
  if (auto !== 'NOTSET' && auto !== 'VALID') n.fail(`auto_pad is '${auto}'`);
  const pads = auto === 'VALID' ? undefined : n.ints('pads');
  if (pads && pads.length !== 2 * rank) n.fail(`pads has ${pads.length} values for ${rank} spatial axes`);
  const zeros = new Array<number>(rank).fill(0);
  return {
    kernel,
    strides,
    dilations,
    pads_before: pads?.slice(0, rank) ?? zeros,
    pads_after: pads?.slice(rank) ?? zeros,
  };
}
