#ifndef SQ_RESIZE_TWICE_BODY_F32_H
#define SQ_RESIZE_TWICE_BODY_F32_H
/* sq_resize_twice_f32 around what widens rows. */
#include "sq_resize_rows_f32.h"
#include "sq_resize_twice_f32.h"

SQ_UNUSED static void sq_resize_twice_body_f32(const sq_resize_twice_f32_args *a, int64_t begin, int64_t end, int64_t worker,
                                               sq_resize_rows_f32_widener widen) {
  if (begin >= end) return;
  uint8_t *scratch = a->scratch + worker * a->scratch_stride;
  sq_resize_rows_f32 first = sq_resize_rows_f32_begin(&a->first, widen, NULL, scratch);
  sq_resize_rows_f32 second = sq_resize_rows_f32_begin(&a->second, widen, &first, scratch + 4 * a->first.out_w * (int64_t)sizeof(float));
  for (int64_t u = begin; u < end; u++) sq_resize_rows_f32_make(&second, u, a->second.y + u * a->second.out_w);
}

#endif
