#ifndef SQ_ATTENTION_BODY_F32_H
#define SQ_ATTENTION_BODY_F32_H
/*
 * The loops of every sq_attention_f32 and sq_attention_f32_fast. A unit's queries (up to 512) stay in scratch while the
 * keys pass by 256 at a time, packed for the register tile; a tile of mr queries makes its logits with those keys, turns
 * them into weights in place, and adds weights * values to its rows of the output. So each key is packed once per 512
 * queries and a tile of logits (mr x 256) never leaves the level-1 cache.
 *
 * Fast: one pass, the output rescaled when a later key raises the row's maximum. Exact: a first pass finds the maximum.
 */
#include "sq_attention_f32.h"
#include "sq_tile_f32.h"

/* What a row of logits gets on its way from dot products: see sq_attention_f32_logits. */
typedef struct sq_attention_f32_row {
  float scale;
  const float *rel_h, *rel_w; /* this query's terms, [rel_kh] and [rel_kw]; or NULL */
  int64_t rel_kw;
  const float *bias; /* this query's row, from key 0; or NULL */
} sq_attention_f32_row;

typedef struct sq_attention_f32_ops {
  int64_t mr, nr, half; /* the register tile; half: the narrower width it has, or 0 */
  int exact;
  sq_tile_f32 tile;
  /* panel[ch * nr + j] = rows[j][ch] for j < count, else 0; a NULL row is zero. */
  void (*pack)(const float *const *rows, int64_t count, int64_t channels, int64_t nr, float *panel);
  /* Finishes the dot products of keys [first, first + count) in place; returns the maximum. Pads to a multiple of 16 with -infinity. */
  float (*logits)(float *l, int64_t first, int64_t count, const sq_attention_f32_row *row);
  /* l = sq_exp_softmax_f32(l - base), and its 16-lane partial sums into lanes; count a multiple of 16. */
  void (*weights)(float *l, int64_t count, float base, float *lanes);
} sq_attention_f32_ops;

#define SQ_ATTENTION_F32_MINUS_INFINITY sq_from_bits_f32(0xff800000u)

SQ_UNUSED static inline void sq_attention_f32_pack(const float *const *rows, int64_t count, int64_t channels, int64_t nr,
                                                   float *restrict panel) {
  for (int64_t j = 0; j < nr; j++) {
    const float *row = j < count ? rows[j] : (const float *)0;
    for (int64_t ch = 0; ch < channels; ch++) panel[ch * nr + j] = row ? row[ch] : 0.0f;
  }
}

SQ_UNUSED static inline float sq_attention_f32_logits(float *restrict l, int64_t first, int64_t count,
                                                      const sq_attention_f32_row *row) {
  float top[16];
  for (int64_t j = 0; j < count; j++) l[j] = l[j] * row->scale;
  if (row->rel_h) {
    int64_t ky = first / row->rel_kw, kx = first % row->rel_kw;
    for (int64_t j = 0; j < count; ky++, kx = 0) {
      int64_t run = sq_min_i64(row->rel_kw - kx, count - j);
      for (int64_t t = 0; t < run; t++) l[j + t] = l[j + t] + (row->rel_h[ky] + row->rel_w[kx + t]);
      j += run;
    }
  }
  if (row->bias)
    for (int64_t j = 0; j < count; j++) l[j] = l[j] + row->bias[first + j];
  for (int64_t j = count; j % 16 != 0; j++) l[j] = SQ_ATTENTION_F32_MINUS_INFINITY;
  for (int i = 0; i < 16; i++) top[i] = SQ_ATTENTION_F32_MINUS_INFINITY;
  for (int64_t j = 0; j < count; j += 16)
    for (int i = 0; i < 16; i++) top[i] = sq_max_f32(l[j + i], top[i]);
  for (int i = 1; i < 16; i++) top[0] = sq_max_f32(top[i], top[0]);
  return top[0];
}

SQ_UNUSED static inline void sq_attention_f32_weights(float *restrict l, int64_t count, float base, float *restrict lanes) {
  for (int64_t j = 0; j < count; j += 16) {
    for (int i = 0; i < 16; i++) l[j + i] = sq_exp_softmax_f32(l[j + i] - base);
    for (int i = 0; i < 16; i++) lanes[i] = lanes[i] + l[j + i];
  }
}

/* Walks the tokens of a window (or of a batch item, where there are none) in order, without a division a token. */
typedef struct sq_attention_f32_cursor {
  int64_t token, column, left, line, rows_left;
} sq_attention_f32_cursor;

