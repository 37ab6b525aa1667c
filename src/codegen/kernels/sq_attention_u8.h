#ifndef SQ_ATTENTION_U8_H
#define SQ_ATTENTION_U8_H
/*
 * sq_attention_u8: integer attention, fused for each head and query tile; the m x n matrix is never stored.
 *
 * Operands are token-major codes of 4, 6 or 8 bits in bytes: element (batch b, token i, head h, channel j) of q is
 * q[b*q_batch + i*q_row + h*c + j]; k likewise; v and out have cv channels a head. Strides in elements. out may not overlap
 * the inputs. For one query, 0 <= j < n; every float operation is one binary32 operation in the order written:
 *
 *   a[j] = sum_ch (q[ch] - zq) * (k[j][ch] - k_offset)        exact in 32 bits
 *          Any k_offset with -128 <= k - k_offset <= 127 for every code in use: a constant of the row, which softmax
 *          ignores, apart, this is the dequantized logit. 128 for 8 bits; k's zero point for fewer.
 *   x[j] = float(a[j]) * logit_scale
 *   x[j] = (x[j] + rh[ky]) + rw[kx]                           where rel_h and rel_w are given (below)
 *   x[j] = x[j] + bias[b*bias_batch + h*bias_head + i*bias_row + j]      where bias is given; strides of 0 broadcast
 *   mx = max_j x[j]   (starting at -infinity; a NaN never becomes the maximum)
 *   d[j] = mx - x[j]
 *
 * Codes and result, by kind; limit(t, low, high): t = t < high ? t : high; t = t > low ? t : low (so NaN -> high):
 *   SQ_ATTENTION_ROW_LOG2     t = d[j] * t_scale, t_scale = tau * log2(e);
 *                             code = rne(limit(t, offset, levels - 1 + offset)) - offset
 *   SQ_ATTENTION_ROW_UNIFORM  t = sq_exp2_f32((x[j] - mx) * log2(e)) * (levels - 1);
 *                             t = t > 0 ? t : 0;  t = t < levels - 1 ? t : levels - 1;  code = rne(t)
 *   SQ_ATTENTION_AGQ          s = sum16_j sq_exp2_f32((x[j] - mx) * log2(e)), 16 lanes over natural j (NUMERICS: lane l adds
 *                             j = l, l + 16, ... in order, then distance 8, 4, 2, 1);
 *                             r = tau * (sq_log2_f32(s) + log2_s);  t = d[j] * t_scale + r (two operations);
 *                             code = rne(limit(t, 0, levels - 1))
 *   N[ch] = sum_j table[code[j]] * (v[j][ch] - zv)            exact, 64 bits
 *   D     = sum_j table[code[j]]                              exact, 32 bits
 *   result[ch] = float(N[ch]) / float(D), 0 where D = 0       row_log2, row_uniform
 *   result[ch] = float(N[ch]) * agq_scale                     agq; agq_scale = s / table[0]
 *   out_u8 = code(result * out_mul, out_zp, out_qmax) where given (sq_code.h; out_mul = scale_v / scale_out);
 *   out_f32 = result * v_scale where given
 *
 * table: s16 [levels], 0 <= table[] <= 32767, levels <= 256: round(32767 * 2^(-code / tau)) with the last 0, or the code
 * itself for row_uniform. Where all entries are <= 255, half of the second product is saved.
 *
 * Relative position (SAM's decomposed form): query = y * rel_qw + xq, key = ky * rel_kw + kx, n = rel_kh * rel_kw;
 *   rh[ky] = float(sum_ch (q[ch] - zq) * R_h[y][ky][ch]) * rel_h_scale; rw[kx] with R_w[xq][kx] likewise. The tables are s8,
 *   packed slice by slice (a slice for each y, or xq), K = keys of the slice rounded up to 16, C4 = ceil(c / 4):
 *     s32 [K]: -zq * sum_ch R[key][ch];   s8 [C4][K][4]: R[key][4*g + e] at (g, key, e);   zeros in all padding
 *   rel_h: [m / rel_qw] slices of rel_kh keys, rel_w: [rel_qw] slices of rel_kw keys. 4-byte aligned.
 *
 * Windows, where win_h > 0: q, k, v, out hold grid_h * grid_w tokens in row-major order; attention is inside each window of
 * win_h * win_w tokens; windows start at multiples of their size and the last ones hang over the grid. m = n = win_h*win_w.
 * A key outside the grid takes its codes from k_pad [heads*c] and v_pad [heads*cv]; a query outside is not computed. Windows
 * are numbered row-major; bias then takes b * windows + window for b.
 *
 * Bounds: 1 <= c <= 32768, 1 <= n <= 65536.
 * A unit is a batch item (or window), a head and up to SQ_ATTENTION_U8_QUERIES queries, queries fastest, then heads.
 * Scratch a worker: sq_attention_u8_scratch_bytes, 64-byte aligned; the same on every ISA.
 */
