#ifndef SQ_ATTENTION_ROW_U8__AVX2_H
#define SQ_ATTENTION_ROW_U8__AVX2_H
/*
 * The functions of sq_attention_row_u8.h that take the time, eight keys at a time. Rows have room for 64 elements more than n:
 * vectors may hang over, what they read there is not used.
 */
#include <immintrin.h>

#include "sq_attention_row_u8.h"
#include "sq_gemm_u8s8__avx2.h"

/* Lanes j with j < count. */
SQ_UNUSED static inline __m256i sq_attention_row_u8__avx2_first(int64_t count) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int32_t)sq_min_i64(count, 8)), lane);
}

/* rel[key] = float(sum_ch (q[ch] - zq) * R[key][ch]) * scale, from one packed slice; q [C4 * 4] as 16 bits. */
SQ_UNUSED static inline void sq_attention_row_u8__avx2_relative(const sq_attention_u8_args *a, const int16_t *q, const int8_t *tables,
                                                                int64_t slice, int64_t keys, float scale, float *rel) {
  const int64_t padded = sq_attention_u8_round(keys, 16), groups = sq_ceil_div_i64(a->c, 4);
  const int8_t *table = tables + slice * padded * 4 * (1 + groups);
  for (int64_t j = 0; j < padded; j += 8) {
    const int8_t *values = table + 4 * padded + 4 * j;
    __m256i low = _mm256_setzero_si256(), high = low; /* halves of the sums of four keys each */
    for (int64_t g = 0; g < groups; g++, values += 4 * padded) {
      const __m256i x = _mm256_set1_epi64x(*(const sq_gemm_u8s8__avx2_quad *)(const void *)(q + 4 * g));
      const __m128i *eight = (const __m128i *)(const void *)values;
      low = _mm256_add_epi32(low, _mm256_madd_epi16(x, _mm256_cvtepi8_epi16(_mm_loadu_si128(eight))));
      high = _mm256_add_epi32(high, _mm256_madd_epi16(x, _mm256_cvtepi8_epi16(_mm_loadu_si128(eight + 1))));
    }
    const __m256i sum = _mm256_permute4x64_epi64(_mm256_hadd_epi32(low, high), 0xd8);
    const __m256i terms = _mm256_loadu_si256((const __m256i *)(const void *)(table + 4 * j));
    _mm256_storeu_ps(rel + j, _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_add_epi32(sum, terms)), _mm256_set1_ps(scale)));
  }
}

/* The greatest lane, none of which is NaN. */
SQ_UNUSED static inline float sq_attention_row_u8__avx2_greatest(__m256 lanes) {
  __m128 m = _mm_max_ps(_mm256_castps256_ps128(lanes), _mm256_extractf128_ps(lanes, 1));
  m = _mm_max_ps(m, _mm_movehl_ps(m, m));
  return _mm_cvtss_f32(_mm_max_ss(m, _mm_shuffle_ps(m, m, 1)));
}

/* x[j] from the exact sums, for one query; returns the maximum. A line of keys writes over what hung over from the one before. */
SQ_UNUSED static inline float sq_attention_row_u8__avx2_logits(const sq_attention_u8_args *a, const int32_t *sums, const float *rel_h,
                                                               const float *rel_w, const float *bias, float *x) {
  const __m256 scale = _mm256_set1_ps(a->logit_scale), least = _mm256_set1_ps(sq_from_bits_f32(0xff800000u));
  const int64_t lines = rel_h ? a->rel_kh : 1, width = rel_h ? a->rel_kw : a->n;
  __m256 most = least;
  for (int64_t y = 0; y < lines; y++, sums += width, x += width) {
    const __m256 rh = _mm256_set1_ps(rel_h ? rel_h[y] : 0.0f);
    for (int64_t j = 0; j < width; j += 8) {
      __m256 v = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_loadu_si256((const __m256i *)(const void *)(sums + j))), scale);
      if (rel_h) v = _mm256_add_ps(_mm256_add_ps(v, rh), _mm256_loadu_ps(rel_w + j));
      const __m256i inside = sq_attention_row_u8__avx2_first(width - j);
      if (bias) v = _mm256_add_ps(v, _mm256_maskload_ps(bias + y * width + j, inside));
      _mm256_storeu_ps(x + j, v);
      most = _mm256_max_ps(_mm256_blendv_ps(least, v, _mm256_castsi256_ps(inside)), most);
    }
  }
  return sq_attention_row_u8__avx2_greatest(most);
}

/*
 * A table is computed instead of read where that gives its very entries. row_uniform: an entry is its code. row_log2:
 * 2^(-code / tau) is one of tau <= 16 numbers, those of the first codes, times a power of two that only moves the exponent;
 * rounded.
 */
typedef struct {
  int computed;
  int32_t shift; /* log2(tau) */
  float of_first[16];
} sq_attention_row_u8__avx2_table;

