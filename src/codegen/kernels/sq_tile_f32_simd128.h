#ifndef SQ_TILE_F32_SIMD128_H
#define SQ_TILE_F32_SIMD128_H
/*
 * The register tile for WebAssembly: up to 4 rows by 16 columns, eight columns at a time, a multiply and an add (bit for bit
 * sq_tile_f32_portable). Eight sums and what is multiplied fit the 15 registers that V8 has on x86-64.
 */
#include <wasm_simd128.h>
/* It brings stdbool.h; elsewhere bool is the name of an element type, which macros paste. */
#undef bool

#include "sq_tile_f32.h"

#define SQ_TILE_F32_SIMD128_MR 4

/* Eight columns; rows is a constant after inlining. */
__attribute__((always_inline, unused)) static inline void sq_tile_f32_simd128_columns(const int rows, int64_t k, const float *a,
                                                                                      int64_t a_stride, const float *panel, float *out,
                                                                                      int64_t out_stride, int accumulate) {
  v128_t c0[SQ_TILE_F32_SIMD128_MR], c1[SQ_TILE_F32_SIMD128_MR];
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++) {
    c0[r] = accumulate ? wasm_v128_load(out + r * out_stride) : wasm_f32x4_const_splat(0.0f);
    c1[r] = accumulate ? wasm_v128_load(out + r * out_stride + 4) : wasm_f32x4_const_splat(0.0f);
  }
  const float *end = panel + k * 16;
  for (; panel < end; panel += 16, a++) {
    const v128_t b0 = wasm_v128_load(panel), b1 = wasm_v128_load(panel + 4);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
      const v128_t x = wasm_v128_load32_splat(a + r * a_stride);
      c0[r] = wasm_f32x4_add(c0[r], wasm_f32x4_mul(x, b0));
      c1[r] = wasm_f32x4_add(c1[r], wasm_f32x4_mul(x, b1));
    }
  }
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++) {
    wasm_v128_store(out + r * out_stride, c0[r]);
    wasm_v128_store(out + r * out_stride + 4, c1[r]);
  }
}

#define SQ_TILE_F32_SIMD128_CASE(ROWS) \
  case ROWS: \
    for (int64_t j = 0; j < width; j += 8) \
      sq_tile_f32_simd128_columns(ROWS, k, a, a_stride, panel + j, out + j, out_stride, accumulate); \
    break;

__attribute__((noinline, unused)) static void sq_tile_f32_simd128(int64_t rows, int64_t width, int64_t k, const float *a,
                                                                  int64_t a_stride, const float *panel, float *out,
                                                                  int64_t out_stride, int accumulate) {
  switch (rows) {
    SQ_TILE_F32_SIMD128_CASE(1)
    SQ_TILE_F32_SIMD128_CASE(2)
    SQ_TILE_F32_SIMD128_CASE(3)
    SQ_TILE_F32_SIMD128_CASE(4)
    default: break;
  }
}
#undef SQ_TILE_F32_SIMD128_CASE

#endif
