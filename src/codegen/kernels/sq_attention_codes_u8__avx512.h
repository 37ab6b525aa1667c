#ifndef SQ_ATTENTION_CODES_U8__AVX512_H
#define SQ_ATTENTION_CODES_U8__AVX512_H
/*
 * A row of logits to the probabilities' planes: the high bytes of table[code] (where any entry needs them) and the low ones,
 * in the key order of sq_attention_pack_u8__avx512.h. sq_attention_look_up_u8__avx512 is defined before this is included.
 */
#include <immintrin.h>

#include "sq_attention_u8.h"
#include "sq_exp2_f32__avx512.h"
#include "sq_math.h"

typedef struct {
  __m512i low[4], high[4]; /* bytes of the 256 entries */
  int planes;
} sq_attention_codes_u8__avx512_table;

SQ_UNUSED static inline sq_attention_codes_u8__avx512_table sq_attention_codes_u8__avx512_split(const sq_attention_u8_args *a) {
  uint8_t low[256], high[256];
  sq_attention_codes_u8__avx512_table t;
  t.planes = 1;
  for (int i = 0; i < 256; i++) {
    int32_t p = i < a->levels ? a->table[i] : 0;
    low[i] = (uint8_t)p, high[i] = (uint8_t)(p >> 8);
    if (p > 255) t.planes = 2;
  }
  for (int i = 0; i < 4; i++) {
    t.low[i] = _mm512_loadu_si512(low + 64 * i);
    t.high[i] = _mm512_loadu_si512(high + 64 * i);
  }
  return t;
}

/* agq: tau * (log2(sum16 e^(x - mx)) + log2_s). */
SQ_UNUSED static __attribute__((noinline)) float sq_attention_codes_u8__avx512_reference(const sq_attention_u8_args *a,
                                                                                         const float *x, float mx) {
  const __m512 max = _mm512_set1_ps(mx), log2e = _mm512_set1_ps(SQ_ATTENTION_U8_LOG2E);
  __m512 sum = _mm512_setzero_ps();
  for (int64_t j = 0; j < a->n; j += 16) {
    const __mmask16 mask = (__mmask16)(a->n - j >= 16 ? 0xffff : (1 << (a->n - j)) - 1);
    const __m512 e = sq_exp2_f32__avx512(_mm512_mul_ps(_mm512_sub_ps(_mm512_loadu_ps(x + j), max), log2e));
    sum = _mm512_mask_add_ps(sum, mask, sum, e);
  }
  float lanes[16];
  _mm512_storeu_ps(lanes, sum);
  return a->tau * (sq_log2_f32(sq_tree16_f32(lanes)) + a->log2_s);
}

