#ifndef SQ_ATTENTION_ROW_U8_H
#define SQ_ATTENTION_ROW_U8_H
/* What attentions share: everything about one row that is not a product. */
#include "sq_attention_u8.h"
#include "sq_math.h"

/* Key j of a window at (y0, x0), or of the whole sequence, in k or v: its token's row, or the padding's. */
SQ_UNUSED static inline const uint8_t *sq_attention_row_u8_key(const sq_attention_u8_args *a, const uint8_t *tokens, int64_t row,
                                                               const uint8_t *pad, int64_t y0, int64_t x0, int64_t j) {
  if (a->win_h <= 0) return tokens + j * row;
  int64_t y = y0 + j / a->win_w, x = x0 + j % a->win_w;
  return y < a->grid_h && x < a->grid_w ? tokens + (y * a->grid_w + x) * row : pad;
}

/* The token of query i, -1 outside the grid. */
SQ_UNUSED static inline int64_t sq_attention_row_u8_query(const sq_attention_u8_args *a, int64_t y0, int64_t x0, int64_t i) {
  if (a->win_h <= 0) return i;
  int64_t y = y0 + i / a->win_w, x = x0 + i % a->win_w;
  return y < a->grid_h && x < a->grid_w ? y * a->grid_w + x : -1;
}

/* rel[key] = float(sum_ch (q[ch] - zq) * R[key][ch]) * scale, from one packed slice. */
SQ_UNUSED static inline void sq_attention_row_u8_relative(const sq_attention_u8_args *a, const uint8_t *q, const int8_t *tables,
                                                          int64_t slice, int64_t keys, float scale, float *rel) {
  int64_t padded = sq_attention_u8_round(keys, 16), groups = sq_ceil_div_i64(a->c, 4);
  const int8_t *table = tables + slice * padded * 4 * (1 + groups);
  const int32_t *terms = (const int32_t *)(const void *)table;
  const int8_t *values = table + 4 * padded;
  for (int64_t j0 = 0; j0 < padded; j0 += 16) {
    int32_t sum[16];
    for (int j = 0; j < 16; j++) sum[j] = terms[j0 + j];
    for (int64_t ch = 0; ch < a->c; ch++) {
      const int8_t *r = values + (ch / 4 * padded + j0) * 4 + ch % 4;
      int32_t x = q[ch];
      for (int j = 0; j < 16; j++) sum[j] += x * r[4 * j];
    }
    for (int j = 0; j < 16; j++) rel[j0 + j] = (float)sum[j] * scale;
  }
}

/* x[j] from the exact sums, in the order of the header, for one query; returns the maximum. */
SQ_UNUSED static inline float sq_attention_row_u8_logits(const sq_attention_u8_args *a, const int32_t *sums, const float *rel_h,
                                                         const float *rel_w, const float *bias, float *x) {
  const float scale = a->logit_scale;
  const int64_t n = a->n;
  for (int64_t j = 0; j < n; j++) x[j] = (float)sums[j] * scale;
  if (rel_h) {
    for (int64_t y = 0; y < a->rel_kh; y++) {
      float *line = x + y * a->rel_kw;
      const float rh = rel_h[y];
      for (int64_t j = 0; j < a->rel_kw; j++) line[j] = (line[j] + rh) + rel_w[j];
    }
  }
  if (bias) {
    for (int64_t j = 0; j < n; j++) x[j] = x[j] + bias[j];
  }
  float lanes[16], mx = sq_from_bits_f32(0xff800000u);
  if (n < 16) {
    for (int64_t j = 0; j < n; j++) mx = x[j] > mx ? x[j] : mx;
    return mx;
  }
  for (int l = 0; l < 16; l++) lanes[l] = mx;
  int64_t j = 0;
  for (; j + 16 <= n; j += 16)
    for (int l = 0; l < 16; l++) lanes[l] = x[j + l] > lanes[l] ? x[j + l] : lanes[l];
  for (int l = 0; j + l < n; l++) lanes[l] = x[j + l] > lanes[l] ? x[j + l] : lanes[l];
  mx = lanes[0];
  for (int l = 1; l < 16; l++) mx = lanes[l] > mx ? lanes[l] : mx;
  return mx;
}

