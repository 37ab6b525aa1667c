#include "sq_attention_row_u8__avx2.h"
#include "sq_attention_u8.h"
#include "sq_gemm_u8s8__avx2.h"

/*
 * Up to 6 queries of one head at a time: products in register tiles of 6 x 16, everything else row by row.
 * Probabilities are 16-bit and values v - 128, so 512 keys fit 32-bit sums (512 * 32767 * 128 < 2^31); sums over more keys are
 * added in 64 bits. Keys and values are packed once while consecutive units have the same head and window.
 */
enum { SQ_ATTENTION_U8__AVX2_MR = SQ_GEMM_U8S8__AVX2_MR, SQ_ATTENTION_U8__AVX2_KEYS = 512 };

typedef struct {
  int8_t *k;                /* k - k_offset, [n / 16][C4][16][4] */
  int32_t *terms;           /* [n rounded up to 16]: -zq * sum of a key */
  int8_t *v;                /* v - 128, [cv / 16][keys / 4][16][4] */
  int64_t *sums;            /* [6][cv rounded up to 16] */
  int32_t *logits;          /* [6][row] */
  float *x, *rel_h, *rel_w; /* one row */
  int16_t *p, *q;           /* [6][row], [6][C4 * 4] */
  int64_t row, keys, channels, values;
} sq_attention_u8__avx2_scratch;

static inline sq_attention_u8__avx2_scratch sq_attention_u8__avx2_divide(const sq_attention_u8_args *a, uint8_t *scratch) {
  sq_attention_u8__avx2_scratch s;
  s.row = sq_attention_u8_row(a), s.keys = sq_attention_u8_round(a->n, 16);
  s.channels = sq_attention_u8_round(a->c, 4), s.values = sq_attention_u8_round(a->cv, 16);
  s.sums = (int64_t *)(void *)scratch, scratch += SQ_ATTENTION_U8__AVX2_MR * s.values * 8;
  s.terms = (int32_t *)(void *)scratch, scratch += s.keys * 4;
  s.logits = (int32_t *)(void *)scratch, scratch += SQ_ATTENTION_U8__AVX2_MR * s.row * 4;
  s.x = (float *)(void *)scratch, scratch += s.row * 4;
  s.rel_h = (float *)(void *)scratch, scratch += a->rel_h ? sq_attention_u8_round(a->rel_kh, 16) * 4 : 0;
  s.rel_w = (float *)(void *)scratch, scratch += a->rel_h ? sq_attention_u8_round(a->rel_kw, 16) * 4 : 0;
  s.p = (int16_t *)(void *)scratch, scratch += SQ_ATTENTION_U8__AVX2_MR * s.row * 2;
  s.q = (int16_t *)(void *)scratch, scratch += SQ_ATTENTION_U8__AVX2_MR * s.channels * 2;
  s.k = (int8_t *)scratch, scratch += s.keys * s.channels;
  s.v = (int8_t *)scratch;
  return s;
}

typedef int32_t sq_attention_u8__avx2_word __attribute__((aligned(1), may_alias));

/* One key: codes minus the offset, four channels together, and what its logits start with. */
static inline void sq_attention_u8__avx2_pack_key(const sq_attention_u8_args *a, const uint8_t *key, int8_t *to, int32_t *term) {
  const __m128i offset = _mm_set1_epi8((char)a->k_offset), flip = _mm_set1_epi8(-128);
  __m128i sums = _mm_setzero_si128();
  int64_t ch = 0;
  for (; ch + 16 <= a->c; ch += 16, to += 256) {
    const __m128i v = _mm_sub_epi8(_mm_loadu_si128((const __m128i *)(const void *)(key + ch)), offset);
    sums = _mm_add_epi64(sums, _mm_sad_epu8(_mm_xor_si128(v, flip), _mm_setzero_si128()));
    *(sq_attention_u8__avx2_word *)(void *)to = _mm_cvtsi128_si32(v);
    *(sq_attention_u8__avx2_word *)(void *)(to + 64) = _mm_extract_epi32(v, 1);
    *(sq_attention_u8__avx2_word *)(void *)(to + 128) = _mm_extract_epi32(v, 2);
    *(sq_attention_u8__avx2_word *)(void *)(to + 192) = _mm_extract_epi32(v, 3);
  }
  int32_t sum = _mm_cvtsi128_si32(sums) + _mm_extract_epi32(sums, 2) - 128 * (int32_t)ch;
  for (; ch < sq_attention_u8_round(a->c, 4); ch++) {
    const int8_t value = (int8_t)(ch < a->c ? (uint8_t)(key[ch] - (uint8_t)a->k_offset) : 0);
    to[ch % 16 / 4 * 64 + ch % 4] = value;
    sum += value;
  }
  *term = -a->zq * sum;
}

