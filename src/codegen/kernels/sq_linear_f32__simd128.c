#include "sq_linear_body_f32.h"
#include "sq_tile_f32_simd128.h"

static void sq_linear_f32__simd128(const void *args, int64_t begin, int64_t end, int64_t worker) {
  sq_linear_f32_body((const sq_linear_f32_args *)args, begin, end, worker, SQ_TILE_F32_SIMD128_MR, 16, 8, sq_tile_f32_simd128);
}
