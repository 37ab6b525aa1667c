#ifndef SQ_ATTENTION_BODY_U8__AVX512_H
#define SQ_ATTENTION_BODY_U8__AVX512_H
#include "sq_attention_codes_u8__avx512.h"
#include "sq_attention_few_u8__avx512.h"
#include "sq_attention_pack_u8__avx512.h"
#include "sq_attention_u8.h"
#include "sq_epilogue_u8s8__avx512.h"
#include "sq_gemm_u8s8__avx512vnni.h"

/*
 * One tile of queries of one head: logits from q k^T in tiles of those queries x 32 keys, a row of codes at a time, then the
 * table's high and low bytes, as up to twice as many rows of codes, times the values. Keys and values are packed once
 * for as long as consecutive units have the same head and window.
 */
typedef struct {
  sq_gemm_u8s8__avx512vnni_products products;
  int64_t queries; /* of a tile, 16 at most */
  int64_t rows;    /* of probabilities that `products` takes at a time, 32 at most */
  int64_t depth;   /* `products` likes sums over multiples of this many keys: 4 or 64 */
} sq_attention_body_u8__avx512_tiles;

typedef struct {
  int8_t *k, *v;         /* packed */
  int32_t *terms;        /* of the keys */
  float *x;              /* [queries] rows of logits */
  uint8_t *p;            /* [2 queries] rows of probabilities: high and low alternate where there are two planes */
  uint8_t *q;            /* [queries][C4 * 4] */
  float *rel_h, *rel_w;  /* [queries][keys rounded up to 16] */
  int64_t row;           /* elements between rows of x, bytes between rows of p */
  int64_t q_stride, rel_h_stride, rel_w_stride;
} sq_attention_body_u8__avx512_scratch;

typedef struct {
  int64_t item, h;                              /* batch item and window, head */
  int64_t b, y0, x0;                            /* batch item; the window's corner */
  int64_t rows;                                 /* queries in the tile */
  int64_t index[SQ_ATTENTION_U8_TILE], token[SQ_ATTENTION_U8_TILE];
} sq_attention_body_u8__avx512_queries;

static inline sq_attention_body_u8__avx512_scratch sq_attention_body_u8__avx512_divide(const sq_attention_u8_args *a,
                                                                                    uint8_t *scratch) {
  sq_attention_body_u8__avx512_scratch s;
  const int64_t keys = sq_attention_u8_padded_keys(a), cv = sq_attention_u8_round(a->cv, 32);
  s.q_stride = sq_attention_u8_round(a->c, 4), s.row = sq_attention_u8_row(a);
  s.rel_h_stride = a->rel_h ? sq_attention_u8_round(a->rel_kh, 16) : 0;
  s.rel_w_stride = a->rel_h ? sq_attention_u8_round(a->rel_kw, 16) : 0;
  s.k = (int8_t *)scratch, scratch += keys * s.q_stride;
  s.terms = (int32_t *)(void *)scratch, scratch += keys * 4;
  s.v = (int8_t *)scratch, scratch += sq_attention_u8_round(a->n, 64) * cv;
  s.x = (float *)(void *)scratch, scratch += SQ_ATTENTION_U8_TILE * s.row * 4;
  s.p = scratch, scratch += SQ_ATTENTION_U8_TILE * s.row * 2;
  s.rel_h = (float *)(void *)scratch, scratch += SQ_ATTENTION_U8_TILE * s.rel_h_stride * 4;
  s.rel_w = (float *)(void *)scratch, scratch += SQ_ATTENTION_U8_TILE * s.rel_w_stride * 4;
  s.q = scratch;
  return s;
}

/* Copies the tile's queries, leaving out those outside the grid, with zeros up to whole groups of channels. */
static inline void sq_attention_body_u8__avx512_gather(const sq_attention_u8_args *a, const sq_attention_body_u8__avx512_scratch *s,
                                                      int64_t first, int64_t last, sq_attention_body_u8__avx512_queries *t) {
  t->rows = 0;
  for (int64_t i = first; i < last; i++) {
    int64_t token = i;
    if (a->win_h > 0) {
      const int64_t y = t->y0 + i / a->win_w, x = t->x0 + i % a->win_w;
      if (y >= a->grid_h || x >= a->grid_w) continue;
      token = y * a->grid_w + x;
    }
    const uint8_t *q = a->q + t->b * a->q_batch + token * a->q_row + t->h * a->c;
    uint8_t *to = s->q + t->rows * s->q_stride;
    for (int64_t ch = 0; ch < a->c; ch += 64) {
      const __mmask64 mask = a->c - ch >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << (a->c - ch)) - 1;
      const __mmask64 whole = s->q_stride - ch >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << (s->q_stride - ch)) - 1;
      _mm512_mask_storeu_epi8(to + ch, whole, _mm512_maskz_loadu_epi8(mask, q + ch));
    }
    t->index[t->rows] = i, t->token[t->rows] = token;
    t->rows++;
  }
}

