#ifndef SQ_ATTENTION_PACK_U8__AVX512_H
#define SQ_ATTENTION_PACK_U8__AVX512_H
/*
 * The keys and values of one head (and window) in the layout of the register tile (sq_gemm_u8s8__avx512vnni.h).
 *
 * Keys come in strips of 16: a row of the key grid is ceil(width / 16) strips. Two strips make a block of 32 columns.
 */
#include <immintrin.h>

#include "sq_attention_u8.h"
#include "sq_transpose_tile_32__avx512.h"

/* One head's keys: rows of the grid (1 without relative positions), their width, and the strips of each. */
typedef struct {
  int64_t rows, width, strips;
} sq_attention_pack_u8__avx512_keys;

SQ_UNUSED static inline sq_attention_pack_u8__avx512_keys sq_attention_pack_u8__avx512_grid(const sq_attention_u8_args *a) {
  sq_attention_pack_u8__avx512_keys keys = {1, a->n, 0};
  if (a->rel_h) keys.rows = a->rel_kh, keys.width = a->rel_kw;
  keys.strips = sq_ceil_div_i64(keys.width, 16);
  return keys;
}

/* Token j of a window at (y0, x0), or of the whole sequence; the padding's row outside the grid. */
SQ_UNUSED static inline const uint8_t *sq_attention_pack_u8__avx512_token(const sq_attention_u8_args *a, const uint8_t *tokens,
                                                                          int64_t row, const uint8_t *pad, int64_t y0,
                                                                          int64_t x0, int64_t j) {
  if (a->win_h <= 0) return tokens + j * row;
  int64_t y = y0 + j / a->win_w, x = x0 + j % a->win_w;
  return y < a->grid_h && x < a->grid_w ? tokens + (y * a->grid_w + x) * row : pad;
}

/* The words of 16 keys of at most 16 channels, `row` bytes apart: word g of all keys to words[g]. */
SQ_UNUSED static inline void sq_attention_pack_u8__avx512_narrow(const uint8_t *k, int64_t row, __mmask16 mask, __m512i offset,
                                                                 __m512i words[4]) {
  __m512i r[4];
  /* Lane l of r[i] has key 4l + i. */
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_maskz_loadu_epi8(mask, k + i * row)),
                                                _mm_maskz_loadu_epi8(mask, k + (i + 4) * row), 1);
    const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_maskz_loadu_epi8(mask, k + (i + 8) * row)),
                                                 _mm_maskz_loadu_epi8(mask, k + (i + 12) * row), 1);
    const __mmask64 all = (__mmask64)mask * UINT64_C(0x0001000100010001);
    r[i] = _mm512_maskz_sub_epi8(all, _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1), offset);
  }
  const __m512i low01 = _mm512_unpacklo_epi32(r[0], r[1]), high01 = _mm512_unpackhi_epi32(r[0], r[1]);
  const __m512i low23 = _mm512_unpacklo_epi32(r[2], r[3]), high23 = _mm512_unpackhi_epi32(r[2], r[3]);
  words[0] = _mm512_unpacklo_epi64(low01, low23), words[1] = _mm512_unpackhi_epi64(low01, low23);
  words[2] = _mm512_unpacklo_epi64(high01, high23), words[3] = _mm512_unpackhi_epi64(high01, high23);
}

/*
 * k - k_offset as values [block][C4][32][4] and terms[key] = -zq * sum_ch (k - k_offset), in the order of the strips; zeros
 * for keys and channels that are not there.
 */
SQ_UNUSED static __attribute__((noinline)) void sq_attention_pack_u8__avx512_k(const sq_attention_u8_args *a, const uint8_t *k,
                                                                               const uint8_t *pad, int64_t y0, int64_t x0,
                                                                               int8_t *values, int32_t *terms) {
  const sq_attention_pack_u8__avx512_keys keys = sq_attention_pack_u8__avx512_grid(a);
  const int64_t groups = sq_ceil_div_i64(a->c, 4), strips = sq_attention_u8_padded_keys(a) / 16;
  const __m512i offset = _mm512_set1_epi8((char)(uint8_t)a->k_offset), ones = _mm512_set1_epi8(1);
  for (int64_t s = 0; s < strips; s++) {
    const int64_t ky = s / keys.strips, kx = s % keys.strips * 16;
    const int64_t count = ky < keys.rows ? sq_min_i64(16, keys.width - kx) : 0;
    int8_t *to = values + (s / 2 * groups * 32 + s % 2 * 16) * 4;
    __m512i sums = _mm512_setzero_si512();
    if (a->c <= 16 && count == 16 && a->win_h <= 0) {
      __m512i words[4];
      const uint8_t *from = k + (ky * keys.width + kx) * a->k_row;
      sq_attention_pack_u8__avx512_narrow(from, a->k_row, (__mmask16)((1u << a->c) - 1u), offset, words);
#pragma GCC unroll 4
      for (int g = 0; g < 4; g++) {
        if (g < groups) _mm512_storeu_si512(to + g * 128, words[g]);
        sums = _mm512_dpbusd_epi32(sums, ones, words[g]);
      }
      _mm512_storeu_si512(terms + s * 16, _mm512_mullo_epi32(sums, _mm512_set1_epi32(-a->zq)));
      continue;
    }
    for (int64_t ch = 0; ch < a->c; ch += 64) {
      const __mmask64 mask = a->c - ch >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << (a->c - ch)) - 1;
      __m512i r[16];
#pragma GCC unroll 16
      for (int l = 0; l < 16; l++) {
        r[l] = _mm512_setzero_si512();
        if (l < count) {
          const uint8_t *from = sq_attention_pack_u8__avx512_token(a, k, a->k_row, pad, y0, x0, ky * keys.width + kx + l);
          r[l] = _mm512_maskz_sub_epi8(mask, _mm512_maskz_loadu_epi8(mask, from + ch), offset);
        }
      }
      sq_transpose_tile_32__avx512(r);
      const int64_t group = ch / 4;
#pragma GCC unroll 16
      for (int g = 0; g < 16; g++) {
        if (group + g < groups) _mm512_storeu_si512(to + (group + g) * 128, r[g]);
        sums = _mm512_dpbusd_epi32(sums, ones, r[g]);
      }
    }
    _mm512_storeu_si512(terms + s * 16, _mm512_mullo_epi32(sums, _mm512_set1_epi32(-a->zq)));
  }
}

