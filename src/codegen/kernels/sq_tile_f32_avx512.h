#ifndef SQ_TILE_F32_AVX512_H
#define SQ_TILE_F32_AVX512_H
/*
 * The AVX-512 register tile: up to 14 rows by 32 columns, 28 accumulators; fused (for kernels named _fast) or a multiply and an add
 * (bit for bit sq_tile_f32_portable). Each k step loads 32 weights and broadcasts a value a row: 16 loads for 28 multiply-adds, so
 * the two multiply-add ports are the limit.
 */
#include <immintrin.h>

#include "sq_tile_f32.h"

#define SQ_TILE_F32_AVX512_EACH_ROW(ROW) \
  ROW(0) ROW(1) ROW(2) ROW(3) ROW(4) ROW(5) ROW(6) ROW(7) ROW(8) ROW(9) ROW(10) ROW(11) ROW(12) ROW(13)

/* rows, vectors (16 columns each), fused: constants after inlining. A row is at base[r / 3] + (r % 3) * a_stride: few pointers. */
__attribute__((always_inline, unused)) static inline void sq_tile_f32_avx512_rows(const int rows, const int vectors, const int fused,
                                                                            int64_t k, const float *a, int64_t a_stride,
                                                                            const float *panel, float *out,
                                                                            int64_t out_stride, int accumulate) {
  __m512 acc[14][2];
#define START(r)                                                                                                   \
  acc[r][0] = acc[r][1] = _mm512_setzero_ps();                                                                       \
  if (r < rows && accumulate) {                                                                                     \
    acc[r][0] = _mm512_loadu_ps(out + r * out_stride);                                                                 \
    if (vectors == 2) acc[r][1] = _mm512_loadu_ps(out + r * out_stride + 16);                                          \
  }
  SQ_TILE_F32_AVX512_EACH_ROW(START)
#undef START
  const float *base[5];
#define BASE(r) \
  if (r % 3 == 0) base[r / 3] = a + (r < rows ? r : 0) * a_stride;
  SQ_TILE_F32_AVX512_EACH_ROW(BASE)
#undef BASE
#define STEP(r)                                                                                                      \
  if (r < rows) {                                                                                                    \
    __m512 x = _mm512_set1_ps(base[r / 3][(r % 3) * a_stride + p]);                                                      \
    acc[r][0] = fused ? _mm512_fmadd_ps(x, b0, acc[r][0]) : _mm512_add_ps(acc[r][0], _mm512_mul_ps(x, b0));                    \
    if (vectors == 2)                                                                                                \
      acc[r][1] = fused ? _mm512_fmadd_ps(x, b1, acc[r][1]) : _mm512_add_ps(acc[r][1], _mm512_mul_ps(x, b1));                  \
  }
#define DEPTH(d)                                                                                                     \
  {                                                                                                                  \
    const int64_t p = q + d;                                                                                         \
    const __m512 b0 = _mm512_loadu_ps(panel + d * 32), b1 = vectors == 2 ? _mm512_loadu_ps(panel + d * 32 + 16) : b0;      \
    SQ_TILE_F32_AVX512_EACH_ROW(STEP)                                                                         \
  }
  int64_t q = 0;
  for (; rows == 14 && q + 4 <= k; q += 4, panel += 4 * 32) {
    DEPTH(0)
    DEPTH(1)
    DEPTH(2)
    DEPTH(3)
  }
  for (; q < k; q++, panel += 32) DEPTH(0)
#undef DEPTH
#undef STEP
#define STORE(r)                                                                                                     \
  if (r < rows) {                                                                                                    \
    _mm512_storeu_ps(out + r * out_stride, acc[r][0]);                                                                 \
    if (vectors == 2) _mm512_storeu_ps(out + r * out_stride + 16, acc[r][1]);                                          \
  }
  SQ_TILE_F32_AVX512_EACH_ROW(STORE)
#undef STORE
}

__attribute__((noinline, unused)) static void sq_tile_f32_avx512(int64_t rows, int64_t width, int64_t k, const float *a, int64_t a_stride,
                                              const float *panel, float *out, int64_t out_stride, int accumulate) {
#define CASE(r)                                                                                                        \
  case r + 1:                                                                                                          \
    if (width == 32)                                                                                                   \
      sq_tile_f32_avx512_rows(r + 1, 2, 0, k, a, a_stride, panel, out, out_stride, accumulate);                        \
    else                                                                                                               \
      sq_tile_f32_avx512_rows(r + 1, 1, 0, k, a, a_stride, panel, out, out_stride, accumulate);                        \
    break;
  switch (rows) { SQ_TILE_F32_AVX512_EACH_ROW(CASE) default: break; }
#undef CASE
}

__attribute__((noinline, unused)) static void sq_tile_f32_avx512_fused(int64_t rows, int64_t width, int64_t k, const float *a, int64_t a_stride,
                                              const float *panel, float *out, int64_t out_stride, int accumulate) {
#define CASE(r)                                                                                                        \
  case r + 1:                                                                                                          \
    if (width == 32)                                                                                                   \
      sq_tile_f32_avx512_rows(r + 1, 2, 1, k, a, a_stride, panel, out, out_stride, accumulate);                        \
    else                                                                                                               \
      sq_tile_f32_avx512_rows(r + 1, 1, 1, k, a, a_stride, panel, out, out_stride, accumulate);                        \
    break;
  switch (rows) { SQ_TILE_F32_AVX512_EACH_ROW(CASE) default: break; }
#undef CASE
}

#endif
