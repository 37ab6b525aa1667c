#ifndef SQ_ATTENTION_PANEL_U8_H
#define SQ_ATTENTION_PANEL_U8_H
/*
 * Attention on ISAs whose register tiles read both factors interleaved (sq_gemm_panel_u8s8.h): up to 12 queries of one head at a
 * time. Both products are those of the integer linear, 8-bit codes times signed bytes:
 *
 *   logits   q [12][c] times k - k_offset, 16 keys a block; the sums start with -zq * the sum of a key
 *   results  p = 256 * high + low times v - 128, 16 channels a block; high only where the table has entries above 255.
 *            Each half fits 32 bits for every n: 255 * 128 * 65536 < 2^31.
 *
 * Everything else is row by row as in the portable kernel. Keys and values are packed once while consecutive units have the
 * same head and window.
 */
#include "sq_attention_row_u8.h"
#include "sq_attention_u8.h"
#include "sq_gemm_panel_u8s8.h"

enum { SQ_ATTENTION_PANEL_U8_MR = SQ_GEMM_PANEL_U8S8_MR, SQ_ATTENTION_PANEL_U8_NR = SQ_GEMM_PANEL_U8S8_NR };

typedef struct {
  int8_t *k;                       /* k - k_offset, [keys / 16][channels / kr][16][kr] */
  int32_t *k_init;                 /* [keys]: what the sums of a key start with */
  int8_t *v;                       /* v - 128, [values / 16][depth / kr][16][kr] */
  int32_t *v_init;                 /* [values], likewise of a channel */
  int64_t *sums;                   /* [12][values] */
  int32_t *logits;                 /* [12][row] */
  float *x, *rel_h, *rel_w;        /* one row */
  int16_t *p;                      /* one row */
  uint8_t *low, *high, *q, *tile;  /* [12][row], [12][row], [12][c], one packed tile of queries or probabilities */
  int64_t row, keys, channels, depth, values; /* n and c rounded up to 16 and kr; n and cv rounded up to kr and 16 */
} sq_attention_panel_u8_scratch;

SQ_UNUSED static inline sq_attention_panel_u8_scratch sq_attention_panel_u8_divide(const sq_attention_u8_args *a, int64_t kr,
                                                                                   uint8_t *scratch) {
  enum { MR = SQ_ATTENTION_PANEL_U8_MR };
  sq_attention_panel_u8_scratch s;
  s.row = sq_attention_u8_row(a), s.keys = sq_attention_u8_round(a->n, 16), s.channels = sq_attention_u8_round(a->c, kr);
  s.depth = sq_attention_u8_round(a->n, kr), s.values = sq_attention_u8_round(a->cv, 16);
  s.sums = (int64_t *)(void *)scratch, scratch += MR * s.values * 8;
  s.k_init = (int32_t *)(void *)scratch, scratch += s.keys * 4;
  s.v_init = (int32_t *)(void *)scratch, scratch += s.values * 4;
  s.logits = (int32_t *)(void *)scratch, scratch += MR * s.row * 4;
  s.x = (float *)(void *)scratch, scratch += s.row * 4;
  s.rel_h = (float *)(void *)scratch, scratch += a->rel_h ? sq_attention_u8_round(a->rel_kh, 16) * 4 : 0;
  s.rel_w = (float *)(void *)scratch, scratch += a->rel_h ? sq_attention_u8_round(a->rel_kw, 16) * 4 : 0;
  s.p = (int16_t *)(void *)scratch, scratch += s.row * 2;
  s.low = scratch, scratch += MR * s.row;
  s.high = scratch, scratch += MR * s.row;
  s.tile = scratch, scratch += MR * sq_max_i64(s.row, s.channels);
  s.k = (int8_t *)scratch, scratch += s.keys * s.channels;
  s.v = (int8_t *)scratch, scratch += s.values * s.depth;
  s.q = scratch;
  return s;
}