/* agq: tau * (log2(sum16 e^(x - mx)) + log2_s). */
SQ_UNUSED static inline float sq_attention_row_u8_reference(const sq_attention_u8_args *a, const float *x, float mx) {
  float lanes[16];
  for (int l = 0; l < 16; l++) lanes[l] = 0.0f;
  int64_t j = 0;
  for (; j + 16 <= a->n; j += 16)
    for (int l = 0; l < 16; l++) lanes[l] = lanes[l] + sq_exp2_f32((x[j + l] - mx) * SQ_ATTENTION_U8_LOG2E);
  for (int l = 0; j + l < a->n; l++) lanes[l] = lanes[l] + sq_exp2_f32((x[j + l] - mx) * SQ_ATTENTION_U8_LOG2E);
  return a->tau * (sq_log2_f32(sq_tree16_f32(lanes)) + a->log2_s);
}

/* p[j] = table[code(x[j])]; returns D. */
SQ_UNUSED static inline int32_t sq_attention_row_u8_probabilities(const sq_attention_u8_args *a, const float *x, float mx,
                                                                  int16_t *p) {
  const float top = (float)(a->levels - 1), scale = a->t_scale;
  const int32_t offset = a->kind == SQ_ATTENTION_ROW_LOG2 ? a->offset : 0;
  const float low = (float)offset, high = low + top;
  const float reference = a->kind == SQ_ATTENTION_AGQ ? sq_attention_row_u8_reference(a, x, mx) : 0.0f;
  int32_t total = 0;
  for (int64_t j0 = 0; j0 < a->n; j0 += 256) {
    int32_t codes[256];
    const int64_t count = sq_min_i64(256, a->n - j0);
    const float *row = x + j0;
    if (a->kind == SQ_ATTENTION_ROW_UNIFORM) {
      for (int64_t j = 0; j < count; j++) {
        float t = sq_exp2_f32((row[j] - mx) * SQ_ATTENTION_U8_LOG2E) * top;
        t = t > 0.0f ? t : 0.0f;
        t = t < top ? t : top;
        codes[j] = sq_code_rne(t);
      }
    } else if (a->kind == SQ_ATTENTION_ROW_LOG2) {
      for (int64_t j = 0; j < count; j++) {
        float t = (mx - row[j]) * scale;
        t = t < high ? t : high;
        t = t > low ? t : low;
        codes[j] = sq_code_rne(t) - offset;
      }
    } else {
      for (int64_t j = 0; j < count; j++) {
        float t = (mx - row[j]) * scale + reference;
        t = t < high ? t : high;
        t = t > low ? t : low;
        codes[j] = sq_code_rne(t);
      }
    }
    for (int64_t j = 0; j < count; j++) p[j0 + j] = a->table[codes[j]];
    for (int64_t j = 0; j < count; j++) total += p[j0 + j];
  }
  return total;
}

/* Results of channels [0, count) from their sums as floats, which are overwritten, to out + at. */
SQ_UNUSED static inline void sq_attention_row_u8_results(const sq_attention_u8_args *a, float *restrict result, int32_t total, int64_t at,
                                                         int64_t count) {
  if (a->kind == SQ_ATTENTION_AGQ) {
    for (int64_t ch = 0; ch < count; ch++) result[ch] = result[ch] * a->agq_scale;
  } else if (total > 0) {
    for (int64_t ch = 0; ch < count; ch++) result[ch] = result[ch] / (float)total;
  } else {
    for (int64_t ch = 0; ch < count; ch++) result[ch] = 0.0f;
  }
  if (a->out_f32) {
    float *restrict out = a->out_f32 + at;
    for (int64_t ch = 0; ch < count; ch++) out[ch] = result[ch] * a->v_scale;
  }
  if (a->out_u8) {
    const float mul = a->out_mul;
    const int32_t zp = a->out_zp, qmax = a->out_qmax;
    uint8_t *restrict out = a->out_u8 + at;
    for (int64_t ch = 0; ch < count; ch++) out[ch] = sq_code_u8(result[ch] * mul, zp, qmax);
  }
}

/* Results of `count` channels from their sums, to out + at. */
SQ_UNUSED static inline void sq_attention_row_u8_finish(const sq_attention_u8_args *a, const int64_t *sums, int32_t total, int64_t at,
                                                        int64_t count) {
  const int fits = a->n <= 257; /* n * 32767 * 255 < 2^31: a sum is its low half, and vectors of those become floats */
  for (int64_t ch = 0; ch < count; ch += 64) {
    float result[64];
    const int64_t part = sq_min_i64(64, count - ch);
    if (fits)
      for (int64_t j = 0; j < part; j++) result[j] = (float)(int32_t)sums[ch + j];
    else
      for (int64_t j = 0; j < part; j++) result[j] = (float)sums[ch + j];
    sq_attention_row_u8_results(a, result, total, at + ch, part);
  }
}

#endif
