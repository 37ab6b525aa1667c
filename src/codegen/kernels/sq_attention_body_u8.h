#ifndef SQ_ATTENTION_BODY_U8_H
#define SQ_ATTENTION_BODY_U8_H
#include "sq_attention_row_u8.h"
#include "sq_attention_u8.h"
#include "sq_gemm_body_u8s8.h"

/*
 * Up to 4 queries of one head at a time: products in register tiles of 4 x 16, everything else row by row as the portable
 * kernel. Probabilities are 16-bit and values v - 128, so 512 keys fit 32-bit sums (512 * 32767 * 128 < 2^31); sums over
 * more keys are added in 64 bits. Keys and values are packed once while consecutive units have the same head and window.
 */
enum { SQ_ATTENTION_BODY_U8_MR = 4, SQ_ATTENTION_BODY_U8_KEYS = 512 };

typedef struct {
  int8_t *k;                /* k - k_offset, [n / 16][C4][16][4] */
  int32_t *terms;           /* [n rounded up to 16]: -zq * sum of a key */
  int8_t *v;                /* v - 128, [cv / 16][keys / 4][16][4] */
  int64_t *sums;            /* [4][cv rounded up to 16] */
  int32_t *logits;          /* [4][row] */
  float *x, *rel_h, *rel_w; /* one row */
  int16_t *p, *q;           /* [4][row], [4][C4 * 4] */
  int64_t row, keys, channels, values;
} sq_attention_body_u8_scratch;

SQ_UNUSED static inline sq_attention_body_u8_scratch sq_attention_body_u8_divide(const sq_attention_u8_args *a, uint8_t *scratch) {
  sq_attention_body_u8_scratch s;
  s.row = sq_attention_u8_row(a), s.keys = sq_attention_u8_round(a->n, 16);
  s.channels = sq_attention_u8_round(a->c, 4), s.values = sq_attention_u8_round(a->cv, 16);
  s.sums = (int64_t *)(void *)scratch, scratch += SQ_ATTENTION_BODY_U8_MR * s.values * 8;
  s.terms = (int32_t *)(void *)scratch, scratch += s.keys * 4;
  s.logits = (int32_t *)(void *)scratch, scratch += SQ_ATTENTION_BODY_U8_MR * s.row * 4;
  s.x = (float *)(void *)scratch, scratch += s.row * 4;
  s.rel_h = (float *)(void *)scratch, scratch += a->rel_h ? sq_attention_u8_round(a->rel_kh, 16) * 4 : 0;
  s.rel_w = (float *)(void *)scratch, scratch += a->rel_h ? sq_attention_u8_round(a->rel_kw, 16) * 4 : 0;
  s.p = (int16_t *)(void *)scratch, scratch += SQ_ATTENTION_BODY_U8_MR * s.row * 2;
  s.q = (int16_t *)(void *)scratch, scratch += SQ_ATTENTION_BODY_U8_MR * s.channels * 2;
  s.k = (int8_t *)scratch, scratch += s.keys * s.channels;
  s.v = (int8_t *)scratch;
  return s;
}

/* The c channels of a key minus offset to [C4][16][4], of which `to` is the key's first group; returns their sum. */
typedef int32_t (*sq_attention_body_u8_key)(const uint8_t *key, int64_t c, uint8_t offset, int8_t *to);
/* The cv channels of four keys' values minus 128 to [16][4] in blocks of 16 channels, the last filled with zeros. */
typedef void (*sq_attention_body_u8_values)(const uint8_t *const value[4], int64_t cv, int8_t *to, int64_t block);

SQ_UNUSED static int32_t sq_attention_body_u8_pack_key(const uint8_t *key, int64_t c, uint8_t offset, int8_t *to) {
  int32_t sum = 0;
  for (int64_t ch = 0; ch < sq_attention_u8_round(c, 4); ch++) {
    const int8_t value = (int8_t)(ch < c ? (uint8_t)(key[ch] - offset) : 0);
    to[ch / 4 * 64 + ch % 4] = value;
    sum += value;
  }
  return sum;
}

SQ_UNUSED static void sq_attention_body_u8_pack_values(const uint8_t *const value[4], int64_t cv, int8_t *to, int64_t block) {
  for (int64_t ch = 0; ch < sq_attention_u8_round(cv, 16); ch++)
    for (int e = 0; e < 4; e++) to[ch / 16 * block + ch % 16 * 4 + e] = (int8_t)(ch < cv ? value[e][ch] ^ 128 : 0);
}

__attribute__((noinline, unused)) static void sq_attention_body_u8_pack(const sq_attention_u8_args *a,
                                                                        const sq_attention_body_u8_scratch *s, const uint8_t *k,
                                                                        const uint8_t *k_pad, const uint8_t *v, const uint8_t *v_pad,
                                                                        int64_t y0, int64_t x0, sq_attention_body_u8_key pack_key,
                                                                        sq_attention_body_u8_values pack_values) {
  for (int64_t j = 0; j < s->keys; j++) {
    const uint8_t *key = sq_attention_row_u8_key(a, k, a->k_row, k_pad, y0, x0, sq_min_i64(j, a->n - 1));
    s->terms[j] = -a->zq * pack_key(key, a->c, (uint8_t)a->k_offset, s->k + (j / 16 * s->channels * 4 + j % 16) * 4);
  }
  const int64_t groups = sq_ceil_div_i64(a->n, 4);
  for (int64_t g = 0; g < groups; g++) {
    const uint8_t *value[4];
    for (int64_t e = 0; e < 4; e++) value[e] = sq_attention_row_u8_key(a, v, a->v_row, v_pad, y0, x0, sq_min_i64(4 * g + e, a->n - 1));
    pack_values(value, a->cv, s->v + g * 64, groups * 64);
  }
}

