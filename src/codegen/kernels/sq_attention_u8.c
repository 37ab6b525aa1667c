#include "sq_attention_row_u8.h"
#include "sq_attention_u8.h"

/* One query at a time; the sums of its row, its logits and its probabilities are in scratch. */
static void sq_attention_u8(const void *args, int64_t begin, int64_t end, int64_t worker) {
  const sq_attention_u8_args *a = (const sq_attention_u8_args *)args;
  const int64_t windows = sq_attention_u8_windows(a), groups = sq_attention_u8_groups(a), row = sq_attention_u8_row(a);
  const int64_t windows_x = a->win_h > 0 ? sq_ceil_div_i64(a->grid_w, a->win_w) : 1;
  uint8_t *scratch = a->scratch + worker * a->scratch_stride;
  float *x = (float *)(void *)scratch;
  int32_t *logits = (int32_t *)(void *)(scratch + row * 4);
  int16_t *p = (int16_t *)(void *)(scratch + row * 8);
  int64_t *sums = (int64_t *)(void *)(scratch + row * 10);
  float *rel_h = a->rel_h ? (float *)(void *)(scratch + row * 10 + sq_attention_u8_round(a->cv, 32) * 8) : NULL;
  float *rel_w = a->rel_h ? rel_h + sq_attention_u8_round(a->rel_kh, 16) : NULL;

  for (int64_t unit = begin; unit < end; unit++) {
    const int64_t item = unit / groups / a->heads, h = unit / groups % a->heads;
    const int64_t b = item / windows, window = item % windows;
    const int64_t y0 = a->win_h > 0 ? window / windows_x * a->win_h : 0, x0 = a->win_h > 0 ? window % windows_x * a->win_w : 0;
    const uint8_t *k = a->k + b * a->k_batch + h * a->c, *k_pad = a->k_pad ? a->k_pad + h * a->c : NULL;
    const uint8_t *v = a->v + b * a->v_batch + h * a->cv, *v_pad = a->v_pad ? a->v_pad + h * a->cv : NULL;
    const int64_t first = unit % groups * SQ_ATTENTION_U8_QUERIES, last = sq_min_i64(a->m, first + SQ_ATTENTION_U8_QUERIES);

    for (int64_t i = first; i < last; i++) {
      const int64_t token = sq_attention_row_u8_query(a, y0, x0, i);
      if (token < 0) continue;
      const uint8_t *q = a->q + b * a->q_batch + token * a->q_row + h * a->c;
      if (rel_h) {
        sq_attention_row_u8_relative(a, q, a->rel_h, i / a->rel_qw, a->rel_kh, a->rel_h_scale, rel_h);
        sq_attention_row_u8_relative(a, q, a->rel_w, i % a->rel_qw, a->rel_kw, a->rel_w_scale, rel_w);
      }
      for (int64_t j = 0; j < a->n; j++) {
        const uint8_t *key = sq_attention_row_u8_key(a, k, a->k_row, k_pad, y0, x0, j);
        int32_t sum = 0;
        for (int64_t ch = 0; ch < a->c; ch++) sum += (q[ch] - a->zq) * (key[ch] - a->k_offset);
        logits[j] = sum;
      }
      const float *bias = a->bias ? a->bias + item * a->bias_batch + h * a->bias_head + i * a->bias_row : NULL;
      const float mx = sq_attention_row_u8_logits(a, logits, rel_h, rel_w, bias, x);
      const int32_t total = sq_attention_row_u8_probabilities(a, x, mx, p);

      for (int64_t ch = 0; ch < a->cv; ch++) sums[ch] = 0;
      for (int64_t j = 0; j < a->n; j++) {
        if (p[j] == 0) continue;
        const uint8_t *value = sq_attention_row_u8_key(a, v, a->v_row, v_pad, y0, x0, j);
        for (int64_t ch = 0; ch < a->cv; ch++) sums[ch] += p[j] * (value[ch] - a->zv);
      }
      sq_attention_row_u8_finish(a, sums, total, b * a->out_batch + token * a->out_row + h * a->cv, a->cv);
    }
  }
}