/* rel[key] for one query, from one packed slice of a table. */
static inline void sq_attention_body_u8__avx512_relative(const uint8_t *q, int64_t c, const int8_t *tables, int64_t slice,
                                                        int64_t padded, float scale, float *rel) {
  const int64_t groups = sq_ceil_div_i64(c, 4);
  const int8_t *table = tables + slice * padded * 4 * (1 + groups);
  const __m512 factor = _mm512_set1_ps(scale);
  for (int64_t j = 0; j < padded; j += 64) {
    const int64_t vectors = sq_min_i64(4, (padded - j) / 16);
    const int8_t *values = table + 4 * padded + 4 * j;
    __m512i sum[4];
#pragma GCC unroll 4
    for (int v = 0; v < 4; v++) sum[v] = v < vectors ? _mm512_loadu_si512(table + 4 * j + 64 * v) : _mm512_setzero_si512();
    if (vectors == 4) {
      for (int64_t g = 0; g < groups; g++) {
        const __m512i x = sq_gemm_u8s8__avx512vnni_broadcast(q + 4 * g);
#pragma GCC unroll 4
        for (int v = 0; v < 4; v++) sum[v] = _mm512_dpbusd_epi32(sum[v], x, _mm512_loadu_si512(values + g * padded * 4 + 64 * v));
      }
    } else {
      for (int64_t g = 0; g < groups; g++) {
        const __m512i x = sq_gemm_u8s8__avx512vnni_broadcast(q + 4 * g);
#pragma GCC unroll 3
        for (int v = 0; v < 3; v++)
          if (v < vectors) sum[v] = _mm512_dpbusd_epi32(sum[v], x, _mm512_loadu_si512(values + g * padded * 4 + 64 * v));
      }
    }
#pragma GCC unroll 4
    for (int v = 0; v < 4; v++)
      if (v < vectors) _mm512_storeu_ps(rel + j + 16 * v, _mm512_mul_ps(_mm512_cvtepi32_ps(sum[v]), factor));
  }
}

/* Where a tile of queries x 32 keys goes: the strip's place in the key grid, and its logits'. */
typedef struct {
  int64_t ky, kx, j, valid;
} sq_attention_body_u8__avx512_strip;

/* Sums of one or two strips (the second right behind the first) to logits; relative and biased are constants where called. */
static inline __attribute__((always_inline)) void sq_attention_body_u8__avx512_scale(
    const int strips, const int relative, const int biased, const sq_attention_u8_args *a, const sq_attention_body_u8__avx512_scratch *s,
    int64_t rows, const int32_t *acc, sq_attention_body_u8__avx512_strip at, const float *const *bias, __m512 *max) {
  const __m512 scale = _mm512_set1_ps(a->logit_scale);
  const __mmask16 mask = (__mmask16)((1u << at.valid) - 1);
  const float *rel_h = s->rel_h + at.ky, *rel_w = s->rel_w + at.kx;
  float *to = s->x + at.j;
  for (int64_t r = 0; r < rows; r++) {
    __m512 x0 = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_loadu_si512(acc)), scale), x1 = x0;
    if (strips == 2) x1 = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_loadu_si512(acc + 16)), scale);
    if (relative) {
      const __m512 h = _mm512_set1_ps(*rel_h);
      x0 = _mm512_add_ps(_mm512_add_ps(x0, h), _mm512_loadu_ps(rel_w));
      if (strips == 2) x1 = _mm512_add_ps(_mm512_add_ps(x1, h), _mm512_loadu_ps(rel_w + 16));
      rel_h += s->rel_h_stride, rel_w += s->rel_w_stride;
    }
    if (biased) {
      x0 = _mm512_add_ps(x0, strips == 2 ? _mm512_loadu_ps(bias[r] + at.j) : _mm512_maskz_loadu_ps(mask, bias[r] + at.j));
      if (strips == 2) x1 = _mm512_add_ps(x1, _mm512_loadu_ps(bias[r] + at.j + 16));
    }
    _mm512_storeu_ps(to, x0);
    /* The maximum's second operand is the answer for NaN. */
    if (strips == 2) {
      _mm512_storeu_ps(to + 16, x1);
      max[r] = _mm512_max_ps(x1, _mm512_max_ps(x0, max[r]));
    } else {
      max[r] = _mm512_mask_max_ps(max[r], mask, x0, max[r]);
    }
    acc += 32, to += s->row;
  }
}

