#ifndef SQ_TILE_F32_AVX2_H
#define SQ_TILE_F32_AVX2_H
/*
 * The AVX2 register tile: up to 6 rows by 16 columns, 12 accumulators; fused (for kernels named _fast) or a multiply and an add
 * (bit for bit sq_tile_f32_portable). Each k step loads 16 weights and broadcasts a value a row: 8 loads for 12 multiply-adds, so
 * the two multiply-add ports are the limit.
 */
#include <immintrin.h>

#include "sq_tile_f32.h"

#define SQ_TILE_F32_AVX2_EACH_ROW(ROW) \
  ROW(0) ROW(1) ROW(2) ROW(3) ROW(4) ROW(5)

/* rows, vectors (8 columns each), fused: constants after inlining. A row is at base[r / 3] + (r % 3) * a_stride: few pointers. */
__attribute__((always_inline, unused)) static inline void sq_tile_f32_avx2_rows(const int rows, const int vectors, const int fused,
                                                                            int64_t k, const float *a, int64_t a_stride,
                                                                            const float *panel, float *out,
                                                                            int64_t out_stride, int accumulate) {
  __m256 acc[6][2];
#define START(r)                                                                                                   \
  acc[r][0] = acc[r][1] = _mm256_setzero_ps();                                                                       \
  if (r < rows && accumulate) {                                                                                     \
    acc[r][0] = _mm256_loadu_ps(out + r * out_stride);                                                                 \
    if (vectors == 2) acc[r][1] = _mm256_loadu_ps(out + r * out_stride + 8);                                          \
  }
  SQ_TILE_F32_AVX2_EACH_ROW(START)
#undef START
  const float *base[2];
#define BASE(r) \
  if (r % 3 == 0) base[r / 3] = a + (r < rows ? r : 0) * a_stride;
  SQ_TILE_F32_AVX2_EACH_ROW(BASE)
#undef BASE
#define STEP(r)                                                                                                      \
  if (r < rows) {                                                                                                    \
    __m256 x = _mm256_set1_ps(base[r / 3][(r % 3) * a_stride + p]);                                                      \
    acc[r][0] = fused ? _mm256_fmadd_ps(x, b0, acc[r][0]) : _mm256_add_ps(acc[r][0], _mm256_mul_ps(x, b0));                    \
    if (vectors == 2)                                                                                                \
      acc[r][1] = fused ? _mm256_fmadd_ps(x, b1, acc[r][1]) : _mm256_add_ps(acc[r][1], _mm256_mul_ps(x, b1));                  \
  }
#define DEPTH(d)                                                                                                     \
  {                                                                                                                  \
    const int64_t p = q + d;                                                                                         \
    const __m256 b0 = _mm256_loadu_ps(panel + d * 16), b1 = vectors == 2 ? _mm256_loadu_ps(panel + d * 16 + 8) : b0;      \
    SQ_TILE_F32_AVX2_EACH_ROW(STEP)                                                                         \
  }
  int64_t q = 0;
  for (; rows == 6 && q + 4 <= k; q += 4, panel += 4 * 16) {
    DEPTH(0)
    DEPTH(1)
    DEPTH(2)
    DEPTH(3)
  }
  for (; q < k; q++, panel += 16) DEPTH(0)
#undef DEPTH
#undef STEP
#define STORE(r)                                                                                                     \
  if (r < rows) {                                                                                                    \
    _mm256_storeu_ps(out + r * out_stride, acc[r][0]);                                                                 \
    if (vectors == 2) _mm256_storeu_ps(out + r * out_stride + 8, acc[r][1]);                                          \
  }
  SQ_TILE_F32_AVX2_EACH_ROW(STORE)
#undef STORE
}

__attribute__((noinline, unused)) static void sq_tile_f32_avx2(int64_t rows, int64_t width, int64_t k, const float *a, int64_t a_stride,
                                              const float *panel, float *out, int64_t out_stride, int accumulate) {
#define CASE(r)                                                                                                        \
  case r + 1:                                                                                                          \
    if (width == 16)                                                                                                   \
      sq_tile_f32_avx2_rows(r + 1, 2, 0, k, a, a_stride, panel, out, out_stride, accumulate);                        \
    else                                                                                                               \
      sq_tile_f32_avx2_rows(r + 1, 1, 0, k, a, a_stride, panel, out, out_stride, accumulate);                        \
    break;
  switch (rows) { SQ_TILE_F32_AVX2_EACH_ROW(CASE) default: break; }
#undef CASE
}

__attribute__((noinline, unused)) static void sq_tile_f32_avx2_fused(int64_t rows, int64_t width, int64_t k, const float *a, int64_t a_stride,
                                              const float *panel, float *out, int64_t out_stride, int accumulate) {
#define CASE(r)                                                                                                        \
  case r + 1:                                                                                                          \
    if (width == 16)                                                                                                   \
      sq_tile_f32_avx2_rows(r + 1, 2, 1, k, a, a_stride, panel, out, out_stride, accumulate);                        \
    else                                                                                                               \
      sq_tile_f32_avx2_rows(r + 1, 1, 1, k, a, a_stride, panel, out, out_stride, accumulate);                        \
    break;
  switch (rows) { SQ_TILE_F32_AVX2_EACH_ROW(CASE) default: break; }
#undef CASE
}

#endif
