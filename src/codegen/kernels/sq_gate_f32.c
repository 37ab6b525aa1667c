#include "sq_gate_f32.h"

static void sq_gate_f32(const void *args, int64_t begin, int64_t end, int64_t worker) {
  const sq_gate_f32_args *a = (const sq_gate_f32_args *)args;
  const float flag = a->flag[0];
  const float *x = a->x;
  float *y = a->y;
  const int64_t last = sq_min_i64(a->n, end * SQ_GATE_F32_BLOCK);
  (void)worker;
  if (flag == 0.0f) {
    for (int64_t i = begin * SQ_GATE_F32_BLOCK; i < last; i++) y[i] = 0.0f;
  } else {
    for (int64_t i = begin * SQ_GATE_F32_BLOCK; i < last; i++) y[i] = x[i] * flag;
  }
}
