#include "sq_resize_rows_f32.h"
#include "sq_resize_twice_f32.h"

static void sq_resize_twice_f32(const void *args, int64_t begin, int64_t end, int64_t worker) {
  const sq_resize_twice_f32_args *a = (const sq_resize_twice_f32_args *)args;
  if (begin >= end) return;
  uint8_t *scratch = a->scratch + worker * a->scratch_stride;
  sq_resize_rows_f32 first = sq_resize_rows_f32_begin(&a->first, NULL, scratch);
  sq_resize_rows_f32 second = sq_resize_rows_f32_begin(&a->second, &first, scratch + 4 * a->first.out_w * (int64_t)sizeof(float));
  for (int64_t u = begin; u < end; u++) sq_resize_rows_f32_make(&second, u, a->second.y + u * a->second.out_w);
}
