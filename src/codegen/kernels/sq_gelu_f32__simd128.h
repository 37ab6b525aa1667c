#ifndef SQ_GELU_F32__SIMD128_H
#define SQ_GELU_F32__SIMD128_H
/*
 * sq_gelu_erf_f32 and sq_gelu_near_f32 of sq_math.h for WebAssembly, 16 at a time, operation by operation. Four vectors go side by side through each
 * step: a polynomial waits for its own result, and constants that do not fit the registers are fetched once for four.
 */
#include <wasm_simd128.h>
/* It brings stdbool.h; elsewhere bool is the name of an element type, which macros paste. */
#undef bool

#include "sq_kernel.h"

#define SQ_GELU_F32__SIMD128_EACH _Pragma("clang loop unroll(full)") for (int i = 0; i < 4; i++)

/* p = p * x + c, in two roundings. */
SQ_UNUSED static inline __attribute__((always_inline)) void sq_gelu_f32__simd128_step(v128_t p[4], const v128_t x[4], float c) {
  const v128_t constant = wasm_f32x4_splat(c);
  SQ_GELU_F32__SIMD128_EACH p[i] = wasm_f32x4_add(wasm_f32x4_mul(p[i], x[i]), constant);
}

/* v = gelu(v) of 16 elements. */
SQ_UNUSED static inline __attribute__((always_inline)) void sq_gelu_f32__simd128_erf(v128_t v[4]) {
  const v128_t one = wasm_f32x4_const_splat(1.0f), magic = wasm_f32x4_const_splat(12582912.0f);
  v128_t x[4], z[4], c[4], p[4], q[4], n[4], power[4], r[4], e[4];
  SQ_GELU_F32__SIMD128_EACH x[i] = wasm_f32x4_mul(v[i], wasm_f32x4_const_splat(0.707106769f));
  /* erf for large arguments: 1 - e^(c Q(c)). pmin(a, b) is b < a ? b : a, so that NaN stays. */
  SQ_GELU_F32__SIMD128_EACH c[i] = wasm_f32x4_pmin(wasm_f32x4_abs(x[i]), wasm_f32x4_const_splat(4.0f));
  SQ_GELU_F32__SIMD128_EACH q[i] = wasm_f32x4_const_splat(-1.12314719e-05f);
  sq_gelu_f32__simd128_step(q, c, 0.000322805456f);
  sq_gelu_f32__simd128_step(q, c, -0.00364246522f);
  sq_gelu_f32__simd128_step(q, c, 0.0237620752f);
  sq_gelu_f32__simd128_step(q, c, -0.10623689f);
  sq_gelu_f32__simd128_step(q, c, -0.635151327f);
  sq_gelu_f32__simd128_step(q, c, -1.12864852f);
  /* As sq_exp_softmax_f32; -4 Q(4) is far from the -87 below which that is 0, and a NaN goes through. */
  SQ_GELU_F32__SIMD128_EACH q[i] = wasm_f32x4_mul(q[i], c[i]);
  SQ_GELU_F32__SIMD128_EACH power[i] = wasm_f32x4_add(wasm_f32x4_mul(q[i], wasm_f32x4_const_splat(1.44269502f)), magic);
  SQ_GELU_F32__SIMD128_EACH n[i] = wasm_f32x4_sub(power[i], magic);
  SQ_GELU_F32__SIMD128_EACH r[i] = wasm_f32x4_sub(q[i], wasm_f32x4_mul(n[i], wasm_f32x4_const_splat(0.693145752f)));
  SQ_GELU_F32__SIMD128_EACH r[i] = wasm_f32x4_sub(r[i], wasm_f32x4_mul(n[i], wasm_f32x4_const_splat(1.42860677e-06f)));
  SQ_GELU_F32__SIMD128_EACH e[i] = wasm_f32x4_const_splat(0.00138145685f);
  sq_gelu_f32__simd128_step(e, r, 0.00836873055f);
  sq_gelu_f32__simd128_step(e, r, 0.041668389f);
  sq_gelu_f32__simd128_step(e, r, 0.166665211f);
  sq_gelu_f32__simd128_step(e, r, 0.49999994f);
  SQ_GELU_F32__SIMD128_EACH e[i] = wasm_f32x4_add(wasm_f32x4_add(wasm_f32x4_mul(e[i], wasm_f32x4_mul(r[i], r[i])), r[i]), one);
  SQ_GELU_F32__SIMD128_EACH power[i] = wasm_i32x4_shl(wasm_i32x4_sub(power[i], wasm_i32x4_const_splat(0x4b400000 - 127)), 23);
  SQ_GELU_F32__SIMD128_EACH e[i] = wasm_f32x4_sub(one, wasm_f32x4_mul(e[i], power[i]));
  SQ_GELU_F32__SIMD128_EACH e[i] = wasm_v128_bitselect(x[i], e[i], wasm_i32x4_const_splat((int)0x80000000u));
  /* Below 0.92: x + x P(x^2). */
  SQ_GELU_F32__SIMD128_EACH z[i] = wasm_f32x4_mul(x[i], x[i]);
  SQ_GELU_F32__SIMD128_EACH p[i] = wasm_f32x4_const_splat(-0.000593187986f);
  sq_gelu_f32__simd128_step(p, z, 0.00498215249f);
  sq_gelu_f32__simd128_step(p, z, -0.0267595872f);
  sq_gelu_f32__simd128_step(p, z, 0.112816401f);
  sq_gelu_f32__simd128_step(p, z, -0.376124799f);
  sq_gelu_f32__simd128_step(p, z, 0.128379151f);
  SQ_GELU_F32__SIMD128_EACH p[i] = wasm_f32x4_add(wasm_f32x4_mul(p[i], x[i]), x[i]);
  SQ_GELU_F32__SIMD128_EACH e[i] =
      wasm_v128_bitselect(p[i], e[i], wasm_f32x4_lt(wasm_f32x4_abs(x[i]), wasm_f32x4_const_splat(0.92f)));
  SQ_GELU_F32__SIMD128_EACH v[i] =
      wasm_f32x4_mul(wasm_f32x4_mul(wasm_f32x4_const_splat(0.5f), v[i]), wasm_f32x4_add(one, e[i]));
}

