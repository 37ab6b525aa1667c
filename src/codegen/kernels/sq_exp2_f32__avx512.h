#ifndef SQ_EXP2_F32__AVX512_H
#define SQ_EXP2_F32__AVX512_H
/* sq_exp2_f32 of sq_math.h, 16 at a time, operation by operation. */
#include <immintrin.h>

#include "sq_kernel.h"

SQ_UNUSED static inline __m512 sq_exp2_f32__avx512(__m512 x) {
  const __m512 magic = _mm512_set1_ps(12582912.0f);
  /* min and max give their second operand for NaN. */
  __m512 c = _mm512_min_ps(_mm512_set1_ps(129.0f), x);
  c = _mm512_max_ps(_mm512_set1_ps(-151.0f), c);
  const __m512 t = _mm512_add_ps(c, magic);
  const __m512 r = _mm512_sub_ps(c, _mm512_sub_ps(t, magic));
  __m512 p = _mm512_set1_ps(0.000153533401f);
  p = _mm512_add_ps(_mm512_mul_ps(p, r), _mm512_set1_ps(0.00133989006f));
  p = _mm512_add_ps(_mm512_mul_ps(p, r), _mm512_set1_ps(0.00961843785f));
  p = _mm512_add_ps(_mm512_mul_ps(p, r), _mm512_set1_ps(0.0555033237f));
  p = _mm512_add_ps(_mm512_mul_ps(p, r), _mm512_set1_ps(0.240226477f));
  p = _mm512_add_ps(_mm512_mul_ps(p, r), _mm512_set1_ps(0.693147182f));
  p = _mm512_add_ps(_mm512_mul_ps(p, r), _mm512_set1_ps(1.0f));
  const __m512i biased = _mm512_sub_epi32(_mm512_castps_si512(t), _mm512_set1_epi32(0x4b400000 - 254));
  const __m512i half = _mm512_srli_epi32(biased, 1);
  p = _mm512_mul_ps(p, _mm512_castsi512_ps(_mm512_slli_epi32(half, 23)));
  return _mm512_mul_ps(p, _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_sub_epi32(biased, half), 23)));
}

#endif
