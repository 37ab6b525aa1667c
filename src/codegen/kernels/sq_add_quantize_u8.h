#ifndef SQ_ADD_QUANTIZE_U8_H
#define SQ_ADD_QUANTIZE_U8_H
/*
 * sq_add_quantize_u8:
 *
 *   v = a[i * a_stride + j] + b[(i % b_rows) * b_stride + j]        (v = a where b is NULL)
 *   y_f32[i,j] = v  where given;   y_u8[i,j] = code(v * inv_scale, zp, qmax)  where given (sq_code.h)
 *
 * a float32 [m, n]; b float32 [b_rows, n], repeated over the rows of a (b_rows = 1: one row for all; = m: none repeated).
 * Strides in elements. y_f32 may be a. A unit is 16 rows.
 */
#include "sq_code.h"

#define SQ_ADD_QUANTIZE_U8_ROWS 16

typedef struct {
  const float *a, *b;
  int64_t a_stride, b_stride, b_rows;
  int64_t m, n;
  float inv_scale;
  int32_t zp, qmax;
  uint8_t *y_u8;
  float *y_f32;
  int64_t y_u8_stride, y_f32_stride;
} sq_add_quantize_u8_args;

SQ_UNUSED static inline int64_t sq_add_quantize_u8_units(const sq_add_quantize_u8_args *a) {
  return sq_ceil_div_i64(a->m, SQ_ADD_QUANTIZE_U8_ROWS);
}

#endif
