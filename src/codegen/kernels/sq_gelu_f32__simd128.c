#include "sq_gelu_f32.h"
#include "sq_gelu_f32__simd128.h"
#include "sq_math.h"

static void sq_gelu_f32__simd128(const void *args, int64_t begin, int64_t end, int64_t worker) {
  const sq_gelu_f32_args *a = (const sq_gelu_f32_args *)args;
  (void)worker;
  const int64_t last = sq_min_i64(a->count, end * SQ_GELU_F32_BLOCK);
  int64_t i = begin * SQ_GELU_F32_BLOCK;
  if (a->form == SQ_GELU_F32_TANH) {
    for (; i < last; i++) a->y[i] = sq_gelu_tanh_f32(a->x[i]);
    return;
  }
  for (; i + 16 <= last; i += 16) {
    v128_t v[4];
    for (int j = 0; j < 4; j++) v[j] = wasm_v128_load(a->x + i + 4 * j);
    sq_gelu_f32__simd128_erf(v);
    for (int j = 0; j < 4; j++) wasm_v128_store(a->y + i + 4 * j, v[j]);
  }
  for (; i < last; i++) a->y[i] = sq_gelu_erf_f32(a->x[i]);
}
