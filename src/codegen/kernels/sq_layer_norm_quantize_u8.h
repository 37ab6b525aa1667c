#ifndef SQ_LAYER_NORM_QUANTIZE_U8_H
#define SQ_LAYER_NORM_QUANTIZE_U8_H
/*
 * sq_layer_norm_quantize_u8: LayerNorm over the last axis (and GELU), then quantize, one pass over memory.
 *
 *   mean = sum16(x[i,:]) / k;   var = sum16((x[i,:] - mean)^2) / k;   r = 1 / sqrt(var + eps)
 *   v = ((x[i,j] - mean) * r) * gamma[j] + beta[j];   v = sq_gelu_near_f32(v)  where gelu is not 0 (sq_math.h)
 *   y_f32[i,j] = v  where given;   y_u8[i,j] = code(v * inv_scale, zp, qmax)  where given (sq_code.h)
 *
 * sum16: lane l (0..15) starts at +0 and adds elements l, l + 16, ... in order; then lanes are added at distance 8, 4, 2, 1.
 * No multiply-add is contracted. x float32 [m, k], strides in elements; gamma, beta float32 [k]. y_f32 may be x itself.
 * A unit is 16 rows.
 */
#include "sq_code.h"

#define SQ_LAYER_NORM_QUANTIZE_U8_ROWS 16

typedef struct {
  const float *x;
  int64_t x_stride;
  const float *gamma, *beta;
  int64_t m, k;
  float eps;
  int32_t gelu;
  float inv_scale;
  int32_t zp, qmax;
  uint8_t *y_u8;
  float *y_f32;
  int64_t y_u8_stride, y_f32_stride;
} sq_layer_norm_quantize_u8_args;

SQ_UNUSED static inline int64_t sq_layer_norm_quantize_u8_units(const sq_layer_norm_quantize_u8_args *a) {
  return sq_ceil_div_i64(a->m, SQ_LAYER_NORM_QUANTIZE_U8_ROWS);
}

#endif