/* x of all rows of the tile, and their maxima. Garbage behind the n-th logit. */
static inline __attribute__((always_inline)) void sq_attention_body_u8__avx512_score(const int relative, const int biased,
                                                                                    const sq_attention_u8_args *a,
                                                                                    const sq_attention_body_u8__avx512_scratch *s,
                                                                                    const sq_attention_body_u8__avx512_queries *t,
                                                                                    sq_gemm_u8s8__avx512vnni_products products,
                                                                                    const float *const *bias, __m512 *max) {
  const sq_attention_pack_u8__avx512_keys keys = sq_attention_pack_u8__avx512_grid(a);
  sq_attention_body_u8__avx512_strip at = {0, 0, 0, 0};
  for (int64_t strip = 0; strip < keys.rows * keys.strips; strip += 2) {
    int32_t acc[SQ_ATTENTION_U8_TILE * 32];
    products(t->rows, s->q, s->q_stride, s->q_stride, s->terms + strip * 16, s->k + strip * 16 * s->q_stride, acc, 32);
    if (keys.width - at.kx >= 32) {
      at.j = at.ky * keys.width + at.kx, at.valid = 16;
      sq_attention_body_u8__avx512_scale(2, relative, biased, a, s, t->rows, acc, at, bias, max);
      at.kx += 32;
      if (at.kx >= keys.width) at.kx = 0, at.ky++;
      continue;
    }
    for (int64_t half = 0; half < 2 && at.ky < keys.rows; half++) {
      at.j = at.ky * keys.width + at.kx, at.valid = sq_min_i64(16, keys.width - at.kx);
      sq_attention_body_u8__avx512_scale(1, relative, biased, a, s, t->rows, acc + 16 * half, at, bias, max);
      at.kx += 16;
      if (at.kx >= keys.width) at.kx = 0, at.ky++;
    }
  }
}

static __attribute__((noinline)) void sq_attention_body_u8__avx512_logits(const sq_attention_u8_args *a,
                                                                         const sq_attention_body_u8__avx512_scratch *s,
                                                                         const sq_attention_body_u8__avx512_queries *t,
                                                                         sq_gemm_u8s8__avx512vnni_products products, float *max) {
  const float *bias[SQ_ATTENTION_U8_TILE] = {NULL};
  __m512 mx[SQ_ATTENTION_U8_TILE];
  for (int64_t r = 0; r < t->rows; r++) {
    const uint8_t *q = s->q + r * s->q_stride;
    const int64_t i = t->index[r];
    mx[r] = _mm512_set1_ps(sq_from_bits_f32(0xff800000u));
    if (a->rel_h) {
      float *rel_h = s->rel_h + r * s->rel_h_stride, *rel_w = s->rel_w + r * s->rel_w_stride;
      sq_attention_body_u8__avx512_relative(q, a->c, a->rel_h, i / a->rel_qw, s->rel_h_stride, a->rel_h_scale, rel_h);
      sq_attention_body_u8__avx512_relative(q, a->c, a->rel_w, i % a->rel_qw, s->rel_w_stride, a->rel_w_scale, rel_w);
    }
    if (a->bias) bias[r] = a->bias + t->item * a->bias_batch + t->h * a->bias_head + i * a->bias_row;
  }
  if (a->rel_h && a->bias) sq_attention_body_u8__avx512_score(1, 1, a, s, t, products, bias, mx);
  else if (a->rel_h) sq_attention_body_u8__avx512_score(1, 0, a, s, t, products, bias, mx);
  else if (a->bias) sq_attention_body_u8__avx512_score(0, 1, a, s, t, products, bias, mx);
  else sq_attention_body_u8__avx512_score(0, 0, a, s, t, products, bias, mx);
  for (int64_t r = 0; r < t->rows; r++) max[r] = _mm512_reduce_max_ps(mx[r]);
}