SQ_UNUSED static inline sq_attention_f32_cursor sq_attention_f32_start(const sq_attention_f32_args *a, int64_t window, int64_t i) {
  sq_attention_f32_cursor at = {i, 0, INT64_MAX, 0, INT64_MAX};
  if (a->win_h <= 0) return at;
  int64_t columns = sq_ceil_div_i64(a->grid_w, a->win_w);
  int64_t y = window / columns * a->win_h + i / a->win_w, x0 = window % columns * a->win_w;
  at.column = i % a->win_w;
  at.left = a->grid_w - x0; /* columns of the window that are inside the grid */
  at.line = y * a->grid_w + x0;
  at.rows_left = a->grid_h - y;
  return at;
}

/* Where the token is among the stored ones, -1 outside the grid; moves on to the next. */
SQ_UNUSED static inline int64_t sq_attention_f32_next(const sq_attention_f32_args *a, sq_attention_f32_cursor *at) {
  if (a->win_h <= 0) return at->token++;
  int64_t token = at->rows_left > 0 && at->column < at->left ? at->line + at->column : -1;
  if (++at->column == a->win_w) {
    at->column = 0;
    at->line += a->grid_w;
    at->rows_left--;
  }
  return token;
}

/* Multiplies `rows` rows (c long, `step` rows apart) with packed panels: out[r * step][0 .. round32(n)). */
SQ_UNUSED static inline void sq_attention_f32_product(const sq_attention_f32_ops *ops, int64_t rows, int64_t step, int64_t c,
                                                      int64_t n, const float *q, const float *panels, float *out,
                                                      int64_t out_stride) {
  for (int64_t j = 0; j < n; j += ops->nr) {
    int64_t width = n - j <= ops->half ? ops->half : ops->nr;
    for (int64_t r = 0; r < rows; r += ops->mr)
      ops->tile(sq_min_i64(ops->mr, rows - r), width, c, q + r * step * c, step * c, panels + j * c,
                out + r * step * out_stride + j, step * out_stride, 0);
  }
}

SQ_UNUSED static inline void sq_attention_f32_pack_table(const sq_attention_f32_ops *ops, const float *table, int64_t n,
                                                         int64_t c, float *panels) {
  const float *rows[32];
  for (int64_t j = 0; j < n; j += ops->nr) {
    int64_t count = sq_min_i64(ops->nr, n - j);
    for (int64_t t = 0; t < count; t++) rows[t] = table + (j + t) * c;
    ops->pack(rows, count, c, ops->nr, panels + j * c);
  }
}

/* The relative terms of queries [i0, i0 + queries): queries of one grid row (column) share a table. */
SQ_UNUSED static inline void sq_attention_f32_relative(const sq_attention_f32_args *a, const sq_attention_f32_ops *ops,
                                                       int64_t i0, int64_t queries, const float *q, float *table,
                                                       float *out_h, float *out_w) {
  int64_t c = a->c, qw = a->rel_qw;
  int64_t stride_h = sq_attention_f32_round(a->rel_kh), stride_w = sq_attention_f32_round(a->rel_kw);
  for (int64_t r = 0; r < queries;) {
    int64_t y = (i0 + r) / qw, count = sq_min_i64(queries - r, (y + 1) * qw - (i0 + r));
    sq_attention_f32_pack_table(ops, a->rel_h + y * a->rel_kh * c, a->rel_kh, c, table);
    sq_attention_f32_product(ops, count, 1, c, a->rel_kh, q + r * c, table, out_h + r * stride_h, stride_h);
    r += count;
  }
  for (int64_t r = 0; r < sq_min_i64(qw, queries); r++) {
    int64_t x = (i0 + r) % qw, count = sq_ceil_div_i64(queries - r, qw);
    sq_attention_f32_pack_table(ops, a->rel_w + x * a->rel_kw * c, a->rel_kw, c, table);
    sq_attention_f32_product(ops, count, qw, c, a->rel_kw, q + r * c, table, out_w + r * stride_w, stride_w);
  }
}

/* One worker's scratch; the sizes are those of sq_attention_f32_scratch_bytes. */
typedef struct sq_attention_f32_buffers {
  float *keys, *values, *queries, *out, *rel_h, *rel_w, *top, *lanes, *logits, *table;
  int64_t logits_stride, out_stride, rel_h_stride, rel_w_stride;
} sq_attention_f32_buffers;

