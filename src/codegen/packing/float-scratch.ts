/**
 * Scratch bytes a worker of the float kernels, for planning memory at compile time. The same sums as the
 * `*_scratch_bytes` functions of the kernels' headers (a test compiles those and compares). All are non-decreasing in
 * every size, so that a bound on a symbolic dimension bounds the scratch.
 */

/** sq_linear_f32, sq_linear_f32_fast; `xStride` in elements. */
export function linearF32ScratchBytes(m: number, k: number, xStride: number): number {
  const copies = m > 4 && k >= 64 && xStride % 512 === 0;
  return copies ? Math.min(m, 84) * rowStride(k) * 4 : 0;
}

/** sq_conv_f32, sq_conv_f32_fast; `k` = kernel height * width * input channels. */
export function convF32ScratchBytes(k: number): number {
  return 84 * rowStride(k) * 4;
}

/** The sizes of sq_attention_f32_args; `relKh` and `relKw` are 0 without relative positions. */
export interface AttentionF32Sizes {
  readonly m: number;
  readonly n: number;
  readonly c: number;
  readonly cv: number;
  readonly relKh: number;
  readonly relKw: number;
}

/** sq_attention_f32, sq_attention_f32_fast. */
export function attentionF32ScratchBytes(s: AttentionF32Sizes): number {
  const queries = Math.min(s.m, 512);
  const keys = round32(Math.min(s.n, 256));
  const [cv, relH, relW] = [round32(s.cv), round32(s.relKh), round32(s.relKw)];
  const floats =
    keys * (s.c + cv) + queries * (s.c + cv + relH + relW + 17) + 16 * (keys + 16) + Math.max(relH, relW) * s.c;
  return floats * 4;
}

function round32(x: number): number {
  return Math.ceil(x / 32) * 32;
}

/** sq_tile_f32_row_stride: an odd number of 16-float cache lines. */
function rowStride(k: number): number {
  const lines = Math.ceil(k / 16);
  return (lines + (lines % 2 === 0 ? 1 : 0)) * 16;
}
