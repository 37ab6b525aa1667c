#include "sq_linear_body_f32.h"
#include "sq_tile_f32_avx512.h"

static void sq_linear_f32_fast__avx512(const void *args, int64_t begin, int64_t end, int64_t worker) {
  sq_linear_f32_body((const sq_linear_f32_args *)args, begin, end, worker, 14, 32, 16, sq_tile_f32_avx512_fused);
}