SQ_UNUSED static inline sq_attention_f32_buffers sq_attention_f32_carve(const sq_attention_f32_args *a, int64_t worker) {
  int64_t queries = sq_min_i64(a->m, SQ_ATTENTION_F32_QUERIES);
  int64_t keys = sq_attention_f32_round(sq_min_i64(a->n, SQ_ATTENTION_F32_KEYS));
  sq_attention_f32_buffers b;
  b.out_stride = sq_attention_f32_round(a->cv);
  b.rel_h_stride = a->rel_h ? sq_attention_f32_round(a->rel_kh) : 0;
  b.rel_w_stride = a->rel_w ? sq_attention_f32_round(a->rel_kw) : 0;
  b.logits_stride = keys + 16;
  b.keys = (float *)(void *)(a->scratch + worker * a->scratch_stride);
  b.values = b.keys + keys * a->c;
  b.queries = b.values + keys * b.out_stride;
  b.out = b.queries + queries * a->c;
  b.rel_h = b.out + queries * b.out_stride;
  b.rel_w = b.rel_h + queries * b.rel_h_stride;
  b.top = b.rel_w + queries * b.rel_w_stride;
  b.lanes = b.top + queries;
  b.logits = b.lanes + queries * 16;
  b.table = b.logits + SQ_ATTENTION_F32_TILE * b.logits_stride;
  return b;
}

/* Packs keys [first, first + count) of a head into panels, and their values into panels of nr channels. */
SQ_UNUSED static inline void sq_attention_f32_load(const sq_attention_f32_args *a, const sq_attention_f32_ops *ops,
                                                   int64_t item, int64_t window, int64_t head, int64_t first, int64_t count,
                                                   int with_values, const sq_attention_f32_buffers *b) {
  const float *rows[SQ_ATTENTION_F32_KEYS];
  sq_attention_f32_cursor at = sq_attention_f32_start(a, window, first);
  for (int64_t j = 0; j < count; j++) {
    int64_t t = sq_attention_f32_next(a, &at);
    rows[j] = t >= 0     ? a->k + item * a->k_batch + t * a->k_row + head * a->c
              : a->k_pad ? a->k_pad + head * a->c
                         : a->k_pad;
  }
  for (int64_t j = 0; j < count; j += ops->nr)
    ops->pack(rows + j, sq_min_i64(ops->nr, count - j), a->c, ops->nr, b->keys + j * a->c);
  if (!with_values) return;
  at = sq_attention_f32_start(a, window, first);
  for (int64_t j = 0; j < count; j++) {
    int64_t t = sq_attention_f32_next(a, &at);
    const float *row = t >= 0     ? a->v + item * a->v_batch + t * a->v_row + head * a->cv
                       : a->v_pad ? a->v_pad + head * a->cv
                                  : a->v_pad;
    for (int64_t d = 0; d < a->cv; d += ops->nr) {
      int64_t width = sq_min_i64(ops->nr, a->cv - d);
      float *restrict to = b->values + d * count + j * ops->nr;
      if (row && width == ops->nr)
        for (int64_t t2 = 0; t2 < ops->nr; t2++) to[t2] = row[d + t2];
      else
        for (int64_t t2 = 0; t2 < ops->nr; t2++) to[t2] = row && t2 < width ? row[d + t2] : 0.0f;
    }
  }
}

/* Weights of one tile of rows against the loaded keys: turns b->logits in place and rescales the rows' output. */
SQ_UNUSED static inline void sq_attention_f32_soften(const sq_attention_f32_ops *ops, const sq_attention_f32_buffers *b,
                                                     float *l, int64_t row, float found, int64_t padded) {
  float *restrict out = b->out + row * b->out_stride, *restrict lanes = b->lanes + row * 16;
  float base = b->top[row];
  if (!ops->exact && found > base) {
    float factor = sq_exp_softmax_f32(base - found);
    for (int64_t d = 0; d < b->out_stride; d++) out[d] = out[d] * factor;
    for (int i = 0; i < 16; i++) lanes[i] = lanes[i] * factor;
    b->top[row] = base = found;
  }
  /* A row that is -infinity so far: against 0, its weights are 0 and not NaN. */
  if (!ops->exact && base == SQ_ATTENTION_F32_MINUS_INFINITY) base = 0.0f;
  ops->weights(l, padded, base, lanes);
}

