#ifndef SQ_QUANTIZE_U8_H
#define SQ_QUANTIZE_U8_H
/*
 * sq_quantize_u8:  y[i] = code(x[i] * inv_scale, zp, qmax)        (sq_code.h; NaN -> zp, +-infinity clamp)
 *
 * x float32 [n], y u8 [n], contiguous; may not overlap. qmax = 2^bits - 1. A unit is a block of 4096 elements.
 */
#include "sq_code.h"

#define SQ_QUANTIZE_U8_BLOCK 4096

typedef struct {
  const float *x;
  uint8_t *y;
  int64_t n;
  float inv_scale;
  int32_t zp, qmax;
} sq_quantize_u8_args;

SQ_UNUSED static inline int64_t sq_quantize_u8_units(const sq_quantize_u8_args *a) {
  return sq_ceil_div_i64(a->n, SQ_QUANTIZE_U8_BLOCK);
}

#endif
