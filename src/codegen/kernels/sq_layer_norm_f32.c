#include "sq_layer_norm_f32.h"
#include "sq_math.h"

static void sq_layer_norm_f32(const void *args, int64_t begin, int64_t end, int64_t worker) {
  const sq_layer_norm_f32_args *a = (const sq_layer_norm_f32_args *)args;
  (void)worker;
  int64_t n = a->n, whole = n / 16 * 16;
  for (int64_t i = begin; i < end; i++) {
    const float *x = a->x + i * a->x_stride;
    float *y = a->y + i * a->y_stride;
    float sum[16] = {0}, square[16] = {0};
    for (int64_t j = 0; j < whole; j += 16)
      for (int l = 0; l < 16; l++) sum[l] = sum[l] + x[j + l];
    for (int64_t j = whole; j < n; j++) sum[j - whole] = sum[j - whole] + x[j];
    float mean = sq_tree16_f32(sum) / (float)n;
    for (int64_t j = 0; j < whole; j += 16)
      for (int l = 0; l < 16; l++) {
        float d = x[j + l] - mean;
        square[l] = square[l] + d * d;
      }
    for (int64_t j = whole; j < n; j++) {
      float d = x[j] - mean;
      square[j - whole] = square[j - whole] + d * d;
    }
    float r = 1.0f / sq_sqrt_f32(sq_tree16_f32(square) / (float)n + a->eps);
    for (int64_t j = 0; j < n; j += 16) { /* by way of t: y may be x */
      float t[16];
      int64_t count = sq_min_i64(16, n - j);
      if (count == 16)
        for (int l = 0; l < 16; l++) t[l] = (x[j + l] - mean) * r;
      else
        for (int64_t l = 0; l < count; l++) t[l] = (x[j + l] - mean) * r;
      if (a->gamma && count == 16)
        for (int l = 0; l < 16; l++) t[l] = t[l] * a->gamma[j + l];
      else if (a->gamma)
        for (int64_t l = 0; l < count; l++) t[l] = t[l] * a->gamma[j + l];
      if (a->beta && count == 16)
        for (int l = 0; l < 16; l++) t[l] = t[l] + a->beta[j + l];
      else if (a->beta)
        for (int64_t l = 0; l < count; l++) t[l] = t[l] + a->beta[j + l];
      for (int64_t l = 0; l < count; l++) y[j + l] = t[l];
    }
  }
}
