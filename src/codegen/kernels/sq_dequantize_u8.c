#include "sq_dequantize_u8.h"

static void sq_dequantize_u8(const void *args, int64_t begin, int64_t end, int64_t worker) {
  const sq_dequantize_u8_args *a = (const sq_dequantize_u8_args *)args;
  const uint8_t *x = a->x;
  float *y = a->y;
  const float scale = a->scale;
  const int32_t zp = a->zp;
  const int64_t last = sq_min_i64(a->n, end * SQ_DEQUANTIZE_U8_BLOCK);
  (void)worker;
  for (int64_t i = begin * SQ_DEQUANTIZE_U8_BLOCK; i < last; i++) y[i] = (float)(x[i] - zp) * scale;
}