__attribute__((noinline, unused)) static void sq_attention_panel_u8_pack(const sq_attention_u8_args *a,
                                                                         const sq_attention_panel_u8_scratch *s,
                                                                         const sq_gemm_panel_u8s8_isa isa, const uint8_t *k,
                                                                         const uint8_t *k_pad, const uint8_t *v, const uint8_t *v_pad,
                                                                         int64_t y0, int64_t x0) {
  enum { NR = SQ_ATTENTION_PANEL_U8_NR };
  const uint8_t offset = (uint8_t)a->k_offset;
  const int64_t kr = isa.kr;
  for (int64_t j = 0; j < s->keys; j++) {
    int8_t *to = s->k + j / NR * NR * s->channels + j % NR * kr;
    const uint8_t *key = sq_attention_row_u8_key(a, k, a->k_row, k_pad, y0, x0, sq_min_i64(j, a->n - 1));
    int32_t sum = 0;
    for (int64_t ch = 0; ch < s->channels; ch++) {
      const int8_t value = (int8_t)(ch < a->c ? (uint8_t)(key[ch] - offset) : 0);
      to[ch / kr * NR * kr + ch % kr] = value;
      sum += value;
    }
    s->k_init[j] = -a->zq * sum;
  }
  for (int64_t j = 0; j < s->keys; j += NR) isa.start(s->k_init + j, s->k + j * s->channels, s->channels, s->k_init + j);
  for (int64_t j = 0; j < s->depth; j++) {
    const uint8_t *value = sq_attention_row_u8_key(a, v, a->v_row, v_pad, y0, x0, sq_min_i64(j, a->n - 1));
    int8_t *to = s->v + j / kr * NR * kr + j % kr;
    for (int64_t ch = 0; ch < s->values; ch++)
      to[ch / NR * NR * s->depth + ch % NR * kr] = (int8_t)(j < a->n && ch < a->cv ? value[ch] ^ 128 : 0);
  }
  for (int64_t ch = 0; ch < s->values; ch++) s->v_init[ch] = 0;
  for (int64_t ch = 0; ch < s->values; ch += NR) isa.start(s->v_init + ch, s->v + ch * s->depth, s->depth, s->v_init + ch);
}

/* sums += scale * bytes of probabilities [rows][row] times values. */
__attribute__((noinline, unused)) static void sq_attention_panel_u8_weigh(const sq_attention_u8_args *a,
                                                                          const sq_attention_panel_u8_scratch *s,
                                                                          const sq_gemm_panel_u8s8_isa isa, const uint8_t *bytes,
                                                                          int64_t rows, int64_t scale) {
  enum { MR = SQ_ATTENTION_PANEL_U8_MR, NR = SQ_ATTENTION_PANEL_U8_NR };
  isa.pack(bytes, s->row, rows, a->n, s->tile);
  for (int64_t ch = 0; ch < s->values; ch += NR) {
    int32_t part[MR * NR];
    isa.multiply(s->tile, s->v + ch * s->depth, s->depth, s->v_init + ch, part);
    for (int64_t r = 0; r < rows; r++)
      for (int64_t j = 0; j < NR; j++) s->sums[r * s->values + ch + j] += scale * part[r * NR + j];
  }
}

