#ifndef SQ_ATTENTION_F32_H
#define SQ_ATTENTION_F32_H
/*
 * Attention, softmax(scale * q k^T + relative position + bias) v, without the m x n matrix.
 *
 * Token-major operands: element (batch b, token i, head h, channel j) of q is q[b*q_batch + i*q_row + h*c + j]; k
 * likewise; v and out with cv channels a head. Strides are in elements. out may not overlap the others.
 *
 * Relative position (SAM's decomposed form), where rel_h and rel_w are not NULL: query token i = y * rel_qw + x, key token
 * = ky * rel_kw + kx; the logit gets (q . rel_h[y][ky]) + (q . rel_w[x][kx]) with the unscaled q.
 *   rel_h: [m / rel_qw, rel_kh, c], rel_w: [rel_qw, rel_kw, c], contiguous; n = rel_kh * rel_kw.
 * Bias, where not NULL: the logit gets bias[b*bias_batch + h*bias_head + i*bias_row + key]; strides of 0 broadcast. With
 *   windows, b counts the windows too (b * windows + window).
 *
 * Windows, where win_h > 0: q, k, v, out hold grid_h * grid_w tokens in row-major order and attention is inside each window
 * of win_h x win_w tokens; windows start at multiples of their size and the last ones hang over the grid. m = n = win_h *
 * win_w. A key outside the grid has k from k_pad[heads * c] and v from v_pad[heads * cv] (a zero token's projection:
 * the bias of its linear layer; NULL for zeros); a query outside the grid is not computed. Windows are numbered row-major.
 *
 * Scalar definition of `sq_attention_f32` for one query (all sums sequential from 0 unless said, one rounding an operation):
 *   l[j] = (sum_c q[c] * k[j][c]) * scale; l[j] = l[j] + ((sum_c q[c] * rel_h[y][ky][c]) + (sum_c q[c] * rel_w[x][kx][c]));
 *   l[j] = l[j] + bias[j];  mx = max_j l[j];  p[j] = sq_exp_softmax_f32(l[j] - mx);  s = 16-lane sum of p (sq_math.h);
 *   out[d] = (sum_j p[j] * v[j][d]) / s
 * bit for bit on every ISA. `sq_attention_f32_fast` fuses, and rescales as the maximum grows.
 *
 * A unit is a batch item (or window), head and group of up to SQ_ATTENTION_F32_QUERIES queries.
 * scratch: sq_attention_f32_scratch_bytes a worker, 4-byte aligned.
 */
#include "sq_kernel.h"

typedef struct sq_attention_f32_args {
  const float *q;
  int64_t q_batch, q_row;
  const float *k;
  int64_t k_batch, k_row;
  const float *v;
  int64_t v_batch, v_row;
  float *out;
  int64_t out_batch, out_row;
  int64_t batch, heads, m, n, c, cv;
  float scale;
  const float *rel_h, *rel_w;
  int64_t rel_qw, rel_kh, rel_kw;
  const float *bias;
  int64_t bias_batch, bias_head, bias_row;
  int64_t grid_h, grid_w, win_h, win_w;
  const float *k_pad, *v_pad;
  uint8_t *scratch;
  int64_t scratch_stride;
} sq_attention_f32_args;

typedef sq_attention_f32_args sq_attention_f32_fast_args;

#define SQ_ATTENTION_F32_QUERIES 512
#define SQ_ATTENTION_F32_KEYS 256 /* keys packed at a time */
#define SQ_ATTENTION_F32_TILE 16  /* at least the rows of every register tile */

SQ_UNUSED static inline int64_t sq_attention_f32_windows(const sq_attention_f32_args *a) {
  return a->win_h > 0 ? sq_ceil_div_i64(a->grid_h, a->win_h) * sq_ceil_div_i64(a->grid_w, a->win_w) : 1;
}

SQ_UNUSED static inline int64_t sq_attention_f32_units(const sq_attention_f32_args *a) {
  return a->batch * sq_attention_f32_windows(a) * a->heads * sq_ceil_div_i64(a->m, SQ_ATTENTION_F32_QUERIES);
}

SQ_UNUSED static inline int64_t sq_attention_f32_fast_units(const sq_attention_f32_args *a) {
  return sq_attention_f32_units(a);
}

/* Sizes of one worker's scratch, in floats; widths are rounded up to 32, the widest panel. */
SQ_UNUSED static inline int64_t sq_attention_f32_round(int64_t x) { return (x + 31) / 32 * 32; }

SQ_UNUSED static inline int64_t sq_attention_f32_scratch_bytes(const sq_attention_f32_args *a) {
  int64_t queries = sq_min_i64(a->m, SQ_ATTENTION_F32_QUERIES);
  int64_t keys = sq_attention_f32_round(sq_min_i64(a->n, SQ_ATTENTION_F32_KEYS));
  int64_t rel_h = a->rel_h ? sq_attention_f32_round(a->rel_kh) : 0, rel_w = a->rel_w ? sq_attention_f32_round(a->rel_kw) : 0;
  int64_t cv = sq_attention_f32_round(a->cv);
  int64_t floats = keys * (a->c + cv)                                 /* keys, values */
                   + queries * (a->c + cv + rel_h + rel_w + 17)       /* q, output, relative terms, maximum and 16 sums */
                   + SQ_ATTENTION_F32_TILE * (keys + 16)              /* a tile of logits */
                   + sq_max_i64(rel_h, rel_w) * a->c;                 /* one relative table */
  return floats * (int64_t)sizeof(float);
}

#endif
