#ifndef SQ_GEMM_U8S8__AVXVNNI_H
#define SQ_GEMM_U8S8__AVXVNNI_H
/*
 * The register tile of the integer linear and convolution on AVX-VNNI (vpdpbusd on 256 bits, which does not saturate): up to
 * 6 rows of codes times one block of 16 channels, in groups of four along k ([K4][16][4]).
 */
#include <immintrin.h>

#include "sq_gemm_body_u8s8.h"

typedef int32_t sq_gemm_u8s8__avxvnni_word __attribute__((aligned(1), may_alias));

#define SQ_GEMM_U8S8__AVXVNNI_STEP(FROM, R) \
  { \
    const __m256i a = _mm256_set1_epi32(*(const sq_gemm_u8s8__avxvnni_word *)(const void *)(FROM)); \
    c0[R] = _mm256_dpbusd_avx_epi32(c0[R], a, w0); \
    c1[R] = _mm256_dpbusd_avx_epi32(c1[R], a, w1); \
  }

/* rows is a constant where this is called. */
__attribute__((always_inline, unused)) static inline void sq_gemm_u8s8__avxvnni_rows(const int rows, const uint8_t *x, int64_t x_stride,
                                                                                     int64_t k, const int32_t *init, const int8_t *values,
                                                                                     int32_t *acc) {
  uint8_t words[SQ_GEMM_BODY_U8S8_MR][4] = {{0}}; /* the last 1..3 codes of each row, zeros behind */
  __m256i c0[SQ_GEMM_BODY_U8S8_MR], c1[SQ_GEMM_BODY_U8S8_MR];
  const __m256i *from = (const __m256i *)(const void *)init;
  const __m256i i0 = _mm256_loadu_si256(from), i1 = _mm256_loadu_si256(from + 1);
#pragma GCC unroll 6
  for (int r = 0; r < rows; r++) c0[r] = i0, c1[r] = i1;
  const int64_t whole = k / 4 * 4;
  for (int64_t p = 0; p < whole; p += 4, values += 64) {
    const __m256i w0 = _mm256_loadu_si256((const __m256i *)(const void *)values);
    const __m256i w1 = _mm256_loadu_si256((const __m256i *)(const void *)(values + 32));
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++) SQ_GEMM_U8S8__AVXVNNI_STEP(x + r * x_stride + p, r)
  }
  if (whole < k) {
    for (int r = 0; r < rows; r++)
      for (int64_t e = 0; e < k - whole; e++) words[r][e] = x[r * x_stride + whole + e];
    const __m256i w0 = _mm256_loadu_si256((const __m256i *)(const void *)values);
    const __m256i w1 = _mm256_loadu_si256((const __m256i *)(const void *)(values + 32));
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++) SQ_GEMM_U8S8__AVXVNNI_STEP(words[r], r)
  }
#pragma GCC unroll 6
  for (int r = 0; r < rows; r++) {
    _mm256_storeu_si256((__m256i *)(void *)(acc + 16 * r), c0[r]);
    _mm256_storeu_si256((__m256i *)(void *)(acc + 16 * r + 8), c1[r]);
  }
}

__attribute__((noinline, unused)) static void sq_gemm_u8s8__avxvnni_codes(int64_t rows, const uint8_t *x, int64_t x_stride, int64_t k,
                                                                          const int32_t *init, const int8_t *values, int32_t *acc) {
#define SQ_GEMM_U8S8__AVXVNNI_CASE(ROWS) \
  case ROWS: sq_gemm_u8s8__avxvnni_rows(ROWS, x, x_stride, k, init, values, acc); break;
  switch (rows) {
    SQ_GEMM_U8S8__AVXVNNI_CASE(1)
    SQ_GEMM_U8S8__AVXVNNI_CASE(2)
    SQ_GEMM_U8S8__AVXVNNI_CASE(3)
    SQ_GEMM_U8S8__AVXVNNI_CASE(4)
    SQ_GEMM_U8S8__AVXVNNI_CASE(5)
    SQ_GEMM_U8S8__AVXVNNI_CASE(6)
    default: break;
  }
#undef SQ_GEMM_U8S8__AVXVNNI_CASE
}
#undef SQ_GEMM_U8S8__AVXVNNI_STEP

#endif