SQ_UNUSED static inline void sq_attention_f32_unit(const sq_attention_f32_args *a, const sq_attention_f32_ops *ops,
                                                   const sq_attention_f32_buffers *b, int64_t item, int64_t window,
                                                   int64_t head, int64_t i0, int64_t queries) {
  int64_t bias_item = item * sq_attention_f32_windows(a) + window;
  sq_attention_f32_cursor at = sq_attention_f32_start(a, window, i0);
  for (int64_t r = 0; r < queries; r++) {
    int64_t t = sq_attention_f32_next(a, &at);
    const float *row = t >= 0 ? a->q + item * a->q_batch + t * a->q_row + head * a->c : a->q;
    for (int64_t ch = 0; ch < a->c; ch++) b->queries[r * a->c + ch] = t >= 0 ? row[ch] : 0.0f;
    b->top[r] = SQ_ATTENTION_F32_MINUS_INFINITY;
  }
  for (int64_t t = 0; t < queries * 16; t++) b->lanes[t] = 0.0f;
  for (int64_t t = 0; t < queries * b->out_stride; t++) b->out[t] = 0.0f;
  if (a->rel_h) sq_attention_f32_relative(a, ops, i0, queries, b->queries, b->table, b->rel_h, b->rel_w);

  for (int pass = ops->exact ? 0 : 1; pass < 2; pass++)
    for (int64_t first = 0; first < a->n; first += SQ_ATTENTION_F32_KEYS) {
      int64_t count = sq_min_i64(SQ_ATTENTION_F32_KEYS, a->n - first), padded = (count + 15) / 16 * 16;
      sq_attention_f32_load(a, ops, item, window, head, first, count, pass == 1, b);
      for (int64_t r = 0; r < queries; r += ops->mr) {
        int64_t rows = sq_min_i64(ops->mr, queries - r);
        sq_attention_f32_product(ops, rows, 1, a->c, count, b->queries + r * a->c, b->keys, b->logits, b->logits_stride);
        float found[SQ_ATTENTION_F32_TILE];
        for (int64_t t = 0; t < rows; t++) {
          sq_attention_f32_row row = {a->scale, a->rel_h, a->rel_w, a->rel_kw, a->bias};
          if (a->rel_h) {
            row.rel_h = b->rel_h + (r + t) * b->rel_h_stride;
            row.rel_w = b->rel_w + (r + t) * b->rel_w_stride;
          }
          if (a->bias)
            row.bias = a->bias + bias_item * a->bias_batch + head * a->bias_head + (i0 + r + t) * a->bias_row;
          found[t] = ops->logits(b->logits + t * b->logits_stride, first, count, &row);
        }
        for (int64_t t = 0; t < rows; t++) {
          if (pass == 1)
            sq_attention_f32_soften(ops, b, b->logits + t * b->logits_stride, r + t, found[t], padded);
          else
            b->top[r + t] = sq_max_f32(found[t], b->top[r + t]);
        }
        if (pass == 1)
          for (int64_t d = 0; d < a->cv; d += ops->nr)
            ops->tile(rows, a->cv - d <= ops->half ? ops->half : ops->nr, count, b->logits, b->logits_stride,
                      b->values + d * count, b->out + r * b->out_stride + d, b->out_stride, 1);
      }
    }

  at = sq_attention_f32_start(a, window, i0);
  for (int64_t r = 0; r < queries; r++) {
    int64_t t = sq_attention_f32_next(a, &at);
    if (t < 0) continue;
    float s = sq_tree16_f32(b->lanes + r * 16);
    float *out = a->out + item * a->out_batch + t * a->out_row + head * a->cv;
    for (int64_t d = 0; d < a->cv; d++) out[d] = b->out[r * b->out_stride + d] / s;
  }
}

SQ_UNUSED static inline void sq_attention_f32_body(const sq_attention_f32_args *a, int64_t begin, int64_t end, int64_t worker,
                                                   const sq_attention_f32_ops *ops) {
  sq_attention_f32_buffers b = sq_attention_f32_carve(a, worker);
  int64_t groups = sq_ceil_div_i64(a->m, SQ_ATTENTION_F32_QUERIES), windows = sq_attention_f32_windows(a);
  for (int64_t u = begin; u < end; u++) {
    int64_t i0 = u % groups * SQ_ATTENTION_F32_QUERIES, head = u / groups % a->heads, window = u / groups / a->heads;
    sq_attention_f32_unit(a, ops, &b, window / windows, window % windows, head, i0,
                          sq_min_i64(SQ_ATTENTION_F32_QUERIES, a->m - i0));
  }
}

#endif
