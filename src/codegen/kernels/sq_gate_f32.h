#ifndef SQ_GATE_F32_H
#define SQ_GATE_F32_H
/*
 * sq_gate_f32:  y[i] = x[i] * flag[0];  +0 where flag[0] is 0, and x is not read then. x and y float32 [n]. A unit is
 * SQ_GATE_F32_BLOCK elements.
 */
#include "sq_kernel.h"

#define SQ_GATE_F32_BLOCK 4096

typedef struct {
  const float *x, *flag;
  float *y;
  int64_t n;
} sq_gate_f32_args;

SQ_UNUSED static inline int64_t sq_gate_f32_units(const sq_gate_f32_args *a) { return sq_ceil_div_i64(a->n, SQ_GATE_F32_BLOCK); }

#endif