/* Values of eight codes in [0, levels). */
SQ_UNUSED static inline __m256i sq_attention_row_u8__avx2_values(__m256i codes, __m256 low, __m256 high, __m128i shift, __m256i first,
                                                                 __m256i last) {
  const __m256i in_sixteen = _mm256_and_si256(codes, first);
  const __m256 from_low = _mm256_permutevar8x32_ps(low, in_sixteen), from_high = _mm256_permutevar8x32_ps(high, in_sixteen);
  const __m256 power = _mm256_blendv_ps(from_low, from_high, _mm256_castsi256_ps(_mm256_slli_epi32(in_sixteen, 28)));
  const __m256i exponent = _mm256_slli_epi32(_mm256_min_epi32(_mm256_srl_epi32(codes, shift), _mm256_set1_epi32(31)), 23);
  const __m256i value = _mm256_cvtps_epi32(_mm256_castsi256_ps(_mm256_sub_epi32(_mm256_castps_si256(power), exponent)));
  return _mm256_andnot_si256(_mm256_cmpeq_epi32(codes, last), value);
}

#define SQ_ATTENTION_ROW_U8__AVX2_CONSTANTS(t, a) \
  const __m256 low = _mm256_loadu_ps((t)->of_first), high = _mm256_loadu_ps((t)->of_first + 8); \
  const __m128i shift = _mm_cvtsi32_si128((t)->shift); \
  const __m256i first = _mm256_set1_epi32((1 << (t)->shift) - 1), last = _mm256_set1_epi32((a)->levels - 1)

SQ_UNUSED static sq_attention_row_u8__avx2_table sq_attention_row_u8__avx2_look(const sq_attention_u8_args *a) {
  sq_attention_row_u8__avx2_table t = {0};
  if (a->kind == SQ_ATTENTION_AGQ) return t;
  if (a->kind == SQ_ATTENTION_ROW_UNIFORM) {
    t.computed = 1;
    for (int32_t code = 0; code < a->levels; code++) t.computed &= a->table[code] == code;
    return t;
  }
  while (t.shift < 4 && (float)(1 << t.shift) < a->tau) t.shift++;
  const int32_t tau = 1 << t.shift;
  for (int32_t i = 0; i < 16; i++) t.of_first[i] = 32767.0f * sq_exp2_f32(-(float)(i % tau) / (float)tau);
  SQ_ATTENTION_ROW_U8__AVX2_CONSTANTS(&t, a);
  for (int32_t code = 0; code < a->levels; code += 8) {
    int32_t values[8];
    const __m256i codes = _mm256_add_epi32(_mm256_set1_epi32(code), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    _mm256_storeu_si256((__m256i *)(void *)values, sq_attention_row_u8__avx2_values(codes, low, high, shift, first, last));
    for (int32_t i = 0; i < 8 && code + i < a->levels; i++)
      if (values[i] != a->table[code + i]) return t;
  }
  t.computed = 1;
  return t;
}

/* rne(limit(2^x * top, 0, top)), the operations of sq_exp2_f32; below 2^-30 all is zero, so that one scaling does. x <= 0. */
SQ_UNUSED static inline __m256i sq_attention_row_u8__avx2_exp2(__m256 x, __m256 top) {
  const __m256 magic = _mm256_set1_ps(12582912.0f), c = _mm256_max_ps(_mm256_set1_ps(-30.0f), x); /* NaN stays */
  const __m256 t = _mm256_add_ps(c, magic), r = _mm256_sub_ps(c, _mm256_sub_ps(t, magic));
  __m256 p = _mm256_set1_ps(0.000153533401f);
  p = _mm256_add_ps(_mm256_mul_ps(p, r), _mm256_set1_ps(0.00133989006f));
  p = _mm256_add_ps(_mm256_mul_ps(p, r), _mm256_set1_ps(0.00961843785f));
  p = _mm256_add_ps(_mm256_mul_ps(p, r), _mm256_set1_ps(0.0555033237f));
  p = _mm256_add_ps(_mm256_mul_ps(p, r), _mm256_set1_ps(0.240226477f));
  p = _mm256_add_ps(_mm256_mul_ps(p, r), _mm256_set1_ps(0.693147182f));
  p = _mm256_add_ps(_mm256_mul_ps(p, r), _mm256_set1_ps(1.0f));
  const __m256i power = _mm256_slli_epi32(_mm256_sub_epi32(_mm256_castps_si256(t), _mm256_set1_epi32(0x4b400000 - 127)), 23);
  p = _mm256_mul_ps(_mm256_mul_ps(p, _mm256_castsi256_ps(power)), top);
  return _mm256_cvtps_epi32(_mm256_min_ps(_mm256_max_ps(p, _mm256_setzero_ps()), top));
}

/* p[j] = table[code(x[j])], zeros up to the next multiple of 16; returns D. kind is a constant where this is called. */
SQ_UNUSED static inline __attribute__((always_inline)) int32_t sq_attention_row_u8__avx2_sixteens(
    const sq_attention_u8_args *a, const sq_attention_row_u8__avx2_table *t, const int kind, const float *x, float mx, int16_t *p) {
  SQ_ATTENTION_ROW_U8__AVX2_CONSTANTS(t, a);
  const __m256 most = _mm256_set1_ps(mx), scale = _mm256_set1_ps(a->t_scale), log2e = _mm256_set1_ps(SQ_ATTENTION_U8_LOG2E);
  const float levels = (float)(a->levels - 1);
  const __m256 bottom = _mm256_set1_ps((float)a->offset), top = _mm256_set1_ps((float)a->offset + levels), whole = _mm256_set1_ps(levels);
  const __m256i offset = _mm256_set1_epi32(a->offset);
  __m256i total = _mm256_setzero_si256();
  for (int64_t j = 0; j < a->n; j += 16) {
    __m256i value[2];
    for (int half = 0; half < 2; half++) {
      const __m256 v = _mm256_loadu_ps(x + j + 8 * half);
      if (kind == SQ_ATTENTION_ROW_UNIFORM) {
        value[half] = sq_attention_row_u8__avx2_exp2(_mm256_mul_ps(_mm256_sub_ps(v, most), log2e), whole);
      } else {
        const __m256 d = _mm256_max_ps(_mm256_min_ps(_mm256_mul_ps(_mm256_sub_ps(most, v), scale), top), bottom);
        const __m256i codes = _mm256_sub_epi32(_mm256_cvtps_epi32(d), offset);
        value[half] = sq_attention_row_u8__avx2_values(codes, low, high, shift, first, last);
      }
    }
    if (j + 16 > a->n) {
      value[0] = _mm256_and_si256(value[0], sq_attention_row_u8__avx2_first(a->n - j));
      value[1] = _mm256_and_si256(value[1], sq_attention_row_u8__avx2_first(a->n - j - 8));
    }
    total = _mm256_add_epi32(total, _mm256_add_epi32(value[0], value[1]));
    const __m256i both = _mm256_permute4x64_epi64(_mm256_packs_epi32(value[0], value[1]), 0xd8);
    _mm256_storeu_si256((__m256i *)(void *)(p + j), both);
  }
  const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(total), _mm256_extracti128_si256(total, 1));
  const __m128i two = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0xb1)));
}