/* Channels of four values side by side: one group of every block of 16 channels, blocks `stride` apart. */
static inline void sq_attention_u8__avx2_pack_values(const sq_attention_u8_args *a, const uint8_t *const value[4], int64_t stride, int8_t *to) {
  const __m128i flip = _mm_set1_epi8(-128);
  int64_t ch = 0;
  for (; ch + 16 <= a->cv; ch += 16, to += stride) {
    __m128i v[4];
    for (int r = 0; r < 4; r++) v[r] = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(const void *)(value[r] + ch)), flip);
    const __m128i low01 = _mm_unpacklo_epi8(v[0], v[1]), high01 = _mm_unpackhi_epi8(v[0], v[1]);
    const __m128i low23 = _mm_unpacklo_epi8(v[2], v[3]), high23 = _mm_unpackhi_epi8(v[2], v[3]);
    __m128i *out = (__m128i *)(void *)to;
    _mm_storeu_si128(out, _mm_unpacklo_epi16(low01, low23));
    _mm_storeu_si128(out + 1, _mm_unpackhi_epi16(low01, low23));
    _mm_storeu_si128(out + 2, _mm_unpacklo_epi16(high01, high23));
    _mm_storeu_si128(out + 3, _mm_unpackhi_epi16(high01, high23));
  }
  if (ch == a->cv) return;
  for (int64_t j = 0; j < 16; j++)
    for (int r = 0; r < 4; r++) to[4 * j + r] = (int8_t)(ch + j < a->cv ? value[r][ch + j] ^ 128 : 0);
}

static __attribute__((noinline)) void sq_attention_u8__avx2_pack(const sq_attention_u8_args *a, const sq_attention_u8__avx2_scratch *s,
                                                                 const uint8_t *k, const uint8_t *k_pad, const uint8_t *v,
                                                                 const uint8_t *v_pad, int64_t y0, int64_t x0) {
  for (int64_t j = 0; j < s->keys; j++) {
    const uint8_t *key = sq_attention_row_u8_key(a, k, a->k_row, k_pad, y0, x0, sq_min_i64(j, a->n - 1));
    sq_attention_u8__avx2_pack_key(a, key, s->k + (j / 16 * s->channels * 4 + j % 16) * 4, s->terms + j);
  }
  const int64_t groups = sq_ceil_div_i64(a->n, 4);
  for (int64_t g = 0; g < groups; g++) {
    const uint8_t *value[4];
    for (int r = 0; r < 4; r++) value[r] = sq_attention_row_u8_key(a, v, a->v_row, v_pad, y0, x0, sq_min_i64(4 * g + r, a->n - 1));
    sq_attention_u8__avx2_pack_values(a, value, groups * 64, s->v + g * 64);
  }
}

/* Probabilities times values, and the results of the rows of a tile: row r to out + at[r]. */
static inline void sq_attention_u8__avx2_weigh(const sq_attention_u8_args *a, const sq_attention_u8__avx2_scratch *s, int64_t rows,
                                               const int32_t *total, const int64_t *at) {
  const int32_t zeros[16] = {0};
  const __m256d magic = _mm256_set1_pd(6755399441055744.0); /* 1.5 * 2^52: sums are below 2^40 */
  const int64_t groups = sq_ceil_div_i64(a->n, 4), step = SQ_ATTENTION_U8__AVX2_KEYS / 4;
  for (int64_t r = 0; r < rows; r++)
    for (int64_t ch = 0; ch < s->values; ch++) s->sums[r * s->values + ch] = (int64_t)total[r] * (128 - a->zv);
  for (int64_t g = 0; g < groups; g += step) {
    for (int64_t ch = 0; ch < s->values; ch += 16) {
      int32_t part[SQ_ATTENTION_U8__AVX2_MR * 16];
      sq_gemm_u8s8__avx2_tile(rows, s->p + 4 * g, s->row, sq_min_i64(step, groups - g), zeros, s->v + (ch / 16 * groups + g) * 64, part, 16);
      for (int64_t r = 0; r < rows; r++)
        for (int j = 0; j < 16; j += 4) {
          __m256i *sum = (__m256i *)(void *)(s->sums + r * s->values + ch + j);
          const __m128i four = _mm_loadu_si128((const __m128i *)(const void *)(part + r * 16 + j));
          _mm256_storeu_si256(sum, _mm256_add_epi64(_mm256_loadu_si256(sum), _mm256_cvtepi32_epi64(four)));
        }
    }
  }
  for (int64_t r = 0; r < rows; r++)
    for (int64_t ch = 0; ch < a->cv; ch += 4) {
      const __m256i sum = _mm256_loadu_si256((const __m256i *)(const void *)(s->sums + r * s->values + ch));
      const __m256d exact = _mm256_sub_pd(_mm256_castsi256_pd(_mm256_add_epi64(sum, _mm256_castpd_si256(magic))), magic);
      sq_attention_row_u8__avx2_finish(a, exact, total[r], at[r] + ch, a->cv - ch);
    }
}

