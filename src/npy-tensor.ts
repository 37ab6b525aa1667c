import { f16Bits, f16FromBits } from './ir/half.js';
import type { Tensor } from './ir/types.js';
import type { NpyArray } from './npy.js';

/** A tensor as .npy holds it: float16 as bit patterns. bfloat16 has no .npy type and is widened to float32. */
export function npyOf({ dtype, shape, data }: Tensor): NpyArray {
  if (dtype === 'bf16') return { dtype: 'f32', shape, data } as NpyArray;
  if (dtype === 'f16') return { dtype, shape, data: Uint16Array.from(data as Float32Array, f16Bits) } as NpyArray;
  return { dtype, shape, data } as NpyArray;
}

export function tensorOf({ dtype, shape, data }: NpyArray): Tensor {
  if (dtype === 'f16') return { dtype, shape, data: Float32Array.from(data as Uint16Array, f16FromBits) };
  return { dtype, shape, data } as Tensor;
}
