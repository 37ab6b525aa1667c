#include "sq_quantize_u8.h"

static void sq_quantize_u8(const void *args, int64_t begin, int64_t end, int64_t worker) {
  const sq_quantize_u8_args *a = (const sq_quantize_u8_args *)args;
  const float *x = a->x;
  uint8_t *y = a->y;
  const float inv_scale = a->inv_scale;
  const int32_t zp = a->zp, qmax = a->qmax;
  const int64_t last = sq_min_i64(a->n, end * SQ_QUANTIZE_U8_BLOCK);
  (void)worker;
  for (int64_t i = begin * SQ_QUANTIZE_U8_BLOCK; i < last; i++) y[i] = sq_code_u8(x[i] * inv_scale, zp, qmax);
}
