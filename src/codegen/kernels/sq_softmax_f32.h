#ifndef SQ_SOFTMAX_F32_H
#define SQ_SOFTMAX_F32_H
/*
 * Softmax over the last axis (ONNX Softmax): x, y [rows, n], strides in elements. Exact on every ISA:
 *   mx = max_j x[j];  e[j] = sq_exp_softmax_f32(x[j] - mx);  s = 16-lane sum of e (sq_math.h);  y[j] = e[j] / s
 * y may be x. A unit is a row.
 */
#include "sq_kernel.h"

typedef struct sq_softmax_f32_args {
  const float *x;
  int64_t x_stride;
  float *y;
  int64_t y_stride;
  int64_t rows, n;
} sq_softmax_f32_args;

SQ_UNUSED static inline int64_t sq_softmax_f32_units(const sq_softmax_f32_args *a) { return a->rows; }

#endif
