#ifndef SQ_GEMM_U8S8__AVX512VNNI_H
#define SQ_GEMM_U8S8__AVX512VNNI_H
/*
 * The register tile of the integer linear, convolution and attention: up to 14 rows of codes times one block of 32
 * columns, whose values are in groups of four along k (K4 groups of 32 x 4 bytes, zeros where 4g + c >= k):
 *
 *   acc[r * acc_stride + j] = init[j] + sum_{p < k} x[r * x_stride + p] * values[(p / 4 * 32 + j) * 4 + p % 4]
 *
 * x unsigned, values signed, sums exact in 32 bits (vpdpbusd does not saturate). Few rows split k over several
 * accumulators, so that the latency of the sum is hidden. Reads x[0 .. k) of each row only.
 */
#include <immintrin.h>

#include "sq_kernel.h"

#define SQ_GEMM_U8S8__AVX512VNNI_MR 14
#define SQ_GEMM_U8S8__AVX512VNNI_NR 32
#define SQ_GEMM_U8S8__AVX512VNNI_MOST_ROWS 32 /* of any kernel that takes the same blocks */

typedef int32_t sq_gemm_u8s8__avx512vnni_word __attribute__((aligned(1), may_alias));

/* The kernels' loops ask for products by this, whatever computes them. */
typedef void (*sq_gemm_u8s8__avx512vnni_products)(int64_t rows, const uint8_t *x, int64_t x_stride, int64_t k, const int32_t *init,
                                                  const int8_t *values, int32_t *acc, int64_t acc_stride);

#define SQ_GEMM_U8S8__AVX512VNNI_INLINE SQ_UNUSED static inline __attribute__((always_inline))

SQ_GEMM_U8S8__AVX512VNNI_INLINE __m512i sq_gemm_u8s8__avx512vnni_broadcast(const uint8_t *x) {
  return _mm512_set1_epi32(*(const sq_gemm_u8s8__avx512vnni_word *)(const void *)x);
}

/* The last 1..3 codes of each row as words, zeros behind. */
SQ_UNUSED static __attribute__((noinline)) void sq_gemm_u8s8__avx512vnni_tail(int64_t rows, const uint8_t *x, int64_t x_stride,
                                                                              int64_t left, uint8_t words[14][4]) {
  for (int64_t r = 0; r < rows; r++)
    for (int64_t e = 0; e < 4; e++) words[r][e] = e < left ? x[r * x_stride + e] : 0;
}

