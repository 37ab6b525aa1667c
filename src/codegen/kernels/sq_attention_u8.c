#include "sq_attention_u8.h"
#include "sq_math.h"

/* The row of k or v that is key j of a window (or of the whole sequence): its token's, or the padding's. */
static inline const uint8_t *sq_attention_u8_key(const sq_attention_u8_args *a, const uint8_t *tokens, int64_t row,
                                                 const uint8_t *pad, int64_t y0, int64_t x0, int64_t j) {
  if (a->win_h <= 0) return tokens + j * row;
  int64_t y = y0 + j / a->win_w, x = x0 + j % a->win_w;
  return y < a->grid_h && x < a->grid_w ? tokens + (y * a->grid_w + x) * row : pad;
}

/* rel[key] = float(sum_ch (q[ch] - zq) * R[key][ch]) * scale, from one packed slice. */
static inline void sq_attention_u8_relative(const sq_attention_u8_args *a, const uint8_t *q, const int8_t *tables,
                                            int64_t slice, int64_t keys, float scale, float *rel) {
  int64_t padded = sq_attention_u8_round(keys, 16), groups = sq_ceil_div_i64(a->c, 4);
  const int8_t *table = tables + slice * padded * 4 * (1 + groups);
  const int32_t *terms = (const int32_t *)(const void *)table;
  const int8_t *values = table + 4 * padded;
  for (int64_t j = 0; j < keys; j++) {
    int32_t sum = terms[j];
    for (int64_t ch = 0; ch < a->c; ch++) sum += q[ch] * values[(ch / 4 * padded + j) * 4 + ch % 4];
    rel[j] = (float)sum * scale;
  }
}

/* x[j] of the header for one query, and its maximum. */
static inline float sq_attention_u8_logits(const sq_attention_u8_args *a, const uint8_t *q, const uint8_t *k,
                                           const uint8_t *pad, int64_t y0, int64_t x0, const float *rel_h,
                                           const float *rel_w, const float *bias, float *x) {
  float mx = sq_from_bits_f32(0xff800000u);
  for (int64_t j = 0; j < a->n; j++) {
    const uint8_t *key = sq_attention_u8_key(a, k, a->k_row, pad, y0, x0, j);
    int32_t sum = 0;
    for (int64_t ch = 0; ch < a->c; ch++) sum += (q[ch] - a->zq) * (key[ch] - a->k_offset);
    float logit = (float)sum * a->logit_scale;
    if (rel_h) {
      logit = logit + rel_h[j / a->rel_kw];
      logit = logit + rel_w[j % a->rel_kw];
    }
    if (bias) logit = logit + bias[j];
    x[j] = logit;
    mx = logit > mx ? logit : mx;
  }
  return mx;
}

/* agq: tau * (log2(sum16 e^(x - mx)) + log2_s). */
static inline float sq_attention_u8_reference(const sq_attention_u8_args *a, const float *x, float mx) {
  float lanes[16];
  for (int l = 0; l < 16; l++) lanes[l] = 0.0f;
  for (int64_t j = 0; j < a->n; j += 16) {
    int64_t count = sq_min_i64(16, a->n - j);
    for (int64_t l = 0; l < count; l++) lanes[l] = lanes[l] + sq_exp2_f32((x[j + l] - mx) * SQ_ATTENTION_U8_LOG2E);
  }
  return a->tau * (sq_log2_f32(sq_tree16_f32(lanes)) + a->log2_s);
}

static inline int32_t sq_attention_u8_code(const sq_attention_u8_args *a, float x, float mx, float reference) {
  const float top = (float)(a->levels - 1);
  float t;
  if (a->kind == SQ_ATTENTION_ROW_UNIFORM) {
    t = sq_exp2_f32((x - mx) * SQ_ATTENTION_U8_LOG2E) * top;
    t = t > 0.0f ? t : 0.0f;
    t = t < top ? t : top;
    return sq_code_rne(t);
  }
  const float low = a->kind == SQ_ATTENTION_ROW_LOG2 ? (float)a->offset : 0.0f, high = low + top;
  t = (mx - x) * a->t_scale;
  if (a->kind == SQ_ATTENTION_AGQ) t = t + reference;
  t = t < high ? t : high;
  t = t > low ? t : low;
  return sq_code_rne(t) - (a->kind == SQ_ATTENTION_ROW_LOG2 ? a->offset : 0);
}

