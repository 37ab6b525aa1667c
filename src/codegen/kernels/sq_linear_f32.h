#ifndef SQ_LINEAR_F32_H
#define SQ_LINEAR_F32_H
/*
 * Linear layer (ONNX Gemm, MatMul with constant right operand): y[m, n] = act(x[m, k] * W[n, k]^T + bias[n]) + residual[m, n].
 *
 * Scalar definition, each operation one rounding:
 *   acc = 0; for p in 0..k: acc = acc + x[i][p] * w[j][p];   v = act(acc + bias[j]);   y[i][j] = v + residual[i][j]
 * `sq_linear_f32` equals it bit for bit on every ISA; `sq_linear_f32_fast` may fuse the multiply and the add.
 *
 * packed: packing linear_f32_nrN (packing/linear-f32.ts), in blocks of N output channels: bias[N], then k rows of N
 *   weights; channels past n are zero. N is the nr of the kernel's line in kernels.inc.
 * residual: NULL for none; may be y itself (same stride), may not overlap y otherwise. x may not overlap y.
 * Strides are in elements. Alignment: that of float.
 * A unit is SQ_LINEAR_F32_ROWS rows by SQ_LINEAR_F32_COLUMNS output channels; consecutive units share their rows.
 * scratch: sq_linear_f32_scratch_bytes a worker (0 for most strides), 4-byte aligned.
 */
#include "sq_kernel.h"
#include "sq_tile_f32.h"

typedef struct sq_linear_f32_args {
  const float *x;
  int64_t x_stride;
  const float *packed;
  const float *residual;
  int64_t residual_stride;
  float *y;
  int64_t y_stride;
  int64_t m, n, k;
  int32_t activation; /* SQ_ACTIVATION_* of sq_tile_f32.h */
  uint8_t *scratch;
  int64_t scratch_stride;
} sq_linear_f32_args;

typedef sq_linear_f32_args sq_linear_f32_fast_args;

#define SQ_LINEAR_F32_ROWS 84 /* a multiple of every register tile's rows: 14, 6, 4 */
#define SQ_LINEAR_F32_COLUMNS 256

SQ_UNUSED static inline int64_t sq_linear_f32_units(const sq_linear_f32_args *a) {
  return sq_ceil_div_i64(a->m, SQ_LINEAR_F32_ROWS) * sq_ceil_div_i64(a->n, SQ_LINEAR_F32_COLUMNS);
}

SQ_UNUSED static inline int64_t sq_linear_f32_fast_units(const sq_linear_f32_args *a) { return sq_linear_f32_units(a); }

/* Rows whose distance is a multiple of 2 KiB fall in too few cache sets to be walked side by side: they are copied. */
SQ_UNUSED static inline int sq_linear_f32_copies_rows(int64_t m, int64_t k, int64_t x_stride) {
  return m > 4 && k >= 64 && x_stride % 512 == 0;
}

SQ_UNUSED static inline int64_t sq_linear_f32_scratch_bytes(const sq_linear_f32_args *a) {
  if (!sq_linear_f32_copies_rows(a->m, a->k, a->x_stride)) return 0;
  return sq_min_i64(a->m, SQ_LINEAR_F32_ROWS) * sq_tile_f32_row_stride(a->k) * (int64_t)sizeof(float);
}

#endif