/* rne(limit(t)) for 16 logits, as 32-bit integers; too large by `offset` for row_log2, possibly negative: a pack limits it. */
SQ_UNUSED static inline __attribute__((always_inline)) __m512i sq_attention_codes_u8__avx512_round(const int kind, __m512 x,
                                                                                                   __m512 mx, __m512 scale,
                                                                                                   __m512 shift, __m512 high) {
  __m512 t;
  if (kind == SQ_ATTENTION_ROW_UNIFORM) {
    t = sq_exp2_f32__avx512(_mm512_mul_ps(_mm512_sub_ps(x, mx), _mm512_set1_ps(SQ_ATTENTION_U8_LOG2E)));
    t = _mm512_min_ps(_mm512_max_ps(_mm512_mul_ps(t, high), _mm512_setzero_ps()), high);
  } else {
    t = _mm512_mul_ps(_mm512_sub_ps(mx, x), scale);
    if (kind == SQ_ATTENTION_AGQ) t = _mm512_add_ps(t, shift);
    t = _mm512_min_ps(t, high);
  }
  return _mm512_cvt_roundps_epi32(t, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* kind and small (levels <= 64) are constants where this is called. Returns D. */
SQ_UNUSED static inline __attribute__((always_inline)) int32_t sq_attention_codes_u8__avx512_row(
    const int kind, const int small, const sq_attention_u8_args *a, const sq_attention_codes_u8__avx512_table *table,
    const float *x, float max, float reference, uint8_t *high, uint8_t *low) {
  const int32_t offset = kind == SQ_ATTENTION_ROW_LOG2 ? a->offset : 0;
  const __m512 mx = _mm512_set1_ps(max), scale = _mm512_set1_ps(a->t_scale), shift = _mm512_set1_ps(reference);
  const __m512 top = _mm512_set1_ps((float)(a->levels - 1 + offset));
  const __m512i offsets = _mm512_set1_epi16((short)offset), ones = _mm512_set1_epi8(1);
  __m512i low_sum = _mm512_setzero_si512(), high_sum = low_sum;
  for (int64_t j = 0; j < a->n; j += 64) {
    const __m512i c0 = sq_attention_codes_u8__avx512_round(kind, _mm512_loadu_ps(x + j), mx, scale, shift, top);
    const __m512i c1 = sq_attention_codes_u8__avx512_round(kind, _mm512_loadu_ps(x + j + 16), mx, scale, shift, top);
    const __m512i c2 = sq_attention_codes_u8__avx512_round(kind, _mm512_loadu_ps(x + j + 32), mx, scale, shift, top);
    const __m512i c3 = sq_attention_codes_u8__avx512_round(kind, _mm512_loadu_ps(x + j + 48), mx, scale, shift, top);
    __m512i c01 = _mm512_packs_epi32(c0, c1), c23 = _mm512_packs_epi32(c2, c3);
    if (kind == SQ_ATTENTION_ROW_LOG2) {
      c01 = _mm512_subs_epi16(c01, offsets);
      c23 = _mm512_subs_epi16(c23, offsets);
    }
    const __m512i codes = _mm512_packus_epi16(c01, c23);
    __mmask64 mask = ~(__mmask64)0;
    if (a->n - j < 64) {
      /* Byte 16l + 4v + e has key 16v + 4l + e. */
      const __m512i keys = _mm512_add_epi8(
          _mm512_set4_epi32(0x33323130, 0x23222120, 0x13121110, 0x03020100),
          _mm512_set_epi32(0x0c0c0c0c, 0x0c0c0c0c, 0x0c0c0c0c, 0x0c0c0c0c, 0x08080808, 0x08080808, 0x08080808, 0x08080808, 0x04040404,
                           0x04040404, 0x04040404, 0x04040404, 0, 0, 0, 0));
      mask = _mm512_cmplt_epu8_mask(keys, _mm512_set1_epi8((char)(a->n - j)));
    }
    const __m512i p = _mm512_maskz_mov_epi8(mask, sq_attention_look_up_u8__avx512(table->low, codes, small));
    _mm512_storeu_si512(low + j, p);
    low_sum = _mm512_dpbusd_epi32(low_sum, p, ones);
    if (table->planes == 2) {
      const __m512i h = _mm512_maskz_mov_epi8(mask, sq_attention_look_up_u8__avx512(table->high, codes, small));
      _mm512_storeu_si512(high + j, h);
      high_sum = _mm512_dpbusd_epi32(high_sum, h, ones);
    }
  }
  return (int32_t)(_mm512_reduce_add_epi32(low_sum) + 256 * _mm512_reduce_add_epi32(high_sum));
}

/* One row: x [n, readable up to the next multiple of 64], its maximum; the planes get n rounded up to 64 bytes. Returns D. */
SQ_UNUSED static __attribute__((noinline)) int32_t sq_attention_codes_u8__avx512_run(
    const sq_attention_u8_args *a, const sq_attention_codes_u8__avx512_table *table, const float *x, float max, uint8_t *high,
    uint8_t *low) {
  const float reference = a->kind == SQ_ATTENTION_AGQ ? sq_attention_codes_u8__avx512_reference(a, x, max) : 0.0f;
  const int small = a->levels <= 64;
#define SQ_ATTENTION_CODES_U8__AVX512_CASE(KIND) \
  if (a->kind == KIND) \
    return small ? sq_attention_codes_u8__avx512_row(KIND, 1, a, table, x, max, reference, high, low) \
                 : sq_attention_codes_u8__avx512_row(KIND, 0, a, table, x, max, reference, high, low);
  SQ_ATTENTION_CODES_U8__AVX512_CASE(SQ_ATTENTION_ROW_LOG2)
  SQ_ATTENTION_CODES_U8__AVX512_CASE(SQ_ATTENTION_ROW_UNIFORM)
  return small ? sq_attention_codes_u8__avx512_row(SQ_ATTENTION_AGQ, 1, a, table, x, max, reference, high, low)
               : sq_attention_codes_u8__avx512_row(SQ_ATTENTION_AGQ, 0, a, table, x, max, reference, high, low);
#undef SQ_ATTENTION_CODES_U8__AVX512_CASE
}

#endif
