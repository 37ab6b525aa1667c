#ifndef SQ_EXP2_F32__SIMD128_H
#define SQ_EXP2_F32__SIMD128_H
/* sq_exp2_f32 of sq_math.h for WebAssembly, four at a time, operation by operation. */
#include <wasm_simd128.h>
/* It brings stdbool.h; elsewhere bool is the name of an element type, which macros paste. */
#undef bool

#include "sq_kernel.h"

/* p * x + c, in two roundings. */
SQ_UNUSED static inline v128_t sq_exp2_f32__simd128_step(v128_t p, v128_t x, float c) {
  return wasm_f32x4_add(wasm_f32x4_mul(p, x), wasm_f32x4_splat(c));
}

/* pmin(a, b) is b < a ? b : a, pmax(a, b) is a < b ? b : a: NaN stays. */
SQ_UNUSED static inline v128_t sq_exp2_f32__simd128(v128_t x) {
  const v128_t magic = wasm_f32x4_const_splat(12582912.0f);
  const v128_t c = wasm_f32x4_pmax(wasm_f32x4_pmin(x, wasm_f32x4_const_splat(129.0f)), wasm_f32x4_const_splat(-151.0f));
  const v128_t t = wasm_f32x4_add(c, magic), r = wasm_f32x4_sub(c, wasm_f32x4_sub(t, magic));
  v128_t p = wasm_f32x4_const_splat(0.000153533401f);
  p = sq_exp2_f32__simd128_step(p, r, 0.00133989006f);
  p = sq_exp2_f32__simd128_step(p, r, 0.00961843785f);
  p = sq_exp2_f32__simd128_step(p, r, 0.0555033237f);
  p = sq_exp2_f32__simd128_step(p, r, 0.240226477f);
  p = sq_exp2_f32__simd128_step(p, r, 0.693147182f);
  p = sq_exp2_f32__simd128_step(p, r, 1.0f);
  const v128_t biased = wasm_i32x4_sub(t, wasm_i32x4_const_splat(0x4b400000 - 254)), half = wasm_u32x4_shr(biased, 1);
  p = wasm_f32x4_mul(p, wasm_i32x4_shl(half, 23));
  return wasm_f32x4_mul(p, wasm_i32x4_shl(wasm_i32x4_sub(biased, half), 23));
}

#endif
