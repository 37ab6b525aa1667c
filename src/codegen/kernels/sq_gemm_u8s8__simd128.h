#ifndef SQ_GEMM_U8S8__SIMD128_H
#define SQ_GEMM_U8S8__SIMD128_H
/*
 * The register tile of the integer linear, convolution and attention for WebAssembly: up to 4 rows of 16-bit numbers times
 * one block of 16 columns of bytes, in groups of four along k ([K4][16][4]), four columns at a time.
 *
 * i32x4.dot_i16x8_s on both operands widened to 16 bits is exact. A register holds two partial sums of each of two columns.
 * Eight sums and what is multiplied fit the 15 registers that V8 has on x86-64; of six rows it keeps some in memory. Unrolling has
 * clang move loads up, which does the same.
 */
#include <wasm_simd128.h>
/* It brings stdbool.h; elsewhere bool is the name of an element type, which macros paste. */
#undef bool

#include "sq_kernel.h"

#define SQ_GEMM_U8S8__SIMD128_MR 4
#define SQ_GEMM_U8S8__SIMD128_NR 16
#define SQ_GEMM_U8S8__SIMD128_DEPTH 512                                 /* codes widened at a time */
#define SQ_GEMM_U8S8__SIMD128_STRIDE (SQ_GEMM_U8S8__SIMD128_DEPTH + 32) /* between widened rows */

/* Four columns. rows is a constant where this is called; so is x_stride where it can be: then rows lie at constant offsets. */
__attribute__((always_inline, unused)) static inline void sq_gemm_u8s8__simd128_columns(const int rows, const int16_t *x, int64_t x_stride,
                                                                                        int64_t groups, const int32_t *init,
                                                                                        const int8_t *values, int32_t *acc,
                                                                                        int64_t acc_stride) {
  v128_t c0[SQ_GEMM_U8S8__SIMD128_MR], c1[SQ_GEMM_U8S8__SIMD128_MR];
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++) c0[r] = c1[r] = wasm_i32x4_const_splat(0);
  const int8_t *end = values + groups * 64;
  for (; values < end; values += 64, x += 4) {
    const v128_t w0 = wasm_i16x8_load8x8(values), w1 = wasm_i16x8_load8x8(values + 8);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
      const v128_t a = wasm_v128_load64_splat(x + r * x_stride);
      c0[r] = wasm_i32x4_add(c0[r], wasm_i32x4_dot_i16x8(a, w0));
      c1[r] = wasm_i32x4_add(c1[r], wasm_i32x4_dot_i16x8(a, w1));
    }
  }
  const v128_t start = wasm_v128_load(init);
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++) {
    const v128_t sum = wasm_i32x4_add(wasm_i32x4_shuffle(c0[r], c1[r], 0, 2, 4, 6), wasm_i32x4_shuffle(c0[r], c1[r], 1, 3, 5, 7));
    wasm_v128_store(acc + r * acc_stride, wasm_i32x4_add(sum, start));
  }
}

#define SQ_GEMM_U8S8__SIMD128_CASE(ROWS, STRIDE) \
  case ROWS: \
    for (int j = 0; j < SQ_GEMM_U8S8__SIMD128_NR; j += 4) \
      sq_gemm_u8s8__simd128_columns(ROWS, x, STRIDE, groups, init + j, values + 4 * j, acc + j, acc_stride); \
    break;

__attribute__((noinline, unused)) static void sq_gemm_u8s8__simd128_tile(int64_t rows, const int16_t *x, int64_t x_stride, int64_t groups,
                                                                         const int32_t *init, const int8_t *values, int32_t *acc,
                                                                         int64_t acc_stride) {
  switch (rows) {
    SQ_GEMM_U8S8__SIMD128_CASE(1, x_stride)
    SQ_GEMM_U8S8__SIMD128_CASE(2, x_stride)
    SQ_GEMM_U8S8__SIMD128_CASE(3, x_stride)
    SQ_GEMM_U8S8__SIMD128_CASE(4, x_stride)
    default: break;
  }
}