SQ_UNUSED static void sq_attention_panel_u8(const sq_attention_u8_args *a, int64_t begin, int64_t end, int64_t worker,
                                            const sq_gemm_panel_u8s8_isa isa) {
  enum { MR = SQ_ATTENTION_PANEL_U8_MR, NR = SQ_ATTENTION_PANEL_U8_NR };
  const int64_t windows = sq_attention_u8_windows(a), groups = sq_attention_u8_groups(a);
  const int64_t windows_x = a->win_h > 0 ? sq_ceil_div_i64(a->grid_w, a->win_w) : 1;
  const sq_attention_panel_u8_scratch s = sq_attention_panel_u8_divide(a, isa.kr, a->scratch + worker * a->scratch_stride);
  int32_t largest = 0;
  for (int32_t i = 0; i < a->levels; i++) largest = a->table[i] > largest ? a->table[i] : largest;
  int64_t packed = -1; /* the head whose keys and values are in scratch */
  for (int64_t unit = begin; unit < end; unit++) {
    const int64_t item = unit / groups / a->heads, h = unit / groups % a->heads;
    const int64_t b = item / windows, window = item % windows;
    const int64_t y0 = a->win_h > 0 ? window / windows_x * a->win_h : 0, x0 = a->win_h > 0 ? window % windows_x * a->win_w : 0;
    if (packed != unit / groups) {
      packed = unit / groups;
      sq_attention_panel_u8_pack(a, &s, isa, a->k + b * a->k_batch + h * a->c, a->k_pad ? a->k_pad + h * a->c : NULL,
                                 a->v + b * a->v_batch + h * a->cv, a->v_pad ? a->v_pad + h * a->cv : NULL, y0, x0);
    }
    const int64_t last = sq_min_i64(a->m, (unit % groups + 1) * SQ_ATTENTION_U8_QUERIES);
    for (int64_t i = unit % groups * SQ_ATTENTION_U8_QUERIES; i < last;) {
      int64_t index[MR], token[MR], rows = 0;
      int32_t total[MR];
      for (; i < last && rows < MR; i++) {
        token[rows] = sq_attention_row_u8_query(a, y0, x0, i), index[rows] = i;
        if (token[rows] < 0) continue;
        const uint8_t *query = a->q + b * a->q_batch + token[rows] * a->q_row + h * a->c;
        for (int64_t ch = 0; ch < a->c; ch++) s.q[rows * a->c + ch] = query[ch];
        rows++;
      }
      if (rows == 0) break;
      isa.pack(s.q, a->c, rows, a->c, s.tile);
      for (int64_t j = 0; j < s.keys; j += NR) {
        int32_t part[MR * NR];
        isa.multiply(s.tile, s.k + j * s.channels, s.channels, s.k_init + j, part);
        for (int64_t r = 0; r < rows; r++)
          for (int64_t e = 0; e < NR; e++) s.logits[r * s.row + j + e] = part[r * NR + e];
      }
      for (int64_t r = 0; r < rows; r++) {
        if (a->rel_h) {
          const uint8_t *query = s.q + r * a->c;
          sq_attention_row_u8_relative(a, query, a->rel_h, index[r] / a->rel_qw, a->rel_kh, a->rel_h_scale, s.rel_h);
          sq_attention_row_u8_relative(a, query, a->rel_w, index[r] % a->rel_qw, a->rel_kw, a->rel_w_scale, s.rel_w);
        }
        const float *bias = a->bias ? a->bias + item * a->bias_batch + h * a->bias_head + index[r] * a->bias_row : NULL;
        const float mx = sq_attention_row_u8_logits(a, s.logits + r * s.row, a->rel_h ? s.rel_h : NULL, s.rel_w, bias, s.x);
        total[r] = sq_attention_row_u8_probabilities(a, s.x, mx, s.p);
        for (int64_t j = 0; j < a->n; j++) {
          s.low[r * s.row + j] = (uint8_t)s.p[j];
          s.high[r * s.row + j] = (uint8_t)(s.p[j] >> 8);
        }
        for (int64_t ch = 0; ch < s.values; ch++) s.sums[r * s.values + ch] = (int64_t)total[r] * (128 - a->zv);
      }
      sq_attention_panel_u8_weigh(a, &s, isa, s.low, rows, 1);
      if (largest > 255) sq_attention_panel_u8_weigh(a, &s, isa, s.high, rows, 256);
      for (int64_t r = 0; r < rows; r++)
        sq_attention_row_u8_finish(a, s.sums + r * s.values, total[r], b * a->out_batch + token[r] * a->out_row + h * a->cv, a->cv);
    }
  }
}

#endif
