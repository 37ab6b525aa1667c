#include "sq_layer_norm_quantize_u8.h"
#include "sq_math.h"

/* The 16-lane sum of x - mean (power 1) or its square (power 2), over k elements. */
static inline float sq_layer_norm_quantize_u8_sum(const float *x, int64_t k, float mean, int power) {
  float lanes[16];
  for (int l = 0; l < 16; l++) lanes[l] = 0.0f;
  int64_t j = 0;
  for (; j + 16 <= k; j += 16) {
    for (int l = 0; l < 16; l++) {
      float d = x[j + l] - mean;
      lanes[l] = lanes[l] + (power == 1 ? d : d * d);
    }
  }
  for (int64_t l = 0; j + l < k; l++) {
    float d = x[j + l] - mean;
    lanes[l] = lanes[l] + (power == 1 ? d : d * d);
  }
  return sq_tree16_f32(lanes);
}

static void sq_layer_norm_quantize_u8(const void *args, int64_t begin, int64_t end, int64_t worker) {
  const sq_layer_norm_quantize_u8_args *a = (const sq_layer_norm_quantize_u8_args *)args;
  const int64_t k = a->k, row1 = sq_min_i64(a->m, end * SQ_LAYER_NORM_QUANTIZE_U8_ROWS);
  const float inv_scale = a->inv_scale;
  const int32_t zp = a->zp, qmax = a->qmax;
  (void)worker;
  for (int64_t i = begin * SQ_LAYER_NORM_QUANTIZE_U8_ROWS; i < row1; i++) {
    const float *x = a->x + i * a->x_stride;
    float mean = sq_layer_norm_quantize_u8_sum(x, k, 0.0f, 1) / (float)k; /* x - 0 is x */
    float var = sq_layer_norm_quantize_u8_sum(x, k, mean, 2) / (float)k;
    float r = 1.0f / sq_sqrt_f32(var + a->eps);
    for (int64_t j0 = 0; j0 < k; j0 += 256) {
      float v[256];
      const float *gamma = a->gamma + j0, *beta = a->beta + j0;
      int64_t count = sq_min_i64(256, k - j0);
      for (int64_t j = 0; j < count; j++) v[j] = ((x[j0 + j] - mean) * r) * gamma[j] + beta[j];
      if (a->gelu)
        for (int64_t j = 0; j < count; j++) v[j] = sq_gelu_near_f32(v[j]);
      if (a->y_f32) {
        float *y = a->y_f32 + i * a->y_f32_stride + j0;
        for (int64_t j = 0; j < count; j++) y[j] = v[j];
      }
      if (a->y_u8) {
        uint8_t *y = a->y_u8 + i * a->y_u8_stride + j0;
        for (int64_t j = 0; j < count; j++) y[j] = sq_code_u8(v[j] * inv_scale, zp, qmax);
      }
    }
  }
}
