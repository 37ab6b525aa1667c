#include <immintrin.h>

#include "sq_layer_norm_f32.h"

/* Distances 8, 4, 2, 1, as sq_tree16_f32. */
static inline float sq_layer_norm_f32__avx512_tree(__m512 lanes) {
  __m256 a = _mm256_add_ps(_mm512_castps512_ps256(lanes), _mm512_extractf32x8_ps(lanes, 1));
  __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  b = _mm_add_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_add_ss(b, _mm_movehdup_ps(b)));
}

static void sq_layer_norm_f32__avx512(const void *args, int64_t begin, int64_t end, int64_t worker) {
  const sq_layer_norm_f32_args *a = (const sq_layer_norm_f32_args *)args;
  (void)worker;
  const int64_t n = a->n, whole = n / 16 * 16;
  const __mmask16 tail = (__mmask16)((1u << (n - whole)) - 1u);
  const __m512 one = _mm512_set1_ps(1.0f), zero = _mm512_setzero_ps();
  for (int64_t i = begin; i < end; i++) {
    const float *x = a->x + i * a->x_stride;
    float *y = a->y + i * a->y_stride;
    __m512 sum = zero, square = zero;
    for (int64_t j = 0; j < whole; j += 16) sum = _mm512_add_ps(sum, _mm512_loadu_ps(x + j));
    sum = _mm512_mask_add_ps(sum, tail, sum, _mm512_maskz_loadu_ps(tail, x + whole));
    const __m512 mean = _mm512_set1_ps(sq_layer_norm_f32__avx512_tree(sum) / (float)n);
    for (int64_t j = 0; j < whole; j += 16) {
      __m512 d = _mm512_sub_ps(_mm512_loadu_ps(x + j), mean);
      square = _mm512_add_ps(square, _mm512_mul_ps(d, d));
    }
    __m512 last = _mm512_sub_ps(_mm512_maskz_loadu_ps(tail, x + whole), mean);
    square = _mm512_mask_add_ps(square, tail, square, _mm512_mul_ps(last, last));
    const __m512 variance = _mm512_set1_ps(sq_layer_norm_f32__avx512_tree(square) / (float)n);
    const __m512 r = _mm512_div_ps(one, _mm512_sqrt_ps(_mm512_add_ps(variance, _mm512_set1_ps(a->eps))));
    for (int64_t j = 0; j < n; j += 16) {
      const __mmask16 mask = j < whole ? (__mmask16)0xffffu : tail;
      __m512 v = _mm512_mul_ps(_mm512_sub_ps(_mm512_maskz_loadu_ps(mask, x + j), mean), r);
      if (a->gamma) v = _mm512_mul_ps(v, _mm512_maskz_loadu_ps(mask, a->gamma + j));
      if (a->beta) v = _mm512_add_ps(v, _mm512_maskz_loadu_ps(mask, a->beta + j));
      _mm512_mask_storeu_ps(y + j, mask, v);
    }
  }
}
