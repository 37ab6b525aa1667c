#include "sq_add_quantize_u8.h"

static void sq_add_quantize_u8(const void *args, int64_t begin, int64_t end, int64_t worker) {
  const sq_add_quantize_u8_args *a = (const sq_add_quantize_u8_args *)args;
  const int64_t n = a->n, row1 = sq_min_i64(a->m, end * SQ_ADD_QUANTIZE_U8_ROWS);
  const float inv_scale = a->inv_scale;
  const int32_t zp = a->zp, qmax = a->qmax;
  (void)worker;
  for (int64_t i = begin * SQ_ADD_QUANTIZE_U8_ROWS; i < row1; i++) {
    const float *x = a->a + i * a->a_stride;
    const float *b = a->b ? a->b + i % a->b_rows * a->b_stride : NULL;
    for (int64_t j0 = 0; j0 < n; j0 += 256) {
      float v[256];
      int64_t count = sq_min_i64(256, n - j0);
      if (b) {
        for (int64_t j = 0; j < count; j++) v[j] = x[j0 + j] + b[j0 + j];
      } else {
        for (int64_t j = 0; j < count; j++) v[j] = x[j0 + j];
      }
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
