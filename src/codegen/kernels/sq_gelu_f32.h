#ifndef SQ_GELU_F32_H
#define SQ_GELU_F32_H
/*
 * GELU, element by element (ONNX Gelu), y[i] = sq_gelu_erf_f32(x[i]) or sq_gelu_tanh_f32(x[i]) of sq_math.h; exact on every
 * ISA. y may be x. A unit is SQ_GELU_F32_BLOCK elements.
 */
#include "sq_kernel.h"

#define SQ_GELU_F32_ERF 0
#define SQ_GELU_F32_TANH 1
#define SQ_GELU_F32_BLOCK 1024

typedef struct sq_gelu_f32_args {
  const float *x;
  float *y;
  int64_t count;
  int32_t form; /* SQ_GELU_F32_ERF, SQ_GELU_F32_TANH */
} sq_gelu_f32_args;

SQ_UNUSED static inline int64_t sq_gelu_f32_units(const sq_gelu_f32_args *a) {
  return sq_ceil_div_i64(a->count, SQ_GELU_F32_BLOCK);
}

#endif
