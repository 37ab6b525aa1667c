#ifndef SQ_GEMM_U8S8__AMX_H
#define SQ_GEMM_U8S8__AMX_H
/*
 * The products of sq_gemm_u8s8__avx512vnni.h, same layout and meaning, for up to 32 rows: 16 or 32 of them by four sums in
 * AMX tiles, over whole groups of 64 along k; what is left by vpdpbusd. Call between sq_amx_begin and sq_amx_end.
 */
#include "sq_amx.h"
#include "sq_gemm_u8s8__avx512vnni.h"

#define SQ_GEMM_U8S8__AMX_MR 32

/* 16 * panels rows, k a multiple of 64; panels (1 or 2) is a constant where this is called. */
SQ_AMX SQ_GEMM_U8S8__AVX512VNNI_INLINE void sq_gemm_u8s8__amx_panels(const int panels, const uint8_t *x, int64_t x_stride, int64_t k,
                                                              const int32_t *init, const int8_t *values, int32_t *acc,
                                                              int64_t acc_stride) {
  /* Every row of a sum starts as init: rows that are 0 bytes apart. */
  sq_amx_load(0, init, 0);
  sq_amx_load(1, init + 16, 0);
  if (panels == 2) {
    sq_amx_load(2, init, 0);
    sq_amx_load(3, init + 16, 0);
  }
  for (int64_t p = 0; p < k; p += 64) {
    /* Rows from the second cache: the loads of tiles foresee nothing. Two steps on, possibly past the last row's end. */
#pragma GCC unroll 32
    for (int r = 0; r < 16 * panels; r++) _mm_prefetch((const char *)(x + r * x_stride + p + 128), _MM_HINT_T0);
    sq_amx_load(6, values + 32 * p, 128);
    sq_amx_load(4, x + p, x_stride);
    sq_amx_dot(0, 4, 6);
    sq_amx_load(7, values + 32 * p + 64, 128);
    sq_amx_dot(1, 4, 7);
    if (panels == 2) {
      sq_amx_load(5, x + 16 * x_stride + p, x_stride);
      sq_amx_dot(2, 5, 6);
      sq_amx_dot(3, 5, 7);
    }
  }
  sq_amx_store(0, acc, 4 * acc_stride);
  sq_amx_store(1, acc + 16, 4 * acc_stride);
  if (panels == 2) {
    sq_amx_store(2, acc + 16 * acc_stride, 4 * acc_stride);
    sq_amx_store(3, acc + 16 * acc_stride + 16, 4 * acc_stride);
  }
}

SQ_UNUSED static __attribute__((noinline)) void sq_gemm_u8s8__amx_vectors(int64_t rows, const uint8_t *x, int64_t x_stride, int64_t k,
                                                                          const int32_t *init, const int8_t *values, int32_t *acc,
                                                                          int64_t acc_stride) {
  for (int64_t r = 0; r < rows; r += SQ_GEMM_U8S8__AVX512VNNI_MR)
    sq_gemm_u8s8__avx512vnni_tile(sq_min_i64(SQ_GEMM_U8S8__AVX512VNNI_MR, rows - r), x + r * x_stride, x_stride, k, init, values,
                                  acc + r * acc_stride, acc_stride);
}

/* Adds the last k % 64 products of each row. */
SQ_UNUSED static __attribute__((noinline)) void sq_gemm_u8s8__amx_rest(int64_t rows, const uint8_t *x, int64_t x_stride, int64_t k,
                                                                       const int8_t *values, int32_t *acc, int64_t acc_stride) {
  const int32_t zeros[SQ_GEMM_U8S8__AVX512VNNI_NR] = {0};
  int32_t rest[SQ_GEMM_U8S8__AMX_MR * SQ_GEMM_U8S8__AVX512VNNI_NR];
  sq_gemm_u8s8__amx_vectors(rows, x + k / 64 * 64, x_stride, k % 64, zeros, values + k / 64 * 2048, rest, SQ_GEMM_U8S8__AVX512VNNI_NR);
  for (int64_t r = 0; r < rows; r++)
    for (int64_t j = 0; j < SQ_GEMM_U8S8__AVX512VNNI_NR; j++) acc[r * acc_stride + j] += rest[r * SQ_GEMM_U8S8__AVX512VNNI_NR + j];
}

SQ_UNUSED SQ_AMX static __attribute__((noinline)) void sq_gemm_u8s8__amx_tile(int64_t rows, const uint8_t *x, int64_t x_stride, int64_t k,
                                                                       const int32_t *init, const int8_t *values, int32_t *acc,
                                                                       int64_t acc_stride) {
  const int64_t panels = k < 64 ? 0 : rows / 16;
  if (panels == 2) sq_gemm_u8s8__amx_panels(2, x, x_stride, k / 64 * 64, init, values, acc, acc_stride);
  if (panels == 1) sq_gemm_u8s8__amx_panels(1, x, x_stride, k / 64 * 64, init, values, acc, acc_stride);
  if (panels > 0 && k % 64 != 0) sq_gemm_u8s8__amx_rest(16 * panels, x, x_stride, k, values, acc, acc_stride);
  const int64_t done = 16 * panels;
  if (done < rows)
    sq_gemm_u8s8__amx_vectors(rows - done, x + done * x_stride, x_stride, k, init, values, acc + done * acc_stride, acc_stride);
}

#endif
