#ifndef SQ_GEMM_U8S8__AVX2_H
#define SQ_GEMM_U8S8__AVX2_H
/*
 * The register tile of the integer linear, convolution and attention on AVX2: up to 6 rows of 16-bit numbers times one block
 * of 16 columns of bytes, in groups of four along k ([K4][16][4]):
 *
 *   acc[r * acc_stride + j] = init[j] + sum_{g < groups, e < 4} x[r * x_stride + 4g + e] * values[(16g + j) * 4 + e]
 *
 * vpmaddwd on both operands widened to 16 bits is exact, where vpmaddubsw would saturate. A register holds two partial sums
 * of each of four columns.
 */
#include <immintrin.h>

#include "sq_kernel.h"

#define SQ_GEMM_U8S8__AVX2_MR 6
#define SQ_GEMM_U8S8__AVX2_NR 16
#define SQ_GEMM_U8S8__AVX2_DEPTH 512                              /* codes widened at a time */
#define SQ_GEMM_U8S8__AVX2_STRIDE (SQ_GEMM_U8S8__AVX2_DEPTH + 32) /* between widened rows: not a whole page */

typedef int64_t sq_gemm_u8s8__avx2_quad __attribute__((aligned(1), may_alias));

/* A sum stays in its register: of the intrinsic gcc makes copies, or spills half of the sums. */
SQ_UNUSED static inline __attribute__((always_inline)) void sq_gemm_u8s8__avx2_add(__m256i *sum, __m256i product) {
  __asm__("vpaddd %1, %0, %0" : "+x"(*sum) : "x"(product));
}

/* rows is a constant where this is called; half: columns 0..7 or 8..15. */
SQ_UNUSED static inline __attribute__((always_inline)) void sq_gemm_u8s8__avx2_rows(const int rows, const int16_t *x, int64_t x_stride,
                                                                                    int64_t groups, const int32_t *init,
                                                                                    const int8_t *values, int32_t *acc,
                                                                                    int64_t acc_stride) {
  __m256i c0[6], c1[6];
#pragma GCC unroll 6
  for (int r = 0; r < rows; r++) c0[r] = c1[r] = _mm256_setzero_si256();
  const int16_t *x3 = x + (rows > 3 ? 3 : 0) * x_stride;
  for (int64_t g = 0; g < groups; g++) {
    const __m256i w0 = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)values));
    const __m256i w1 = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(values + 16)));
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++) {
      const int16_t *at = (r < 3 ? x : x3) + r % 3 * x_stride;
      const __m256i a = _mm256_set1_epi64x(*(const sq_gemm_u8s8__avx2_quad *)(const void *)at);
      sq_gemm_u8s8__avx2_add(&c0[r], _mm256_madd_epi16(a, w0));
      sq_gemm_u8s8__avx2_add(&c1[r], _mm256_madd_epi16(a, w1));
    }
    values += 64, x += 4, x3 += 4;
  }
  const __m256i i = _mm256_loadu_si256((const __m256i *)(const void *)init);
#pragma GCC unroll 6
  for (int r = 0; r < rows; r++) {
    const __m256i sum = _mm256_permute4x64_epi64(_mm256_hadd_epi32(c0[r], c1[r]), 0xd8);
    _mm256_storeu_si256((__m256i *)(void *)(acc + r * acc_stride), _mm256_add_epi32(sum, i));
  }
}

SQ_UNUSED static __attribute__((noinline)) void sq_gemm_u8s8__avx2_tile(int64_t rows, const int16_t *x, int64_t x_stride, int64_t groups,
                                                                        const int32_t *init, const int8_t *values, int32_t *acc,
                                                                        int64_t acc_stride) {
#define SQ_GEMM_U8S8__AVX2_CASE(ROWS) \
  case ROWS: \
    sq_gemm_u8s8__avx2_rows(ROWS, x, x_stride, groups, init, values, acc, acc_stride); \
    sq_gemm_u8s8__avx2_rows(ROWS, x, x_stride, groups, init + 8, values + 32, acc + 8, acc_stride); \
    break;
  switch (rows) {
    SQ_GEMM_U8S8__AVX2_CASE(1)
    SQ_GEMM_U8S8__AVX2_CASE(2)
    SQ_GEMM_U8S8__AVX2_CASE(3)
    SQ_GEMM_U8S8__AVX2_CASE(4)
    SQ_GEMM_U8S8__AVX2_CASE(5)
    SQ_GEMM_U8S8__AVX2_CASE(6)
    default: break;
  }
#undef SQ_GEMM_U8S8__AVX2_CASE
}

/* `count` codes of each row to 16 bits, zeros up to whole groups of four. */
SQ_UNUSED static inline void sq_gemm_u8s8__avx2_widen(int64_t rows, const uint8_t *x, int64_t x_stride, int64_t count, int16_t *to,
                                                      int64_t to_stride) {
  for (int64_t r = 0; r < rows; r++) {
    const uint8_t *from = x + r * x_stride;
    int16_t *row = to + r * to_stride;
    int64_t p = 0;
    for (; p + 16 <= count; p += 16)
      _mm256_storeu_si256((__m256i *)(void *)(row + p), _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(from + p))));
    for (; p < count; p++) row[p] = from[p];
    for (; p % 4 != 0; p++) row[p] = 0;
  }
}

/* The same product for codes of 8 bits and any k: acc [rows][16] of rows x k codes and a block. */
SQ_UNUSED static inline void sq_gemm_u8s8__avx2_codes(int64_t rows, const uint8_t *x, int64_t x_stride, int64_t k, const int32_t *init,
                                                      const int8_t *values, int32_t *acc) {
  enum { DEPTH = SQ_GEMM_U8S8__AVX2_DEPTH, STRIDE = SQ_GEMM_U8S8__AVX2_STRIDE, NR = SQ_GEMM_U8S8__AVX2_NR };
  int16_t wide[SQ_GEMM_U8S8__AVX2_MR * STRIDE];
  int32_t part[SQ_GEMM_U8S8__AVX2_MR * NR];
  const int32_t zeros[16] = {0};
  for (int64_t p = 0; p == 0 || p < k; p += DEPTH) {
    const int64_t count = sq_min_i64(DEPTH, k - p);
    sq_gemm_u8s8__avx2_widen(rows, x + p, x_stride, count, wide, STRIDE);
    sq_gemm_u8s8__avx2_tile(rows, wide, STRIDE, sq_ceil_div_i64(count, 4), p == 0 ? init : zeros, values + p * NR, p == 0 ? acc : part, NR);
    if (p == 0) continue;
    for (int64_t i = 0; i < rows * NR; i++) acc[i] += part[i];
  }
}

#endif