SQ_UNUSED static inline __attribute__((always_inline)) void sq_gelu_f32__simd128_near(v128_t v[4]) {
  v128_t c[4], u[4], p[4];
  SQ_GELU_F32__SIMD128_EACH c[i] = wasm_f32x4_pmin(wasm_f32x4_abs(v[i]), wasm_f32x4_const_splat(4.5f));
  SQ_GELU_F32__SIMD128_EACH u[i] = wasm_f32x4_sub(c[i], wasm_f32x4_const_splat(2.25f));
  SQ_GELU_F32__SIMD128_EACH p[i] = wasm_f32x4_const_splat(-1.2891669e-05f);
  sq_gelu_f32__simd128_step(p, u, 4.39032956e-05f);
  sq_gelu_f32__simd128_step(p, u, 0.000170582673f);
  sq_gelu_f32__simd128_step(p, u, -0.000989274005f);
  sq_gelu_f32__simd128_step(p, u, 0.000643833482f);
  sq_gelu_f32__simd128_step(p, u, 0.00609572604f);
  sq_gelu_f32__simd128_step(p, u, -0.021631496f);
  sq_gelu_f32__simd128_step(p, u, 0.035741616f);
  sq_gelu_f32__simd128_step(p, u, -0.0317103565f);
  sq_gelu_f32__simd128_step(p, u, 0.012220989f);
  SQ_GELU_F32__SIMD128_EACH v[i] =
      wasm_f32x4_sub(wasm_f32x4_pmax(wasm_f32x4_const_splat(0.0f), v[i]), wasm_f32x4_mul(p[i], c[i]));
}
#undef SQ_GELU_F32__SIMD128_EACH

#endif