static void sq_attention_u8(const void *args, int64_t begin, int64_t end, int64_t worker) {
  const sq_attention_u8_args *a = (const sq_attention_u8_args *)args;
  const int64_t windows = sq_attention_u8_windows(a), groups = sq_attention_u8_groups(a);
  const int64_t windows_x = a->win_h > 0 ? sq_ceil_div_i64(a->grid_w, a->win_w) : 1;
  const int64_t row = sq_attention_u8_row(a);
  uint8_t *scratch = a->scratch + worker * a->scratch_stride;
  float *x = (float *)(void *)scratch;
  int64_t *sums = (int64_t *)(void *)(scratch + row * 4);
  float *rel_h = a->rel_h ? (float *)(void *)(scratch + row * 4 + sq_attention_u8_round(a->cv, 32) * 8) : NULL;
  float *rel_w = a->rel_h ? rel_h + sq_attention_u8_round(a->rel_kh, 16) : NULL;

  for (int64_t unit = begin; unit < end; unit++) {
    const int64_t item = unit / groups / a->heads, h = unit / groups % a->heads;
    const int64_t b = item / windows, window = item % windows;
    const int64_t y0 = a->win_h > 0 ? window / windows_x * a->win_h : 0, x0 = a->win_h > 0 ? window % windows_x * a->win_w : 0;
    const uint8_t *k = a->k + b * a->k_batch + h * a->c, *k_pad = a->k_pad ? a->k_pad + h * a->c : NULL;
    const uint8_t *v = a->v + b * a->v_batch + h * a->cv, *v_pad = a->v_pad ? a->v_pad + h * a->cv : NULL;
    const int64_t first = unit % groups * SQ_ATTENTION_U8_QUERIES, last = sq_min_i64(a->m, first + SQ_ATTENTION_U8_QUERIES);

    for (int64_t i = first; i < last; i++) {
      int64_t token = i;
      if (a->win_h > 0) {
        int64_t gy = y0 + i / a->win_w, gx = x0 + i % a->win_w;
        if (gy >= a->grid_h || gx >= a->grid_w) continue;
        token = gy * a->grid_w + gx;
      }
      const uint8_t *q = a->q + b * a->q_batch + token * a->q_row + h * a->c;
      const float *bias = a->bias ? a->bias + item * a->bias_batch + h * a->bias_head + i * a->bias_row : NULL;
      if (rel_h) {
        sq_attention_u8_relative(a, q, a->rel_h, i / a->rel_qw, a->rel_kh, a->rel_h_scale, rel_h);
        sq_attention_u8_relative(a, q, a->rel_w, i % a->rel_qw, a->rel_kw, a->rel_w_scale, rel_w);
      }
      const float mx = sq_attention_u8_logits(a, q, k, k_pad, y0, x0, rel_h, rel_w, bias, x);
      const float reference = a->kind == SQ_ATTENTION_AGQ ? sq_attention_u8_reference(a, x, mx) : 0.0f;

      int32_t total = 0;
      for (int64_t ch = 0; ch < a->cv; ch++) sums[ch] = 0;
      for (int64_t j = 0; j < a->n; j++) {
        const uint8_t *value = sq_attention_u8_key(a, v, a->v_row, v_pad, y0, x0, j);
        int32_t p = a->table[sq_attention_u8_code(a, x[j], mx, reference)];
        if (p == 0) continue;
        total += p;
        for (int64_t ch = 0; ch < a->cv; ch++) sums[ch] += p * (value[ch] - a->zv);
      }
      for (int64_t ch = 0; ch < a->cv; ch++) {
        float result;
        if (a->kind == SQ_ATTENTION_AGQ) {
          result = (float)sums[ch] * a->agq_scale;
        } else {
          result = total > 0 ? (float)sums[ch] / (float)total : 0.0f;
        }
        int64_t at = b * a->out_batch + token * a->out_row + h * a->cv + ch;
        if (a->out_u8) a->out_u8[at] = sq_code_u8(result * a->out_mul, a->out_zp, a->out_qmax);
        if (a->out_f32) a->out_f32[at] = result * a->v_scale;
      }
    }
  }
}