/* The same for rows that codes() has widened. */
__attribute__((noinline, unused)) static void sq_gemm_u8s8__simd128_widened(int64_t rows, const int16_t *x, int64_t groups,
                                                                            const int32_t *init, const int8_t *values, int32_t *acc) {
  enum { acc_stride = SQ_GEMM_U8S8__SIMD128_NR };
  switch (rows) {
    SQ_GEMM_U8S8__SIMD128_CASE(1, SQ_GEMM_U8S8__SIMD128_STRIDE)
    SQ_GEMM_U8S8__SIMD128_CASE(2, SQ_GEMM_U8S8__SIMD128_STRIDE)
    SQ_GEMM_U8S8__SIMD128_CASE(3, SQ_GEMM_U8S8__SIMD128_STRIDE)
    SQ_GEMM_U8S8__SIMD128_CASE(4, SQ_GEMM_U8S8__SIMD128_STRIDE)
    default: break;
  }
}
#undef SQ_GEMM_U8S8__SIMD128_CASE

/* `count` codes of each row to 16 bits, zeros up to whole groups of four. */
SQ_UNUSED static inline void sq_gemm_u8s8__simd128_widen(int64_t rows, const uint8_t *x, int64_t x_stride, int64_t count, int16_t *to) {
  for (int64_t r = 0; r < rows; r++) {
    const uint8_t *from = x + r * x_stride;
    int16_t *row = to + r * SQ_GEMM_U8S8__SIMD128_STRIDE;
    int64_t p = 0;
    for (; p + 16 <= count; p += 16) {
      const v128_t codes = wasm_v128_load(from + p);
      wasm_v128_store(row + p, wasm_u16x8_extend_low_u8x16(codes));
      wasm_v128_store(row + p + 8, wasm_u16x8_extend_high_u8x16(codes));
    }
    for (; p < count; p++) row[p] = from[p];
    for (; p % 4 != 0; p++) row[p] = 0;
  }
}

/* Blocks that share one widening of their rows: 64 columns of 256 steps are 16 KB, half of a level-1 cache. */
#define SQ_GEMM_U8S8__SIMD128_BLOCKS 4

/* acc [blocks][rows][16] of rows x k codes of 8 bits and blocks of weights, for any k. init: bias of each block. */
SQ_UNUSED static inline void sq_gemm_u8s8__simd128_codes(int64_t rows, const uint8_t *x, int64_t x_stride, int64_t k, int64_t blocks,
                                                         const int32_t *const *init, const int8_t *const *values,
                                                         int32_t acc[][SQ_GEMM_U8S8__SIMD128_MR * SQ_GEMM_U8S8__SIMD128_NR]) {
  enum { DEPTH = SQ_GEMM_U8S8__SIMD128_DEPTH, NR = SQ_GEMM_U8S8__SIMD128_NR };
  int16_t wide[SQ_GEMM_U8S8__SIMD128_MR * SQ_GEMM_U8S8__SIMD128_STRIDE];
  int32_t part[SQ_GEMM_U8S8__SIMD128_MR * NR];
  const int32_t zeros[NR] = {0};
  for (int64_t p = 0; p == 0 || p < k; p += DEPTH) {
    const int64_t count = sq_min_i64(DEPTH, k - p), groups = sq_ceil_div_i64(count, 4);
    sq_gemm_u8s8__simd128_widen(rows, x + p, x_stride, count, wide);
    for (int64_t b = 0; b < blocks; b++) {
      sq_gemm_u8s8__simd128_widened(rows, wide, groups, p == 0 ? init[b] : zeros, values[b] + p * NR, p == 0 ? acc[b] : part);
      if (p == 0) continue;
      for (int64_t i = 0; i < rows * NR; i++) acc[b][i] += part[i];
    }
  }
}

#endif