/* p[j] = table[code(x[j])], zeros up to the next multiple of 4; returns D. */
SQ_UNUSED static inline int32_t sq_attention_row_u8__avx2_probabilities(const sq_attention_u8_args *a,
                                                                        const sq_attention_row_u8__avx2_table *t, const float *x, float mx,
                                                                        int16_t *p) {
  if (t->computed && a->kind == SQ_ATTENTION_ROW_LOG2) return sq_attention_row_u8__avx2_sixteens(a, t, SQ_ATTENTION_ROW_LOG2, x, mx, p);
  if (t->computed) return sq_attention_row_u8__avx2_sixteens(a, t, SQ_ATTENTION_ROW_UNIFORM, x, mx, p);
  const int32_t total = sq_attention_row_u8_probabilities(a, x, mx, p);
  for (int64_t j = a->n; j % 4 != 0; j++) p[j] = 0;
  return total;
}

typedef uint32_t sq_attention_row_u8__avx2_word __attribute__((aligned(1), may_alias));

/* Four results from their exact sums, to out + at: channels [0, count). */
SQ_UNUSED static inline void sq_attention_row_u8__avx2_finish(const sq_attention_u8_args *a, __m256d sums, int32_t total, int64_t at,
                                                              int64_t count) {
  const __m128 n = _mm256_cvtpd_ps(sums); /* one rounding: the sums are below 2^52 */
  __m128 result = _mm_setzero_ps();
  if (a->kind == SQ_ATTENTION_AGQ) result = _mm_mul_ps(n, _mm_set1_ps(a->agq_scale));
  else if (total > 0) result = _mm_div_ps(n, _mm_set1_ps((float)total));
  if (a->out_u8) {
    const __m128 t = _mm_max_ps(_mm_mul_ps(result, _mm_set1_ps(a->out_mul)), _mm_set1_ps((float)-a->out_zp));
    const __m128i code = _mm_add_epi32(_mm_cvtps_epi32(_mm_min_ps(t, _mm_set1_ps((float)(a->out_qmax - a->out_zp)))), _mm_set1_epi32(a->out_zp));
    const __m128i words = _mm_packus_epi32(code, code);
    uint32_t bytes = (uint32_t)_mm_cvtsi128_si32(_mm_packus_epi16(words, words));
    if (count >= 4) *(sq_attention_row_u8__avx2_word *)(void *)(a->out_u8 + at) = bytes;
    for (int64_t l = 0; count < 4 && l < count; l++, bytes >>= 8) a->out_u8[at + l] = (uint8_t)bytes;
  }
  const __m128i inside = _mm256_castsi256_si128(sq_attention_row_u8__avx2_first(count));
  if (a->out_f32) _mm_maskstore_ps(a->out_f32 + at, inside, _mm_mul_ps(result, _mm_set1_ps(a->v_scale)));
}

#endif
