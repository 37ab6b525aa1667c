/* sq_attention_f32 and sq_attention_f32_fast against the scalar definition. */
#include "../check.h"
#include "sq_attention_f32.c"
#include "sq_attention_f32_fast.c"
#if defined(__AVX2__) && defined(__FMA__)
#include "sq_attention_f32__avx2.c"
#include "sq_attention_f32_fast__avx2.c"
#endif
#if defined(__AVX512F__)
#include "sq_attention_f32__avx512.c"
#include "sq_attention_f32_fast__avx512.c"
#endif

typedef struct shape {
  int64_t batch, heads, m, n, c, cv;
  int64_t rel_qw, rel_kh, rel_kw;         /* rel_kh = 0: none */
  int bias;                               /* 0 none, 1 full, 2 broadcast over heads and rows, 3 a mask with -infinity */
  int64_t grid_h, grid_w, win_h, win_w;   /* win_h = 0: none */
  int pad;                                /* k_pad, v_pad given */
  float sharp;                            /* magnitude of q: large ones make peaked rows */
} shape;

static float dot(const float *a, const float *b, int64_t n) {
  float acc = 0.0f;
  for (int64_t i = 0; i < n; i++) acc = acc + a[i] * b[i];
  return acc;
}

/* One query by the definition; keys and values by pointer, NULL for a zero row. */
static void define(const sq_attention_f32_args *a, const float *q, const float *const *k, const float *const *v, int64_t i,
                   const float *bias, float *l, float *out) {
  float lanes[16] = {0}, top = -INFINITY;
  for (int64_t j = 0; j < a->n; j++) {
    l[j] = (k[j] ? dot(q, k[j], a->c) : 0.0f) * a->scale;
    if (a->rel_h)
      l[j] = l[j] + (dot(q, a->rel_h + (i / a->rel_qw * a->rel_kh + j / a->rel_kw) * a->c, a->c) +
                     dot(q, a->rel_w + (i % a->rel_qw * a->rel_kw + j % a->rel_kw) * a->c, a->c));
    if (bias) l[j] = l[j] + bias[j];
    top = l[j] > top ? l[j] : top;
  }
  for (int64_t j = 0; j < a->n; j++) {
    l[j] = sq_exp_softmax_f32(l[j] - top);
    lanes[j % 16] = lanes[j % 16] + l[j];
  }
  for (int64_t d = 0; d < a->cv; d++) {
    float acc = 0.0f;
    for (int64_t j = 0; j < a->n; j++) acc = acc + l[j] * (v[j] ? v[j][d] : 0.0f);
    out[d] = acc / sq_tree16_f32(lanes);
  }
}