/* rows (1..14) and split (accumulators for each sum: 1, 2 or 4; rows * split <= 14) are constants where this is called. */
SQ_GEMM_U8S8__AVX512VNNI_INLINE void sq_gemm_u8s8__avx512vnni_rows(const int rows, const int split, const uint8_t *x,
                                                                   int64_t x_stride, int64_t k, const int32_t *init,
                                                                   const int8_t *values, int32_t *acc,
                                                                   int64_t acc_stride) {
  uint8_t words[14][4];
  if (k % 4 != 0) sq_gemm_u8s8__avx512vnni_tail(rows, x + k / 4 * 4, x_stride, k % 4, words);
  __m512i c0[14], c1[14];
  const uint8_t *row[5]; /* rows 0, 3, 6, 9, 12; the two after each by x_stride */
  const __m512i i0 = _mm512_loadu_si512(init), i1 = _mm512_loadu_si512(init + 16);
#pragma GCC unroll 14
  for (int r = 0; r < rows * split; r++) {
    c0[r] = r < rows ? i0 : _mm512_setzero_si512();
    c1[r] = r < rows ? i1 : _mm512_setzero_si512();
  }
#pragma GCC unroll 5
  for (int t = 0; t < 5; t++) row[t] = x + (3 * t < rows ? 3 * t : 0) * x_stride;
  int64_t p = 0;
  for (; p + 16 <= k; p += 16) {
#pragma GCC unroll 4
    for (int s = 0; s < 4; s++) {
      const __m512i w0 = _mm512_loadu_si512(values + 128 * s), w1 = _mm512_loadu_si512(values + 128 * s + 64);
#pragma GCC unroll 14
      for (int r = 0; r < rows; r++) {
        const __m512i a = sq_gemm_u8s8__avx512vnni_broadcast(row[r / 3] + r % 3 * x_stride + 4 * s);
        c0[s % split * rows + r] = _mm512_dpbusd_epi32(c0[s % split * rows + r], a, w0);
        c1[s % split * rows + r] = _mm512_dpbusd_epi32(c1[s % split * rows + r], a, w1);
      }
    }
    values += 512;
#pragma GCC unroll 5
    for (int t = 0; t < 5; t++) row[t] += 16;
  }
  for (; p + 4 <= k; p += 4) {
    const __m512i w0 = _mm512_loadu_si512(values), w1 = _mm512_loadu_si512(values + 64);
#pragma GCC unroll 14
    for (int r = 0; r < rows; r++) {
      const __m512i a = sq_gemm_u8s8__avx512vnni_broadcast(row[r / 3] + r % 3 * x_stride);
      c0[r] = _mm512_dpbusd_epi32(c0[r], a, w0);
      c1[r] = _mm512_dpbusd_epi32(c1[r], a, w1);
    }
    values += 128;
#pragma GCC unroll 5
    for (int t = 0; t < 5; t++) row[t] += 4;
  }
  if (p < k) {
    const __m512i w0 = _mm512_loadu_si512(values), w1 = _mm512_loadu_si512(values + 64);
#pragma GCC unroll 14
    for (int r = 0; r < rows; r++) {
      const __m512i a = sq_gemm_u8s8__avx512vnni_broadcast(words[r]);
      c0[r] = _mm512_dpbusd_epi32(c0[r], a, w0);
      c1[r] = _mm512_dpbusd_epi32(c1[r], a, w1);
    }
  }
#pragma GCC unroll 14
  for (int r = 0; r < rows; r++) {
#pragma GCC unroll 4
    for (int s = 1; s < split; s++) {
      c0[r] = _mm512_add_epi32(c0[r], c0[s * rows + r]);
      c1[r] = _mm512_add_epi32(c1[r], c1[s * rows + r]);
    }
    _mm512_storeu_si512(acc + r * acc_stride, c0[r]);
    _mm512_storeu_si512(acc + r * acc_stride + 16, c1[r]);
  }
}

SQ_UNUSED static __attribute__((noinline)) void sq_gemm_u8s8__avx512vnni_tile(int64_t rows, const uint8_t *x,
                                                                              int64_t x_stride, int64_t k,
                                                                              const int32_t *init, const int8_t *values,
                                                                              int32_t *acc, int64_t acc_stride) {
#define SQ_GEMM_U8S8__AVX512VNNI_CASE(ROWS, SPLIT) \
  case ROWS: \
    sq_gemm_u8s8__avx512vnni_rows(ROWS, SPLIT, x, x_stride, k, init, values, acc, acc_stride); \
    break;
  switch (rows) {
    SQ_GEMM_U8S8__AVX512VNNI_CASE(1, 4)
    SQ_GEMM_U8S8__AVX512VNNI_CASE(2, 4)
    SQ_GEMM_U8S8__AVX512VNNI_CASE(3, 2)
    SQ_GEMM_U8S8__AVX512VNNI_CASE(4, 2)
    SQ_GEMM_U8S8__AVX512VNNI_CASE(5, 1)
    SQ_GEMM_U8S8__AVX512VNNI_CASE(6, 1)
    SQ_GEMM_U8S8__AVX512VNNI_CASE(7, 1)
    SQ_GEMM_U8S8__AVX512VNNI_CASE(8, 1)
    SQ_GEMM_U8S8__AVX512VNNI_CASE(9, 1)
    SQ_GEMM_U8S8__AVX512VNNI_CASE(10, 1)
    SQ_GEMM_U8S8__AVX512VNNI_CASE(11, 1)
    SQ_GEMM_U8S8__AVX512VNNI_CASE(12, 1)
    SQ_GEMM_U8S8__AVX512VNNI_CASE(13, 1)
    SQ_GEMM_U8S8__AVX512VNNI_CASE(14, 1)
    default: break;
  }
#undef SQ_GEMM_U8S8__AVX512VNNI_CASE
}

#endif
