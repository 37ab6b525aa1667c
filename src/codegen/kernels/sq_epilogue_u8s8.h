#ifndef SQ_EPILOGUE_U8S8_H
#define SQ_EPILOGUE_U8S8_H
/*
 * What happens to the exact 32-bit sum of an integer linear or convolution. For row i, output channel j:
 *
 *   v = float(acc) * mult[j]                             mult[j] = scale_x * scale_w[j]  (/ scale_y: requantize)
 *   v = v > 0 ? v : 0            with relu;  v = sq_gelu_near_f32(v)  with gelu (sq_math.h)
 *   v = v + residual[i * residual_stride + j]            where residual is given
 *   y_f32[i * y_f32_stride + j] = v                      where y_f32 is given; it may be the residual itself
 *   y_u8[i * y_u8_stride + j] = code(v * out_inv_scale, out_zp, out_qmax)      where y_u8 is given (sq_code.h)
 *
 * Every step is one binary32 operation. So:
 *   requantize             mult has 1 / scale_y in it, out_inv_scale = 1 (v * 1 is v)
 *   dequantize             y_f32 alone
 *   activation, quantize   mult without scale_y, out_inv_scale = 1 / scale_y
 * Strides count elements. mult must be finite.
 */
#include "sq_code.h"

/* The numbers of the float epilogue's activations. */
enum { SQ_EPILOGUE_NONE = 0, SQ_EPILOGUE_RELU = 1, SQ_EPILOGUE_GELU = 2 };

typedef struct {
  uint8_t *y_u8;
  float *y_f32;
  const float *residual;
  int64_t y_u8_stride, y_f32_stride, residual_stride;
  float out_inv_scale;
  int32_t out_zp, out_qmax;
  int32_t activation;
} sq_epilogue_u8s8;

#endif
