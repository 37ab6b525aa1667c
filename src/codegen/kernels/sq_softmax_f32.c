#include "sq_math.h"
#include "sq_softmax_f32.h"

static void sq_softmax_f32(const void *args, int64_t begin, int64_t end, int64_t worker) {
  const sq_softmax_f32_args *a = (const sq_softmax_f32_args *)args;
  (void)worker;
  int64_t n = a->n, whole = n / 16 * 16;
  for (int64_t i = begin; i < end; i++) {
    const float *x = a->x + i * a->x_stride;
    float *y = a->y + i * a->y_stride;
    float top[16], sum[16] = {0};
    for (int l = 0; l < 16; l++) top[l] = sq_from_bits_f32(0xff800000u);
    for (int64_t j = 0; j < whole; j += 16)
      for (int l = 0; l < 16; l++) top[l] = sq_max_f32(x[j + l], top[l]);
    for (int64_t j = whole; j < n; j++) top[0] = sq_max_f32(x[j], top[0]);
    for (int l = 1; l < 16; l++) top[0] = sq_max_f32(top[l], top[0]);
    for (int64_t j = 0; j < n; j += 16) {
      float t[16];
      int64_t count = sq_min_i64(16, n - j);
      for (int l = 0; l < 16; l++) t[l] = sq_from_bits_f32(0xff800000u);
      for (int64_t l = 0; l < count; l++) t[l] = x[j + l];
      for (int l = 0; l < 16; l++) t[l] = sq_exp_softmax_f32(t[l] - top[0]);
      for (int64_t l = 0; l < count; l++) sum[l] = sum[l] + t[l];
      for (int64_t l = 0; l < count; l++) y[j + l] = t[l];
    }
    float s = sq_tree16_f32(sum);
    for (int64_t j = 0; j < n; j++) y[j] = y[j] / s;
  }
}
