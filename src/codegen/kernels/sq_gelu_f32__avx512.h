#ifndef SQ_GELU_F32__AVX512_H
#define SQ_GELU_F32__AVX512_H
/* sq_gelu_erf_f32 of sq_math.h, 16 at a time, operation by operation. */
#include <immintrin.h>

#include "sq_kernel.h"

/* p * x + c, in two roundings. */
SQ_UNUSED static inline __m512 sq_gelu_f32__avx512_step(__m512 p, __m512 x, float c) {
  return _mm512_add_ps(_mm512_mul_ps(p, x), _mm512_set1_ps(c));
}

SQ_UNUSED static inline __m512 sq_gelu_f32__avx512_erf(__m512 x) {
  const __m512 one = _mm512_set1_ps(1.0f), magic = _mm512_set1_ps(12582912.0f), least = _mm512_set1_ps(-87.0f);
  const __m512 t = _mm512_abs_ps(x), z = _mm512_mul_ps(x, x);
  __m512 p = _mm512_set1_ps(-0.000593187986f);
  p = sq_gelu_f32__avx512_step(p, z, 0.00498215249f);
  p = sq_gelu_f32__avx512_step(p, z, -0.0267595872f);
  p = sq_gelu_f32__avx512_step(p, z, 0.112816401f);
  p = sq_gelu_f32__avx512_step(p, z, -0.376124799f);
  p = sq_gelu_f32__avx512_step(p, z, 0.128379151f);
  const __m512 small = _mm512_add_ps(_mm512_mul_ps(p, x), x);
  const __m512 c = _mm512_min_ps(_mm512_set1_ps(4.0f), t); /* the second operand for NaN */
  __m512 q = _mm512_set1_ps(-1.12314719e-05f);
  q = sq_gelu_f32__avx512_step(q, c, 0.000322805456f);
  q = sq_gelu_f32__avx512_step(q, c, -0.00364246522f);
  q = sq_gelu_f32__avx512_step(q, c, 0.0237620752f);
  q = sq_gelu_f32__avx512_step(q, c, -0.10623689f);
  q = sq_gelu_f32__avx512_step(q, c, -0.635151327f);
  q = sq_gelu_f32__avx512_step(q, c, -1.12864852f);
  /* e^(q c), as sq_exp_softmax_f32. */
  const __m512 exponent = _mm512_mul_ps(q, c), limited = _mm512_max_ps(least, exponent);
  const __m512 shifted = _mm512_add_ps(_mm512_mul_ps(limited, _mm512_set1_ps(1.44269502f)), magic), n = _mm512_sub_ps(shifted, magic);
  const __m512 r = _mm512_sub_ps(_mm512_sub_ps(limited, _mm512_mul_ps(n, _mm512_set1_ps(0.693145752f))),
                                 _mm512_mul_ps(n, _mm512_set1_ps(1.42860677e-06f)));
  __m512 e = _mm512_set1_ps(0.00138145685f);
  e = sq_gelu_f32__avx512_step(e, r, 0.00836873055f);
  e = sq_gelu_f32__avx512_step(e, r, 0.041668389f);
  e = sq_gelu_f32__avx512_step(e, r, 0.166665211f);
  e = sq_gelu_f32__avx512_step(e, r, 0.49999994f);
  e = _mm512_add_ps(_mm512_add_ps(_mm512_mul_ps(e, _mm512_mul_ps(r, r)), r), one);
  const __m512i power = _mm512_sub_epi32(_mm512_castps_si512(shifted), _mm512_set1_epi32(0x4b400000 - 127));
  e = _mm512_mul_ps(e, _mm512_castsi512_ps(_mm512_slli_epi32(power, 23)));
  e = _mm512_mask_mov_ps(e, _mm512_cmp_ps_mask(exponent, least, _CMP_LT_OQ), _mm512_setzero_ps());
  /* The sign of x on 1 - e: bitwise (x & sign) | (value & ~sign). */
  const __m512i large = _mm512_ternarylogic_epi32(_mm512_set1_epi32((int)0x80000000u), _mm512_castps_si512(x),
                                                  _mm512_castps_si512(_mm512_sub_ps(one, e)), 0xca);
  return _mm512_mask_mov_ps(_mm512_castsi512_ps(large), _mm512_cmp_ps_mask(t, _mm512_set1_ps(0.92f), _CMP_LT_OQ), small);
}

SQ_UNUSED static inline __m512 sq_gelu_f32__avx512_gelu(__m512 x) {
  const __m512 erf = sq_gelu_f32__avx512_erf(_mm512_mul_ps(x, _mm512_set1_ps(0.707106769f)));
  return _mm512_mul_ps(_mm512_mul_ps(_mm512_set1_ps(0.5f), x), _mm512_add_ps(_mm512_set1_ps(1.0f), erf));
}

#endif
