#include "sq_resize_bilinear_body_f32.h"
#include "sq_resize_rows_f32__simd128.h"

static void sq_resize_bilinear_f32__simd128(const void *args, int64_t begin, int64_t end, int64_t worker) {
  sq_resize_bilinear_body_f32((const sq_resize_bilinear_f32_args *)args, begin, end, worker, sq_resize_rows_f32__simd128_widen);
}