/* Sixteen results from their sums of probabilities times values. */
static inline __attribute__((always_inline)) void sq_attention_body_u8__avx512_store(const sq_attention_u8_args *a, __m512 result,
                                                                                    int32_t total, int64_t at, __mmask16 mask) {
  if (a->kind == SQ_ATTENTION_AGQ) {
    result = _mm512_mul_ps(result, _mm512_set1_ps(a->agq_scale));
  } else {
    result = total > 0 ? _mm512_div_ps(result, _mm512_set1_ps((float)total)) : _mm512_setzero_ps();
  }
  if (a->out_u8) {
    const __m128i q = sq_epilogue_u8s8__avx512_code(_mm512_mul_ps(result, _mm512_set1_ps(a->out_mul)), _mm512_set1_ps((float)-a->out_zp),
                                                    _mm512_set1_ps((float)(a->out_qmax - a->out_zp)), _mm512_set1_epi32(a->out_zp));
    if (mask == 0xffff) _mm_storeu_si128((__m128i *)(void *)(a->out_u8 + at), q);
    else _mm_mask_storeu_epi8(a->out_u8 + at, mask, q);
  }
  if (a->out_f32) _mm512_mask_storeu_ps(a->out_f32 + at, mask, _mm512_mul_ps(result, _mm512_set1_ps(a->v_scale)));
}

/* The same from the sums of the high and low planes, which together need more than 32 bits. */
static inline void sq_attention_body_u8__avx512_finish(const sq_attention_u8_args *a, const int32_t *high, const int32_t *low,
                                                      int32_t total, int64_t at, __mmask16 mask) {
  const __m512i zero_point = _mm512_set1_epi64((int64_t)total * (128 - a->zv));
  __m256 part[2];
  for (int i = 0; i < 2; i++) {
    __m512i sum = _mm512_add_epi64(zero_point, _mm512_cvtepi32_epi64(_mm256_loadu_si256((const __m256i *)(const void *)(low + 8 * i))));
    if (high)
      sum = _mm512_add_epi64(
          sum, _mm512_slli_epi64(_mm512_cvtepi32_epi64(_mm256_loadu_si256((const __m256i *)(const void *)(high + 8 * i))), 8));
    part[i] = _mm512_cvtepi64_ps(sum);
  }
  sq_attention_body_u8__avx512_store(a, _mm512_insertf32x8(_mm512_castps256_ps512(part[0]), part[1], 1), total, at, mask);
}

/* A tile where sq_attention_few_u8__avx512_fits; kind is a constant where this is called. */
static inline __attribute__((always_inline)) void sq_attention_body_u8__avx512_few(
    const int kind, const sq_attention_u8_args *a, const sq_attention_body_u8__avx512_tiles *tiles,
    const sq_attention_body_u8__avx512_scratch *s, const sq_attention_codes_u8__avx512_table *table,
    const sq_attention_body_u8__avx512_queries *t) {
  int32_t sums[SQ_ATTENTION_U8_TILE * 32];
  const __mmask16 mask = (__mmask16)((1u << a->cv) - 1);
  tiles->products(t->rows, s->q, s->q_stride, s->q_stride, s->terms, s->k, sums, 32);
  /* Rows behind the last query are there, and not used. */
  for (int64_t r = t->rows; r < sq_attention_u8_round(t->rows, 4); r++)
    for (int64_t j = 0; j < 32; j += 16) _mm512_storeu_si512(sums + 32 * r + j, _mm512_setzero_si512());
  for (int64_t r = 0; r < t->rows; r += 4) {
    int32_t high[64], low[64], total[4];
    sq_attention_few_u8__avx512_four(kind, a, table, sums + 32 * r, s->v, high, low, total);
    for (int64_t i = 0; i < sq_min_i64(4, t->rows - r); i++) {
      /* 16 probabilities of 15 bits times values of 8 fit 32 bits. */
      const int32_t zero_point = total[i] * (128 - a->zv);
      __m512i sum = _mm512_add_epi32(_mm512_loadu_si512(low + 16 * i), _mm512_set1_epi32(zero_point));
      if (table->planes == 2) sum = _mm512_add_epi32(sum, _mm512_slli_epi32(_mm512_loadu_si512(high + 16 * i), 8));
      sq_attention_body_u8__avx512_store(a, _mm512_cvtepi32_ps(sum), total[i],
                                         t->b * a->out_batch + t->token[r + i] * a->out_row + t->h * a->cv, mask);
    }
  }
}