/* Groups of four keys up to the last that has one, in the order of the values (below). */
SQ_UNUSED static inline int64_t sq_attention_pack_u8__avx512_groups(int64_t n) {
  const int64_t left = n % 64, quad = sq_min_i64(3, (left - 1) / 4);
  return n / 64 * 16 + (left > 0 ? 4 * quad + (left - 1 - 4 * quad) / 16 + 1 : 0);
}

/*
 * v - 128 as values [ceil(cv / 32)][keys / 4][32][4], keys = n rounded up to 64. Within each 64 keys the groups of four are
 * in the order in which the codes of probabilities are packed: group d has keys 16 * (d % 4) + 4 * (d / 4) + 0..3. Keys and
 * channels that are not there get any value: their probability, or result, is not used.
 */
SQ_UNUSED static __attribute__((noinline)) void sq_attention_pack_u8__avx512_v(const sq_attention_u8_args *a, const uint8_t *v,
                                                                               const uint8_t *pad, int64_t y0, int64_t x0,
                                                                               int8_t *values) {
  const int64_t groups = sq_attention_u8_round(a->n, 64) / 4, channels = sq_attention_u8_round(a->cv, 32);
  const __m512i sign = _mm512_set1_epi8((char)0x80);
  for (int64_t g = 0; g < groups; g++) {
    const int64_t d = g % 16, first = (g - d) * 4 + 16 * (d % 4) + 4 * (d / 4);
    const uint8_t *row[4];
    for (int64_t e = 0; e < 4; e++)
      row[e] = sq_attention_pack_u8__avx512_token(a, v, a->v_row, pad, y0, x0, sq_min_i64(first + e, a->n - 1));
    for (int64_t ch = 0; ch < channels; ch += 64) {
      const __mmask64 mask = a->cv - ch >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << (a->cv - ch)) - 1;
      const __m512i r0 = _mm512_xor_si512(_mm512_maskz_loadu_epi8(mask, row[0] + ch), sign);
      const __m512i r1 = _mm512_xor_si512(_mm512_maskz_loadu_epi8(mask, row[1] + ch), sign);
      const __m512i r2 = _mm512_xor_si512(_mm512_maskz_loadu_epi8(mask, row[2] + ch), sign);
      const __m512i r3 = _mm512_xor_si512(_mm512_maskz_loadu_epi8(mask, row[3] + ch), sign);
      const __m512i lo01 = _mm512_unpacklo_epi8(r0, r1), hi01 = _mm512_unpackhi_epi8(r0, r1);
      const __m512i lo23 = _mm512_unpacklo_epi8(r2, r3), hi23 = _mm512_unpackhi_epi8(r2, r3);
      /* Lane group l of q0..q3: channels 16l + 0..3, 4..7, 8..11, 12..15. */
      const __m512i q0 = _mm512_unpacklo_epi16(lo01, lo23), q1 = _mm512_unpackhi_epi16(lo01, lo23);
      const __m512i q2 = _mm512_unpacklo_epi16(hi01, hi23), q3 = _mm512_unpackhi_epi16(hi01, hi23);
      const __m512i s0 = _mm512_shuffle_i32x4(q0, q1, 0x44), s1 = _mm512_shuffle_i32x4(q2, q3, 0x44);
      const __m512i s2 = _mm512_shuffle_i32x4(q0, q1, 0xee), s3 = _mm512_shuffle_i32x4(q2, q3, 0xee);
      int8_t *to = values + (ch / 32 * groups + g) * 128;
      _mm512_storeu_si512(to, _mm512_shuffle_i32x4(s0, s1, 0x88));
      _mm512_storeu_si512(to + 64, _mm512_shuffle_i32x4(s0, s1, 0xdd));
      if (ch + 32 >= channels) continue;
      to += groups * 128;
      _mm512_storeu_si512(to, _mm512_shuffle_i32x4(s2, s3, 0x88));
      _mm512_storeu_si512(to + 64, _mm512_shuffle_i32x4(s2, s3, 0xdd));
    }
  }
}

#endif
