#ifndef SQ_TREE16_F32__AVX512_H
#define SQ_TREE16_F32__AVX512_H
/* sq_tree16_f32 of sq_math.h for 16 rows at once: lane r of the result is the sum of rows[r], at distances 8, 4, 2, 1. */
#include <immintrin.h>

#include "sq_kernel.h"

/* Distances 8 and 4 of four rows: lane i of 128 bits has the four sums of row i. */
SQ_UNUSED static inline __m512 sq_tree16_f32__avx512_four(__m512 a, __m512 b, __m512 c, __m512 d) {
  const __m512 ab = _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
  const __m512 cd = _mm512_add_ps(_mm512_shuffle_f32x4(c, d, 0x44), _mm512_shuffle_f32x4(c, d, 0xee));
  return _mm512_add_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
}

SQ_UNUSED static inline __m512 sq_tree16_f32__avx512(const __m512 rows[16]) {
  const __m512 u = sq_tree16_f32__avx512_four(rows[0], rows[4], rows[8], rows[12]);
  const __m512 v = sq_tree16_f32__avx512_four(rows[1], rows[5], rows[9], rows[13]);
  const __m512 w = sq_tree16_f32__avx512_four(rows[2], rows[6], rows[10], rows[14]);
  const __m512 z = sq_tree16_f32__avx512_four(rows[3], rows[7], rows[11], rows[15]);
  const __m512 uv = _mm512_add_ps(_mm512_shuffle_ps(u, v, 0x44), _mm512_shuffle_ps(u, v, 0xee));
  const __m512 wz = _mm512_add_ps(_mm512_shuffle_ps(w, z, 0x44), _mm512_shuffle_ps(w, z, 0xee));
  return _mm512_add_ps(_mm512_shuffle_ps(uv, wz, 0x88), _mm512_shuffle_ps(uv, wz, 0xdd));
}

#endif