static void sq_attention_body_u8__avx512_tile(const sq_attention_u8_args *a, const sq_attention_body_u8__avx512_tiles *tiles,
                                             const sq_attention_body_u8__avx512_scratch *s,
                                             const sq_attention_codes_u8__avx512_table *table,
                                             const sq_attention_body_u8__avx512_queries *t) {
  enum { MR = SQ_ATTENTION_U8_TILE };
  const int64_t keys = sq_attention_u8_round(a->n, 64), depth = sq_attention_u8_round(sq_attention_pack_u8__avx512_groups(a->n) * 4, tiles->depth);
  const int64_t planes = table->planes, rows = t->rows * planes;
  const int32_t zeros[32] = {0};
  float max[MR];
  int32_t total[MR], acc[2 * MR * 32];
  if (sq_attention_few_u8__avx512_fits(a)) {
    if (a->kind == SQ_ATTENTION_ROW_LOG2) sq_attention_body_u8__avx512_few(SQ_ATTENTION_ROW_LOG2, a, tiles, s, table, t);
    else sq_attention_body_u8__avx512_few(SQ_ATTENTION_ROW_UNIFORM, a, tiles, s, table, t);
    return;
  }
  sq_attention_body_u8__avx512_logits(a, s, t, tiles->products, max);
  for (int64_t r = 0; r < t->rows; r++) {
    uint8_t *p = s->p + r * planes * s->row;
    total[r] = sq_attention_codes_u8__avx512_run(a, table, s->x + r * s->row, max[r], p, p + (planes - 1) * s->row);
  }
  for (int64_t ch = 0; ch < a->cv; ch += 32) {
    for (int64_t r = 0; r < rows; r += tiles->rows)
      tiles->products(sq_min_i64(tiles->rows, rows - r), s->p + r * s->row, s->row, depth, zeros, s->v + ch * keys, acc + r * 32, 32);
    for (int64_t r = 0; r < t->rows; r++) {
      const int32_t *high = acc + r * planes * 32, *low = high + (planes - 1) * 32;
      const int64_t at = t->b * a->out_batch + t->token[r] * a->out_row + t->h * a->cv + ch;
      for (int64_t half = 0; half < 32 && ch + half < a->cv; half += 16) {
        const int64_t left = a->cv - ch - half;
        const __mmask16 mask = (__mmask16)(left >= 16 ? 0xffff : (1 << left) - 1);
        sq_attention_body_u8__avx512_finish(a, planes == 2 ? high + half : NULL, low + half, total[r], at + half, mask);
      }
    }
  }
}

SQ_UNUSED static void sq_attention_body_u8__avx512(const sq_attention_u8_args *a, int64_t begin, int64_t end, int64_t worker,
                                                   const sq_attention_body_u8__avx512_tiles *tiles) {
  const int64_t windows = sq_attention_u8_windows(a), groups = sq_attention_u8_groups(a);
  const int64_t windows_x = a->win_h > 0 ? sq_ceil_div_i64(a->grid_w, a->win_w) : 1;
  const sq_attention_body_u8__avx512_scratch s = sq_attention_body_u8__avx512_divide(a, a->scratch + worker * a->scratch_stride);
  const sq_attention_codes_u8__avx512_table table = sq_attention_codes_u8__avx512_split(a);
  int64_t packed = -1; /* the head whose keys and values are in scratch */
  /* Four queries at a time fill their vectors. */
  const int64_t queries = sq_attention_few_u8__avx512_fits(a) ? SQ_ATTENTION_FEW_U8__AVX512_QUERIES : tiles->queries;
  for (int64_t unit = begin; unit < end; unit++) {
    sq_attention_body_u8__avx512_queries t;
    t.item = unit / groups / a->heads, t.h = unit / groups % a->heads, t.b = t.item / windows;
    t.y0 = a->win_h > 0 ? t.item % windows / windows_x * a->win_h : 0;
    t.x0 = a->win_h > 0 ? t.item % windows % windows_x * a->win_w : 0;
    if (packed != unit / groups) {
      packed = unit / groups;
      sq_attention_pack_u8__avx512_k(a, a->k + t.b * a->k_batch + t.h * a->c, a->k_pad ? a->k_pad + t.h * a->c : NULL, t.y0, t.x0, s.k,
                                     s.terms);
      sq_attention_pack_u8__avx512_v(a, a->v + t.b * a->v_batch + t.h * a->cv, a->v_pad ? a->v_pad + t.h * a->cv : NULL, t.y0, t.x0,
                                     s.v);
    }
    const int64_t first = unit % groups * SQ_ATTENTION_U8_QUERIES, last = sq_min_i64(a->m, first + SQ_ATTENTION_U8_QUERIES);
    for (int64_t i = first; i < last; i += queries) {
      sq_attention_body_u8__avx512_gather(a, &s, i, sq_min_i64(last, i + queries), &t);
      if (t.rows > 0) sq_attention_body_u8__avx512_tile(a, tiles, &s, &table, &t);
    }
  }
}

#endif