/* Sums of probabilities times values of the rows of a tile. */
__attribute__((always_inline, unused)) static inline void sq_attention_body_u8_weigh(const sq_attention_u8_args *a,
                                                                                     const sq_attention_body_u8_scratch *s, int64_t rows,
                                                                                     const int32_t *total, sq_gemm_body_u8s8_tile tile) {
  const int32_t zeros[16] = {0};
  const int64_t groups = sq_ceil_div_i64(a->n, 4), step = SQ_ATTENTION_BODY_U8_KEYS / 4;
  for (int64_t r = 0; r < rows; r++)
    for (int64_t ch = 0; ch < s->values; ch++) s->sums[r * s->values + ch] = (int64_t)total[r] * (128 - a->zv);
  for (int64_t g = 0; g < groups; g += step) {
    const int64_t count = sq_min_i64(step, groups - g);
    for (int64_t ch = 0; ch < s->values; ch += 16) {
      int32_t part[SQ_ATTENTION_BODY_U8_MR * 16];
      tile(rows, s->p + 4 * g, s->row, count, zeros, s->v + (ch / 16 * groups + g) * 64, part, 16);
      for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < 16; j++) s->sums[r * s->values + ch + j] += part[r * 16 + j];
    }
  }
}

__attribute__((always_inline, unused)) static inline void sq_attention_body_u8(const sq_attention_u8_args *a, int64_t begin, int64_t end,
                                                                               int64_t worker, sq_gemm_body_u8s8_tile tile,
                                                                               sq_attention_body_u8_key pack_key,
                                                                               sq_attention_body_u8_values pack_values) {
  enum { MR = SQ_ATTENTION_BODY_U8_MR };
  const int64_t windows = sq_attention_u8_windows(a), groups = sq_attention_u8_groups(a);
  const int64_t windows_x = a->win_h > 0 ? sq_ceil_div_i64(a->grid_w, a->win_w) : 1;
  const sq_attention_body_u8_scratch s = sq_attention_body_u8_divide(a, a->scratch + worker * a->scratch_stride);
  int64_t packed = -1; /* the head whose keys and values are in scratch */
  for (int64_t unit = begin; unit < end; unit++) {
    const int64_t item = unit / groups / a->heads, h = unit / groups % a->heads;
    const int64_t b = item / windows, window = item % windows;
    const int64_t y0 = a->win_h > 0 ? window / windows_x * a->win_h : 0, x0 = a->win_h > 0 ? window % windows_x * a->win_w : 0;
    if (packed != unit / groups) {
      packed = unit / groups;
      sq_attention_body_u8_pack(a, &s, a->k + b * a->k_batch + h * a->c, a->k_pad ? a->k_pad + h * a->c : NULL,
                                 a->v + b * a->v_batch + h * a->cv, a->v_pad ? a->v_pad + h * a->cv : NULL, y0, x0, pack_key, pack_values);
    }
    const int64_t last = sq_min_i64(a->m, (unit % groups + 1) * SQ_ATTENTION_U8_QUERIES);
    for (int64_t i = unit % groups * SQ_ATTENTION_U8_QUERIES; i < last;) {
      const uint8_t *query[MR];
      int64_t index[MR], token[MR], rows = 0;
      int32_t total[MR];
      for (; i < last && rows < MR; i++) {
        token[rows] = sq_attention_row_u8_query(a, y0, x0, i), index[rows] = i;
        if (token[rows] < 0) continue;
        query[rows] = a->q + b * a->q_batch + token[rows] * a->q_row + h * a->c;
        for (int64_t ch = 0; ch < s.channels; ch++) s.q[rows * s.channels + ch] = ch < a->c ? query[rows][ch] : 0;
        rows++;
      }
      for (int64_t j = 0; j < a->n; j += 16)
        tile(rows, s.q, s.channels, s.channels / 4, s.terms + j, s.k + j * s.channels, s.logits + j, s.row);
      for (int64_t r = 0; r < rows; r++) {
        if (a->rel_h) {
          sq_attention_row_u8_relative(a, query[r], a->rel_h, index[r] / a->rel_qw, a->rel_kh, a->rel_h_scale, s.rel_h);
          sq_attention_row_u8_relative(a, query[r], a->rel_w, index[r] % a->rel_qw, a->rel_kw, a->rel_w_scale, s.rel_w);
        }
        const float *bias = a->bias ? a->bias + item * a->bias_batch + h * a->bias_head + index[r] * a->bias_row : NULL;
        const float mx = sq_attention_row_u8_logits(a, s.logits + r * s.row, a->rel_h ? s.rel_h : NULL, s.rel_w, bias, s.x);
        total[r] = sq_attention_row_u8_probabilities(a, s.x, mx, s.p + r * s.row);
        for (int64_t j = a->n; j % 4 != 0; j++) s.p[r * s.row + j] = 0;
      }
      sq_attention_body_u8_weigh(a, &s, rows, total, tile);
      for (int64_t r = 0; r < rows; r++)
        sq_attention_row_u8_finish(a, s.sums + r * s.values, total[r], b * a->out_batch + token[r] * a->out_row + h * a->cv, a->cv);
    }
  }
}

#endif
