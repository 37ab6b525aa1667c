#include <immintrin.h>

#include "sq_layer_norm_f32.h"

/* Distances 8, 4, 2, 1 of the lanes 0-7 and 8-15, as sq_tree16_f32. */
static inline float sq_layer_norm_f32__avx2_tree(__m256 low, __m256 high) {
  __m256 a = _mm256_add_ps(low, high);
  __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  b = _mm_add_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_add_ss(b, _mm_movehdup_ps(b)));
}

/* All ones in the first `count` of 8 lanes. */
static inline __m256i sq_layer_norm_f32__avx2_mask(int64_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)sq_max_i64(0, sq_min_i64(8, count))),
                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static void sq_layer_norm_f32__avx2(const void *args, int64_t begin, int64_t end, int64_t worker) {
  const sq_layer_norm_f32_args *a = (const sq_layer_norm_f32_args *)args;
  (void)worker;
  const int64_t n = a->n;
  for (int64_t i = begin; i < end; i++) {
    const float *x = a->x + i * a->x_stride;
    float *y = a->y + i * a->y_stride;
    __m256 sum[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()}, square[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    for (int64_t j = 0; j < n; j += 16) /* beyond the row lanes add +0, which changes no sum that began at +0 */
      for (int h = 0; h < 2; h++) {
        const __m256i mask = sq_layer_norm_f32__avx2_mask(n - j - 8 * h);
        sum[h] = _mm256_add_ps(sum[h], n - j >= 16 ? _mm256_loadu_ps(x + j + 8 * h) : _mm256_maskload_ps(x + j + 8 * h, mask));
      }
    const __m256 mean = _mm256_set1_ps(sq_layer_norm_f32__avx2_tree(sum[0], sum[1]) / (float)n);
    for (int64_t j = 0; j < n; j += 16)
      for (int h = 0; h < 2; h++) {
        const __m256i mask = sq_layer_norm_f32__avx2_mask(n - j - 8 * h);
        __m256 d;
        if (n - j >= 16)
          d = _mm256_sub_ps(_mm256_loadu_ps(x + j + 8 * h), mean);
        else
          d = _mm256_and_ps(_mm256_sub_ps(_mm256_maskload_ps(x + j + 8 * h, mask), mean), _mm256_castsi256_ps(mask));
        square[h] = _mm256_add_ps(square[h], _mm256_mul_ps(d, d));
      }
    const __m256 variance = _mm256_set1_ps(sq_layer_norm_f32__avx2_tree(square[0], square[1]) / (float)n);
    const __m256 r = _mm256_div_ps(_mm256_set1_ps(1.0f), _mm256_sqrt_ps(_mm256_add_ps(variance, _mm256_set1_ps(a->eps))));
    for (int64_t j = 0; j < n; j += 8) {
      if (n - j >= 8) {
        __m256 v = _mm256_mul_ps(_mm256_sub_ps(_mm256_loadu_ps(x + j), mean), r);
        if (a->gamma) v = _mm256_mul_ps(v, _mm256_loadu_ps(a->gamma + j));
        if (a->beta) v = _mm256_add_ps(v, _mm256_loadu_ps(a->beta + j));
        _mm256_storeu_ps(y + j, v);
      } else {
        const __m256i mask = sq_layer_norm_f32__avx2_mask(n - j);
        __m256 v = _mm256_mul_ps(_mm256_sub_ps(_mm256_maskload_ps(x + j, mask), mean), r);
        if (a->gamma) v = _mm256_mul_ps(v, _mm256_maskload_ps(a->gamma + j, mask));
        if (a->beta) v = _mm256_add_ps(v, _mm256_maskload_ps(a->beta + j, mask));
        _mm256_maskstore_ps(y + j, mask, v);
      }
    }
  }
}