#include "sq_code.h"

enum { SQ_ATTENTION_ROW_LOG2 = 0, SQ_ATTENTION_ROW_UNIFORM = 1, SQ_ATTENTION_AGQ = 2 };

#define SQ_ATTENTION_U8_QUERIES 448 /* a unit: whole tiles of 14 and of 16 */
#define SQ_ATTENTION_U8_TILE 16     /* at least the queries of every register tile */
#define SQ_ATTENTION_U8_LOG2E 1.44269502f

typedef struct {
  const uint8_t *q;
  int64_t q_batch, q_row;
  const uint8_t *k;
  int64_t k_batch, k_row;
  const uint8_t *v;
  int64_t v_batch, v_row;
  uint8_t *out_u8;
  float *out_f32;
  int64_t out_batch, out_row;
  int64_t batch, heads, m, n, c, cv;
  int32_t zq, k_offset, zv;
  int32_t kind;
  float logit_scale;
  float t_scale;
  int32_t offset;
  float tau, log2_s, agq_scale;
  const int16_t *table;
  int32_t levels;
  float out_mul, v_scale;
  int32_t out_zp, out_qmax;
  const int8_t *rel_h, *rel_w;
  float rel_h_scale, rel_w_scale;
  int64_t rel_qw, rel_kh, rel_kw;
  const float *bias;
  int64_t bias_batch, bias_head, bias_row;
  int64_t grid_h, grid_w, win_h, win_w;
  const uint8_t *k_pad, *v_pad;
  uint8_t *scratch;
  int64_t scratch_stride;
} sq_attention_u8_args;

SQ_UNUSED static inline int64_t sq_attention_u8_windows(const sq_attention_u8_args *a) {
  return a->win_h > 0 ? sq_ceil_div_i64(a->grid_h, a->win_h) * sq_ceil_div_i64(a->grid_w, a->win_w) : 1;
}

SQ_UNUSED static inline int64_t sq_attention_u8_groups(const sq_attention_u8_args *a) {
  return sq_ceil_div_i64(a->m, SQ_ATTENTION_U8_QUERIES);
}

SQ_UNUSED static inline int64_t sq_attention_u8_units(const sq_attention_u8_args *a) {
  return a->batch * sq_attention_u8_windows(a) * a->heads * sq_attention_u8_groups(a);
}

SQ_UNUSED static inline int64_t sq_attention_u8_round(int64_t x, int64_t to) { return (x + to - 1) / to * to; }

/* Keys in the order in which logits are computed: a row of the key grid starts a new group of 16 where there is one. */
SQ_UNUSED static inline int64_t sq_attention_u8_padded_keys(const sq_attention_u8_args *a) {
  int64_t keys = a->rel_h ? a->rel_kh * sq_attention_u8_round(a->rel_kw, 16) : a->n;
  return sq_attention_u8_round(keys, 32);
}

/* Elements between the rows of logits, and bytes between those of probabilities. */
SQ_UNUSED static inline int64_t sq_attention_u8_row(const sq_attention_u8_args *a) {
  return sq_attention_u8_round(a->n, 64) + 64;
}

SQ_UNUSED static inline int64_t sq_attention_u8_scratch_bytes(const sq_attention_u8_args *a) {
  int64_t keys = sq_attention_u8_padded_keys(a), row = sq_attention_u8_row(a);
  int64_t c = sq_attention_u8_round(a->c, 4), cv = sq_attention_u8_round(a->cv, 32);
  int64_t rel = a->rel_h ? sq_attention_u8_round(a->rel_kh, 16) + sq_attention_u8_round(a->rel_kw, 16) : 0;
  int64_t bytes = keys * (2 * c + 4)                                /* keys (s16 on some ISAs) and their terms */
                  + row * 2 * cv                                    /* values, likewise */
                  + SQ_ATTENTION_U8_TILE * row * 6                  /* logits; probabilities */
                  + SQ_ATTENTION_U8_TILE * (2 * c + 4 * rel + 8 * cv) /* queries, relative terms, sums */
                  + 4096;                                           /* tables, alignment of the parts */
  return sq_attention_u8_round(bytes, 64);
}

#endif
