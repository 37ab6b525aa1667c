#ifndef SQ_ATTENTION_PACK_F32_AVX512_H
#define SQ_ATTENTION_PACK_F32_AVX512_H
/* sq_attention_f32_pack with AVX-512: transposes 16 rows by 16 channels at a time in registers. */
#include <immintrin.h>

#include "sq_attention_body_f32.h"

/* to[t * stride + j] = row j's channel t, for t < channels <= 16; row j at rows[j] + first, or zero. */
SQ_UNUSED static inline void sq_attention_f32_transpose_avx512(const float *const *rows, int64_t count, int64_t first,
                                                               int64_t channels, float *to, int64_t stride) {
  const __mmask16 mask = (__mmask16)((1u << channels) - 1u);
  __m512 a[16], b[16];
  for (int j = 0; j < 16; j++)
    a[j] = j < count && rows[j] ? _mm512_maskz_loadu_ps(mask, rows[j] + first) : _mm512_setzero_ps();
  for (int j = 0; j < 16; j += 2) { /* pairs of rows, then fours: 4 x 4 blocks in each 128-bit lane */
    b[j] = _mm512_unpacklo_ps(a[j], a[j + 1]);
    b[j + 1] = _mm512_unpackhi_ps(a[j], a[j + 1]);
  }
  for (int j = 0; j < 16; j += 4) {
    a[j] = _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(b[j]), _mm512_castps_pd(b[j + 2])));
    a[j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(b[j]), _mm512_castps_pd(b[j + 2])));
    a[j + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(b[j + 1]), _mm512_castps_pd(b[j + 3])));
    a[j + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(b[j + 1]), _mm512_castps_pd(b[j + 3])));
  }
  for (int t = 0; t < 4; t++) { /* lane s of a[4g + t] is channel 4s + t of rows 4g..4g+3 */
    __m512 low01 = _mm512_shuffle_f32x4(a[t], a[4 + t], 0x44), high01 = _mm512_shuffle_f32x4(a[t], a[4 + t], 0xee);
    __m512 low23 = _mm512_shuffle_f32x4(a[8 + t], a[12 + t], 0x44), high23 = _mm512_shuffle_f32x4(a[8 + t], a[12 + t], 0xee);
    b[t] = _mm512_shuffle_f32x4(low01, low23, 0x88);
    b[4 + t] = _mm512_shuffle_f32x4(low01, low23, 0xdd);
    b[8 + t] = _mm512_shuffle_f32x4(high01, high23, 0x88);
    b[12 + t] = _mm512_shuffle_f32x4(high01, high23, 0xdd);
  }
  for (int t = 0; t < 16; t++)
    if (t < channels) _mm512_storeu_ps(to + t * stride, b[t]);
}

/* A panel of up to 16 keys has only its first half written: the tile of half the width reads no more. */
SQ_UNUSED static inline void sq_attention_f32_pack_avx512(const float *const *rows, int64_t count, int64_t channels,
                                                          int64_t nr, float *panel) {
  for (int64_t j = 0; j < count; j += 16)
    for (int64_t ch = 0; ch < channels; ch += 16)
      sq_attention_f32_transpose_avx512(rows + j, count - j, ch, sq_min_i64(16, channels - ch), panel + ch * nr + j, nr);
}

#endif