static void sq_attention_u8__avx2(const void *args, int64_t begin, int64_t end, int64_t worker) {
  const sq_attention_u8_args *a = (const sq_attention_u8_args *)args;
  enum { MR = SQ_ATTENTION_U8__AVX2_MR };
  const int64_t windows = sq_attention_u8_windows(a), groups = sq_attention_u8_groups(a);
  const int64_t windows_x = a->win_h > 0 ? sq_ceil_div_i64(a->grid_w, a->win_w) : 1;
  const sq_attention_u8__avx2_scratch s = sq_attention_u8__avx2_divide(a, a->scratch + worker * a->scratch_stride);
  const sq_attention_row_u8__avx2_table table = sq_attention_row_u8__avx2_look(a);
  int64_t packed = -1; /* the head whose keys and values are in scratch */
  for (int64_t unit = begin; unit < end; unit++) {
    const int64_t item = unit / groups / a->heads, h = unit / groups % a->heads;
    const int64_t b = item / windows, window = item % windows;
    const int64_t y0 = a->win_h > 0 ? window / windows_x * a->win_h : 0, x0 = a->win_h > 0 ? window % windows_x * a->win_w : 0;
    if (packed != unit / groups) {
      packed = unit / groups;
      sq_attention_u8__avx2_pack(a, &s, a->k + b * a->k_batch + h * a->c, a->k_pad ? a->k_pad + h * a->c : NULL,
                                 a->v + b * a->v_batch + h * a->cv, a->v_pad ? a->v_pad + h * a->cv : NULL, y0, x0);
    }
    const int64_t last = sq_min_i64(a->m, (unit % groups + 1) * SQ_ATTENTION_U8_QUERIES);
    for (int64_t i = unit % groups * SQ_ATTENTION_U8_QUERIES; i < last;) {
      int64_t index[MR], at[MR], rows = 0;
      int32_t total[MR];
      for (; i < last && rows < MR; i++) {
        const int64_t token = sq_attention_row_u8_query(a, y0, x0, i);
        if (token < 0) continue;
        index[rows] = i, at[rows] = b * a->out_batch + token * a->out_row + h * a->cv;
        sq_gemm_u8s8__avx2_widen(1, a->q + b * a->q_batch + token * a->q_row + h * a->c, 0, a->c, s.q + rows * s.channels, 0);
        rows++;
      }
      for (int64_t j = 0; j < a->n; j += 16)
        sq_gemm_u8s8__avx2_tile(rows, s.q, s.channels, s.channels / 4, s.terms + j, s.k + j * s.channels, s.logits + j, s.row);
      for (int64_t r = 0; r < rows; r++) {
        if (a->rel_h) {
          const int16_t *q = s.q + r * s.channels;
          sq_attention_row_u8__avx2_relative(a, q, a->rel_h, index[r] / a->rel_qw, a->rel_kh, a->rel_h_scale, s.rel_h);
          sq_attention_row_u8__avx2_relative(a, q, a->rel_w, index[r] % a->rel_qw, a->rel_kw, a->rel_w_scale, s.rel_w);
        }
        const float *bias = a->bias ? a->bias + item * a->bias_batch + h * a->bias_head + index[r] * a->bias_row : NULL;
        const float mx = sq_attention_row_u8__avx2_logits(a, s.logits + r * s.row, a->rel_h ? s.rel_h : NULL, s.rel_w, bias, s.x);
        total[r] = sq_attention_row_u8__avx2_probabilities(a, &table, s.x, mx, s.p + r * s.row);
      }
      sq_attention_u8__avx2_weigh(a, &s, rows, total, at);
    }
  }
}
