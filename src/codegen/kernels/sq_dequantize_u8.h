#ifndef SQ_DEQUANTIZE_U8_H
#define SQ_DEQUANTIZE_U8_H
/*
 * sq_dequantize_u8:  y[i] = float(x[i] - zp) * scale
 *
 * x u8 [n], y float32 [n], contiguous; may not overlap. A unit is a block of 4096 elements.
 */
#include "sq_kernel.h"

#define SQ_DEQUANTIZE_U8_BLOCK 4096

typedef struct {
  const uint8_t *x;
  float *y;
  int64_t n;
  float scale;
  int32_t zp;
} sq_dequantize_u8_args;

SQ_UNUSED static inline int64_t sq_dequantize_u8_units(const sq_dequantize_u8_args *a) {
  return sq_ceil_div_i64(a->n, SQ_DEQUANTIZE_U8_BLOCK);
}

#endif
