#ifndef SQ_MATMUL_F32_H
#define SQ_MATMUL_F32_H
/*
 * Batched matrix product of two run-time operands (ONNX MatMul): y[b] [m, n] = a[b] [m, k] * b[b] [k, n]. Exact on every ISA:
 *   acc = 0; for p in 0..k: acc = acc + a[i][p] * b[p][j];  y[i][j] = acc
 * Element (i, p) of a is a[offset + i*a_row + p*a_col]; (p, j) of b is b[offset + p*b_row + j*b_col], fastest for b_col = 1; y
 * rows are contiguous with stride y_row. The offset of batch item t is a_offsets[t] where a_offsets is not NULL (any
 * broadcast), else t * a_batch (0 broadcasts); y's is t * y_batch. All in elements. y may not overlap a or b.
 * A unit is a batch item, SQ_MATMUL_F32_ROWS rows and SQ_MATMUL_F32_COLUMNS columns.
 */
#include "sq_kernel.h"

typedef struct sq_matmul_f32_args {
  const float *a;
  const int64_t *a_offsets;
  int64_t a_batch, a_row, a_col;
  const float *b;
  const int64_t *b_offsets;
  int64_t b_batch, b_row, b_col;
  float *y;
  int64_t y_batch, y_row;
  int64_t batch, m, n, k;
} sq_matmul_f32_args;

#define SQ_MATMUL_F32_ROWS 16
#define SQ_MATMUL_F32_COLUMNS 512

SQ_UNUSED static inline int64_t sq_matmul_f32_units(const sq_matmul_f32_args *a) {
  return a->batch * sq_ceil_div_i64(a->m, SQ_MATMUL_F32_ROWS) * sq_ceil_div_i64(a->n, SQ_MATMUL_F32_COLUMNS);
}

#endif
