#ifndef SQ_EPILOGUE_U8S8__SIMD128_H
#define SQ_EPILOGUE_U8S8__SIMD128_H
/* The epilogue of sq_epilogue_u8s8.h for WebAssembly's tiles of 16 columns, a row of four vectors at a time. Byte for byte the portable one. */
#include "sq_gelu_f32__simd128.h"
#include "sq_gemm_u8s8.h"

#define SQ_EPILOGUE_U8S8__SIMD128_EACH _Pragma("clang loop unroll(full)") for (int c = 0; c < 4; c++)

/* code(t, zp, qmax) + 0x4b400000 of sq_code.h, in 32 bits: pmax(a, b) is a < b ? b : a, pmin(a, b) is b < a ? b : a. */
SQ_UNUSED static inline v128_t sq_epilogue_u8s8__simd128_code(v128_t t, v128_t low, v128_t high) {
  t = wasm_v128_and(t, wasm_f32x4_eq(t, t));
  return wasm_f32x4_add(wasm_f32x4_pmin(high, wasm_f32x4_pmax(low, t)), wasm_f32x4_const_splat(12582912.0f));
}

/* Whole tiles; the activation is a constant after inlining. */
__attribute__((always_inline, unused)) static inline void sq_epilogue_u8s8__simd128_rows(const int activation, const sq_epilogue_u8s8 *e,
                                                                                         const int32_t *acc, int64_t acc_stride,
                                                                                         const float *mult, int64_t i, int64_t rows,
                                                                                         int64_t j) {
  const v128_t low = wasm_f32x4_splat((float)-e->out_zp), high = wasm_f32x4_splat((float)(e->out_qmax - e->out_zp));
  const v128_t inv_scale = wasm_f32x4_splat(e->out_inv_scale), zp = wasm_i32x4_splat(e->out_zp - 0x4b400000);
  for (int64_t r = 0; r < rows; r++) {
    const int32_t *sum = acc + r * acc_stride;
    v128_t v[4];
    SQ_EPILOGUE_U8S8__SIMD128_EACH v[c] =
        wasm_f32x4_mul(wasm_f32x4_convert_i32x4(wasm_v128_load(sum + 4 * c)), wasm_v128_load(mult + 4 * c));
    if (activation == SQ_EPILOGUE_RELU) {
      SQ_EPILOGUE_U8S8__SIMD128_EACH v[c] = wasm_f32x4_pmax(wasm_f32x4_const_splat(0.0f), v[c]);
    } else if (activation == SQ_EPILOGUE_GELU) {
      sq_gelu_f32__simd128_near(v);
    }
    if (e->residual) {
      const float *residual = e->residual + (i + r) * e->residual_stride + j;
      SQ_EPILOGUE_U8S8__SIMD128_EACH v[c] = wasm_f32x4_add(v[c], wasm_v128_load(residual + 4 * c));
    }
    if (e->y_f32) {
      float *y = e->y_f32 + (i + r) * e->y_f32_stride + j;
      SQ_EPILOGUE_U8S8__SIMD128_EACH wasm_v128_store(y + 4 * c, v[c]);
    }
    if (e->y_u8) {
      SQ_EPILOGUE_U8S8__SIMD128_EACH v[c] =
          wasm_i32x4_add(sq_epilogue_u8s8__simd128_code(wasm_f32x4_mul(v[c], inv_scale), low, high), zp);
      const v128_t codes = wasm_u8x16_narrow_i16x8(wasm_i16x8_narrow_i32x4(v[0], v[1]), wasm_i16x8_narrow_i32x4(v[2], v[3]));
      wasm_v128_store(e->y_u8 + (i + r) * e->y_u8_stride + j, codes);
    }
  }
}
#undef SQ_EPILOGUE_U8S8__SIMD128_EACH

/* Rows [i, i + rows), columns [j, j + columns); acc rows are acc_stride apart. */
__attribute__((noinline, unused)) static void sq_epilogue_u8s8__simd128_run(const sq_epilogue_u8s8 *e, const int32_t *acc,
                                                                            int64_t acc_stride, const float *mult, int64_t i,
                                                                            int64_t rows, int64_t j, int64_t columns) {
  if (columns != SQ_GEMM_U8S8_NR) sq_epilogue_u8s8_rows(e, acc, acc_stride, mult, i, rows, j, columns);
  else if (e->activation == SQ_EPILOGUE_RELU) sq_epilogue_u8s8__simd128_rows(SQ_EPILOGUE_RELU, e, acc, acc_stride, mult, i, rows, j);
  else if (e->activation == SQ_EPILOGUE_GELU) sq_epilogue_u8s8__simd128_rows(SQ_EPILOGUE_GELU, e, acc, acc_stride, mult, i, rows, j);
  else sq_epilogue_u8s8__simd128_rows(SQ_EPILOGUE_NONE, e, acc, acc_stride, mult, i, rows, j);
}

#endif
