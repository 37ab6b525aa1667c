#ifndef SQ_ATTENTION_FEW_U8__AVX512_H
#define SQ_ATTENTION_FEW_U8__AVX512_H
/*
 * Many queries, at most 16 keys of at most 16 channels (the pixels of SAM's decoder that look at its tokens): the logits of a
 * query are one vector, the probabilities of four queries another, so that no vector is mostly padding.
 */
#include "sq_attention_codes_u8__avx512.h"
#include "sq_attention_pack_u8__avx512.h"
#include "sq_attention_u8.h"

#define SQ_ATTENTION_FEW_U8__AVX512_QUERIES 12 /* of a tile: a multiple of four */

SQ_UNUSED static inline int sq_attention_few_u8__avx512_fits(const sq_attention_u8_args *a) {
  return a->n <= 16 && a->cv <= 16 && !a->rel_h && !a->bias && a->kind != SQ_ATTENTION_AGQ;
}

/* The largest of the n first lanes, in all lanes. */
SQ_UNUSED static inline __m512 sq_attention_few_u8__avx512_max(__m512 x, __mmask16 keys) {
  x = _mm512_mask_mov_ps(_mm512_set1_ps(sq_from_bits_f32(0xff800000u)), keys, x);
  x = _mm512_max_ps(x, _mm512_shuffle_f32x4(x, x, 0x4e));
  x = _mm512_max_ps(x, _mm512_shuffle_f32x4(x, x, 0xb1));
  x = _mm512_max_ps(x, _mm512_permute_ps(x, 0x4e));
  return _mm512_max_ps(x, _mm512_permute_ps(x, 0xb1));
}

/* Word v of the result: the bytes of query v. Word 4l + v of p has its keys 4l .. 4l + 3. */
SQ_UNUSED static inline __m128i sq_attention_few_u8__avx512_total(__m512i p) {
  const __m512i sums = _mm512_dpbusd_epi32(_mm512_setzero_si512(), p, _mm512_set1_epi8(1));
  const __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(sums), _mm512_extracti64x4_epi64(sums, 1));
  return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

/* acc [4][16] = the probabilities of four queries times packed values. */
SQ_UNUSED static inline void sq_attention_few_u8__avx512_weigh(__m512i p, int64_t n, const int8_t *v, int32_t *acc) {
  int32_t words[16];
  __m512i sum[4];
  _mm512_storeu_si512(words, p);
#pragma GCC unroll 4
  for (int r = 0; r < 4; r++) sum[r] = _mm512_setzero_si512();
  for (int64_t l = 0; 4 * l < n; l++) {
    const __m512i values = _mm512_loadu_si512(v + 4 * l * 128); /* sq_attention_pack_u8__avx512.h: keys 4l .. 4l + 3 */
#pragma GCC unroll 4
    for (int r = 0; r < 4; r++) sum[r] = _mm512_dpbusd_epi32(sum[r], _mm512_set1_epi32(words[4 * l + r]), values);
  }
#pragma GCC unroll 4
  for (int r = 0; r < 4; r++) _mm512_storeu_si512(acc + 16 * r, sum[r]);
}

/*
 * Four queries: sums [4][32] of products with the keys, v packed. high and low [4][16]: the planes' sums of probabilities times
 * values (high where the table has two); total [4]. kind is a constant where this is called.
 */
SQ_UNUSED static inline __attribute__((always_inline)) void sq_attention_few_u8__avx512_four(
    const int kind, const sq_attention_u8_args *a, const sq_attention_codes_u8__avx512_table *table, const int32_t *sums, const int8_t *v,
    int32_t *high, int32_t *low, int32_t *total) {
  const int32_t offset = kind == SQ_ATTENTION_ROW_LOG2 ? a->offset : 0;
  const __mmask16 keys = (__mmask16)((1u << a->n) - 1);
  const __m512 scale = _mm512_set1_ps(a->logit_scale), t_scale = _mm512_set1_ps(a->t_scale), zero = _mm512_setzero_ps();
  const __m512 top = _mm512_set1_ps((float)(a->levels - 1 + offset));
  const __m512i offsets = _mm512_set1_epi16((short)offset);
  __m512i c[4];
#pragma GCC unroll 4
  for (int r = 0; r < 4; r++) {
    const __m512 x = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_loadu_si512(sums + 32 * r)), scale);
    c[r] = sq_attention_codes_u8__avx512_round(kind, x, sq_attention_few_u8__avx512_max(x, keys), t_scale, zero, top);
  }
  __m512i c01 = _mm512_packs_epi32(c[0], c[1]), c23 = _mm512_packs_epi32(c[2], c[3]);
  if (kind == SQ_ATTENTION_ROW_LOG2) c01 = _mm512_subs_epi16(c01, offsets), c23 = _mm512_subs_epi16(c23, offsets);
  const __m512i codes = _mm512_packus_epi16(c01, c23);
  /* Byte 16l + 4v + e has key 4l + e of query v. */
  const __m512i key = _mm512_add_epi8(_mm512_set1_epi32(0x03020100),
                                      _mm512_set_epi32(0x0c0c0c0c, 0x0c0c0c0c, 0x0c0c0c0c, 0x0c0c0c0c, 0x08080808, 0x08080808, 0x08080808,
                                                       0x08080808, 0x04040404, 0x04040404, 0x04040404, 0x04040404, 0, 0, 0, 0));
  const __mmask64 mask = _mm512_cmplt_epu8_mask(key, _mm512_set1_epi8((char)a->n));
  const int small = a->levels <= 64;
  const __m512i p = _mm512_maskz_mov_epi8(mask, sq_attention_look_up_u8__avx512(table->low, codes, small));
  __m128i d = sq_attention_few_u8__avx512_total(p);
  sq_attention_few_u8__avx512_weigh(p, a->n, v, low);
  if (table->planes == 2) {
    const __m512i h = _mm512_maskz_mov_epi8(mask, sq_attention_look_up_u8__avx512(table->high, codes, small));
    d = _mm_add_epi32(d, _mm_slli_epi32(sq_attention_few_u8__avx512_total(h), 8));
    sq_attention_few_u8__avx512_weigh(h, a->n, v, high);
  }
  _mm_storeu_si128((__m128i *)(void *)total, d);
}

#endif
