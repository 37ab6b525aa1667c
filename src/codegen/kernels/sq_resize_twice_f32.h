#ifndef SQ_RESIZE_TWICE_F32_H
#define SQ_RESIZE_TWICE_F32_H
/*
 * Planes resized, and resized again (sq_resize_bilinear_f32.h, inner = 1), without what lies between: its rows are made when a
 * row of the result asks for them. first.x is the input, second.y the result, first.out_h = second.in_h, first.out_w =
 * second.in_w; first.y, second.x and the scratch of both are not read.
 * A unit is one output row. scratch: sq_resize_twice_f32_scratch_bytes a worker, 4-byte aligned.
 */
#include "sq_resize_bilinear_f32.h"

typedef struct sq_resize_twice_f32_args {
  sq_resize_bilinear_f32_args first, second;
  uint8_t *scratch;
  int64_t scratch_stride;
} sq_resize_twice_f32_args;

SQ_UNUSED static inline int64_t sq_resize_twice_f32_units(const sq_resize_twice_f32_args *a) {
  return sq_resize_bilinear_f32_units(&a->second);
}

SQ_UNUSED static inline int64_t sq_resize_twice_f32_scratch_bytes(const sq_resize_twice_f32_args *a) {
  return (5 * a->first.out_w + 4 * a->second.out_w) * (int64_t)sizeof(float);
}

#endif
