#ifndef SQ_GELU_F32__AVX512_H
#define SQ_GELU_F32__AVX512_H
/* sq_gelu_near_f32 of sq_math.h, 16 at a time, operation by operation. */
#include <immintrin.h>

#include "sq_kernel.h"

/* p * x + c, in two roundings. */
SQ_UNUSED static inline __m512 sq_gelu_f32__avx512_step(__m512 p, __m512 x, float c) {
  return _mm512_add_ps(_mm512_mul_ps(p, x), _mm512_set1_ps(c));
}

SQ_UNUSED static inline __m512 sq_gelu_f32__avx512_near(__m512 x) {
  const __m512 c = _mm512_min_ps(_mm512_set1_ps(4.5f), _mm512_abs_ps(x)); /* the second operand for NaN */
  const __m512 u = _mm512_sub_ps(c, _mm512_set1_ps(2.25f));
  __m512 p = _mm512_set1_ps(-1.2891669e-05f);
  p = sq_gelu_f32__avx512_step(p, u, 4.39032956e-05f);
  p = sq_gelu_f32__avx512_step(p, u, 0.000170582673f);
  p = sq_gelu_f32__avx512_step(p, u, -0.000989274005f);
  p = sq_gelu_f32__avx512_step(p, u, 0.000643833482f);
  p = sq_gelu_f32__avx512_step(p, u, 0.00609572604f);
  p = sq_gelu_f32__avx512_step(p, u, -0.021631496f);
  p = sq_gelu_f32__avx512_step(p, u, 0.035741616f);
  p = sq_gelu_f32__avx512_step(p, u, -0.0317103565f);
  p = sq_gelu_f32__avx512_step(p, u, 0.012220989f);
  return _mm512_sub_ps(_mm512_max_ps(x, _mm512_setzero_ps()), _mm512_mul_ps(p, c));
}

#endif
