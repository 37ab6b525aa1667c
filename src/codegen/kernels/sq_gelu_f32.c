#include "sq_gelu_f32.h"
#include "sq_math.h"

static void sq_gelu_f32(const void *args, int64_t begin, int64_t end, int64_t worker) {
  const sq_gelu_f32_args *a = (const sq_gelu_f32_args *)args;
  (void)worker;
  int64_t last = sq_min_i64(a->count, end * SQ_GELU_F32_BLOCK);
  for (int64_t i = begin * SQ_GELU_F32_BLOCK; i < last; i += 64) {
    float t[64] = {0}; /* y may be x, and a loop over two that may alias does not vectorise */
    int64_t count = sq_min_i64(64, last - i);
    for (int64_t l = 0; l < count; l++) t[l] = a->x[i + l];
    if (a->form == SQ_GELU_F32_TANH)
      for (int l = 0; l < 64; l++) t[l] = sq_gelu_tanh_f32(t[l]);
    else
      for (int l = 0; l < 64; l++) t[l] = sq_gelu_erf_f32(t[l]);
    for (int64_t l = 0; l < count; l++) a->y[i + l] = t[l];
  }
}
