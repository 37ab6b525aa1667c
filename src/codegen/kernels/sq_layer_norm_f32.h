#ifndef SQ_LAYER_NORM_F32_H
#define SQ_LAYER_NORM_F32_H
/*
 * Layer normalization over the last axis (ONNX LayerNormalization): x, y [rows, n], strides in elements. Exact on every ISA:
 *   mean = (16-lane sum of x) / n;  var = (16-lane sum of (x - mean) * (x - mean)) / n;  r = 1 / sqrt(var + eps)
 *   y[j] = (((x[j] - mean) * r) * gamma[j]) + beta[j]
 * gamma or beta NULL: the step is left out. y may be x. A unit is a row.
 * 16-lane sum: lane i adds elements i, i + 16, ... in order to 0; lanes then add as a tree of distances 8, 4, 2, 1.
 */
#include "sq_kernel.h"

typedef struct sq_layer_norm_f32_args {
  const float *x;
  int64_t x_stride;
  const float *gamma, *beta;
  float *y;
  int64_t y_stride;
  int64_t rows, n;
  float eps;
} sq_layer_norm_f32_args;

SQ_UNUSED static inline int64_t sq_layer_norm_f32_units(const sq_layer_norm_f32_args *a) { return a->rows; }

#endif
