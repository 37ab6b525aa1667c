#ifndef SQ_RESIZE_ROWS_F32__AVX512_H
#define SQ_RESIZE_ROWS_F32__AVX512_H
/*
 * A row widened 16 columns at a time: they lie between few neighbours, which two vectors hold (where a row shrinks to less than
 * half, they do not, and are gathered).
 */
#include <immintrin.h>

#include "sq_kernel.h"

SQ_UNUSED static void sq_resize_rows_f32__avx512_widen(const float *row, int64_t in_w, const int32_t *x0, const float *wx, float *wide,
                                                       int64_t n) {
  const __m512i last = _mm512_set1_epi32((int32_t)(in_w - 1)), one = _mm512_set1_epi32(1);
  for (int64_t o = 0; o < n; o += 16) {
    const int64_t count = sq_min_i64(16, n - o), base = x0[o], left = in_w - base;
    const __mmask16 mask = (__mmask16)((1u << count) - 1);
    const __m512i at0 = _mm512_maskz_loadu_epi32(mask, x0 + o), at1 = _mm512_min_epi32(_mm512_add_epi32(at0, one), last);
    __m512 v0, v1;
    if (x0[o + count - 1] + 1 - base < 32) {
      const __mmask16 low = (__mmask16)(left >= 16 ? 0xffff : (1u << left) - 1);
      const __mmask16 high = (__mmask16)(left >= 32 ? 0xffff : left > 16 ? (1u << (left - 16)) - 1 : 0);
      const __m512 a = _mm512_maskz_loadu_ps(low, row + base);
      const __m512 b = high ? _mm512_maskz_loadu_ps(high, row + base + 16) : _mm512_setzero_ps();
      const __m512i from = _mm512_set1_epi32((int32_t)base);
      v0 = _mm512_permutex2var_ps(a, _mm512_sub_epi32(at0, from), b);
      v1 = _mm512_permutex2var_ps(a, _mm512_sub_epi32(at1, from), b);
    } else {
      v0 = _mm512_mask_i32gather_ps(_mm512_setzero_ps(), mask, at0, row, 4);
      v1 = _mm512_mask_i32gather_ps(_mm512_setzero_ps(), mask, at1, row, 4);
    }
    const __m512 w = _mm512_maskz_loadu_ps(mask, wx + o);
    const __m512 rest = _mm512_sub_ps(_mm512_set1_ps(1.0f), w);
    _mm512_mask_storeu_ps(wide + o, mask, _mm512_add_ps(_mm512_mul_ps(v0, rest), _mm512_mul_ps(v1, w)));
  }
}

#endif