static void test(const shape *s) {
  sq_attention_f32_args a = {0};
  a.batch = s->batch, a.heads = s->heads, a.m = s->m, a.n = s->n, a.c = s->c, a.cv = s->cv, a.scale = 0.37f;
  a.grid_h = s->grid_h, a.grid_w = s->grid_w, a.win_h = s->win_h, a.win_w = s->win_w;
  int64_t windows = sq_attention_f32_windows(&a);
  int64_t queries = s->win_h ? s->grid_h * s->grid_w : s->m, keys = s->win_h ? queries : s->n;
  a.q_row = s->heads * s->c + 3, a.k_row = s->heads * s->c + 1, a.v_row = s->heads * s->cv + 2, a.out_row = s->heads * s->cv + 5;
  a.q_batch = queries * a.q_row, a.k_batch = keys * a.k_row, a.v_batch = keys * a.v_row, a.out_batch = queries * a.out_row;
  /* Exact sizes: nothing after the last element of the last row. */
  float *q = check_random_f32(s->batch * a.q_batch - 3, -s->sharp, s->sharp), *k = check_random_f32(s->batch * a.k_batch - 1, -1, 1);
  float *v = check_random_f32(s->batch * a.v_batch - 2, -1, 1), *out = check_alloc_f32(s->batch * a.out_batch - 5);
  float *expected = check_alloc_f32(s->batch * a.out_batch - 5), *l = check_alloc_f32(s->n);
  float *rel_h = NULL, *rel_w = NULL, *bias = NULL;
  float *k_pad = check_random_f32(s->heads * s->c, -1, 1), *v_pad = check_random_f32(s->heads * s->cv, -1, 1);
  a.q = q, a.k = k, a.v = v;
  if (s->pad) a.k_pad = k_pad, a.v_pad = v_pad;
  if (s->rel_kh) {
    int64_t qh = s->m / s->rel_qw;
    rel_h = check_random_f32(qh * s->rel_kh * s->c, -1, 1), rel_w = check_random_f32(s->rel_qw * s->rel_kw * s->c, -1, 1);
    a.rel_h = rel_h, a.rel_w = rel_w, a.rel_qw = s->rel_qw, a.rel_kh = s->rel_kh, a.rel_kw = s->rel_kw;
  }
  if (s->bias) {
    int full = s->bias != 2;
    a.bias_row = full ? s->n : 0, a.bias_head = full ? s->m * s->n : 0, a.bias_batch = full ? s->heads * s->m * s->n : s->n;
    int64_t count = s->batch * windows * a.bias_batch;
    bias = check_random_f32(count, -2, 2);
    for (int64_t i = 0; s->bias == 3 && i < count; i++)
      if (i % s->n < s->n / 2 + 1 && i % s->n != s->n - 1) bias[i] = -INFINITY;
    a.bias = bias;
  }
  const float **ks = malloc((size_t)s->n * sizeof *ks), **vs = malloc((size_t)s->n * sizeof *vs);
  for (int64_t b = 0; b < s->batch; b++)
    for (int64_t w = 0; w < windows; w++)
      for (int64_t h = 0; h < s->heads; h++) {
        int64_t columns = s->win_h ? (s->grid_w + s->win_w - 1) / s->win_w : 1;
        for (int64_t j = 0; j < s->n; j++) {
          int64_t y = s->win_h ? w / columns * s->win_h + j / s->win_w : 0, x = s->win_h ? w % columns * s->win_w + j % s->win_w : j;
          int outside = s->win_h && (y >= s->grid_h || x >= s->grid_w);
          int64_t t = s->win_h ? y * s->grid_w + x : j;
          ks[j] = !outside ? k + b * a.k_batch + t * a.k_row + h * s->c : s->pad ? k_pad + h * s->c : NULL;
          vs[j] = !outside ? v + b * a.v_batch + t * a.v_row + h * s->cv : s->pad ? v_pad + h * s->cv : NULL;
        }
        for (int64_t i = 0; i < s->m; i++) {
          int64_t y = s->win_h ? w / columns * s->win_h + i / s->win_w : 0, x = s->win_h ? w % columns * s->win_w + i % s->win_w : i;
          if (s->win_h && (y >= s->grid_h || x >= s->grid_w)) continue;
          int64_t t = s->win_h ? y * s->grid_w + x : i;
          define(&a, q + b * a.q_batch + t * a.q_row + h * s->c, ks, vs, i,
                 bias ? bias + (b * windows + w) * a.bias_batch + h * a.bias_head + i * a.bias_row : NULL, l,
                 expected + b * a.out_batch + t * a.out_row + h * s->cv);
        }
      }
  int64_t count = s->batch * a.out_batch - 5;
  check_hash(expected, count * 4);
  a.out = out;
  a.scratch_stride = sq_attention_f32_scratch_bytes(&a);
  a.scratch = (uint8_t *)check_alloc(2 * a.scratch_stride);
  static const struct { const char *name; sq_kernel kernel; int exact; } variants[] = {
      {"portable", sq_attention_f32, 1},
      {"fast portable", sq_attention_f32_fast, 0},
#if defined(__AVX2__) && defined(__FMA__)
      {"avx2", sq_attention_f32__avx2, 1},
      {"fast avx2", sq_attention_f32_fast__avx2, 0},
#endif
#if defined(__AVX512F__)
      {"avx512", sq_attention_f32__avx512, 1},
      {"fast avx512", sq_attention_f32_fast__avx512, 0},
#endif
  };
  for (size_t t = 0; t < sizeof variants / sizeof variants[0]; t++) {
    char what[160];
    snprintf(what, sizeof what, "attention %s: b=%d h=%d m=%d n=%d c=%d cv=%d", variants[t].name, (int)s->batch, (int)s->heads,
             (int)s->m, (int)s->n, (int)s->c, (int)s->cv);
    memset(out, 0xff, (size_t)count * 4);
    check_run(variants[t].kernel, &a, sq_attention_f32_units(&a));
    if (variants[t].exact)
      check_bytes(what, expected, out, count * 4);
    else
      check_close(what, expected, out, count, 2e-5, 1e-4);
  }
  free(a.scratch), free(ks), free(vs), free(q), free(k), free(v), free(out), free(expected), free(l), free(rel_h), free(rel_w);
  free(bias), free(k_pad), free(v_pad);
}

int main(void) {
  static const shape shapes[] = {
      {1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1.0f},
      {1, 1, 3, 5, 7, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1.0f},
      {2, 3, 13, 33, 16, 17, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2.0f},
      {1, 8, 7, 600, 32, 32, 0, 0, 0, 2, 0, 0, 0, 0, 0, 8.0f},
      {1, 2, 600, 7, 16, 33, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1.0f},
      {1, 2, 15, 520, 20, 64, 0, 0, 0, 3, 0, 0, 0, 0, 0, 1.0f},
      {1, 2, 530, 257, 8, 40, 0, 0, 0, 1, 0, 0, 0, 0, 0, 40.0f},
      {1, 2, 20, 42, 24, 24, 5, 6, 7, 0, 0, 0, 0, 0, 0, 3.0f},
      {1, 1, 576, 576, 16, 16, 24, 24, 24, 0, 0, 0, 0, 0, 0, 1.0f},
      {1, 1, 70, 300, 12, 9, 10, 15, 20, 1, 0, 0, 0, 0, 0, 1.0f},
      {2, 2, 12, 12, 10, 11, 0, 0, 0, 0, 7, 6, 3, 4, 0, 1.0f},
      {1, 3, 49, 49, 16, 32, 7, 7, 7, 0, 16, 15, 7, 7, 1, 2.0f},
      {1, 2, 196, 196, 64, 64, 14, 14, 14, 0, 20, 28, 14, 14, 1, 1.0f},
      {1, 2, 12, 12, 10, 11, 0, 0, 0, 1, 7, 6, 3, 4, 1, 1.0f},
  };
  check_seed(3);
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) test(&shapes[i]);
  return check_finish();
}
