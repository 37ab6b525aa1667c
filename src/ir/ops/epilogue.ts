import { isFloat, type Tensor } from '../types.js';
import { elementsOf, roundStored } from './elements.js';
import { binaryOf } from './elementwise-functions.js';
import { floatFunctions } from './float-functions.js';

export const ACTIVATIONS = ['none', 'relu', 'gelu'] as const;
export type Activation = (typeof ACTIVATIONS)[number];

/** activation(result + bias) in place, bias along the last axis: what follows the sums of linear and conv. */
export function finishProduct(result: Tensor, bias: Tensor | undefined, activation: Activation): void {
  const to = elementsOf(result.data);
  if (bias) {
    const add = binaryOf('add', result.dtype, result.dtype);
    const from = elementsOf(bias.data);
    const n = from.length;
    for (let at = 0; at < to.length; at += n) for (let j = 0; j < n; j++) to[at + j] = add(to[at + j]!, from[j]!);
  }
  if (activation === 'relu') {
    const zero = typeof to[0] === 'bigint' ? 0n : 0;
    for (let i = 0; i < to.length; i++) if (!(to[i]! > zero)) to[i] = zero;
  }
  if (activation === 'gelu' && isFloat(result.dtype)) {
    const { gelu } = floatFunctions(result.dtype);
    for (let i = 0; i < to.length; i++) to[i] = gelu(to[i] as number);
  }
  roundStored(result);
}
