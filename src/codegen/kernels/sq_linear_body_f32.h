#ifndef SQ_LINEAR_BODY_F32_H
#define SQ_LINEAR_BODY_F32_H
/*
 * The loops of every sq_linear_f32 and sq_linear_f32_fast, around a register tile of mr x nr.
 *
 * A unit's rows (84 x k) stay in the level-2 cache while panel after panel of nr columns passes; a panel (k x nr) stays in
 * it for the unit's tiles. A weight is read from memory once per 84 rows, so memory keeps up at a byte or two a cycle.
 */
#include "sq_linear_f32.h"

__attribute__((always_inline, unused)) static inline void sq_linear_f32_body(const sq_linear_f32_args *a, int64_t begin, int64_t end, int64_t worker,
                                                int64_t mr, int64_t nr, int64_t half, sq_tile_f32 tile) {
  float buffer[16 * 32] = {0};
  int64_t groups = sq_ceil_div_i64(a->n, SQ_LINEAR_F32_COLUMNS), copied = -1;
  for (int64_t u = begin; u < end; u++) {
    int64_t i0 = u / groups * SQ_LINEAR_F32_ROWS, rows = sq_min_i64(SQ_LINEAR_F32_ROWS, a->m - i0);
    const float *x = a->x + i0 * a->x_stride;
    int64_t x_stride = a->x_stride;
    if (sq_linear_f32_copies_rows(a->m, a->k, x_stride)) {
      float *copy = (float *)(void *)(a->scratch + worker * a->scratch_stride);
      int64_t copy_stride = sq_tile_f32_row_stride(a->k);
      if (copied != i0) {
        for (int64_t r = 0; r < rows; r++)
          for (int64_t p = 0; p < a->k; p++) copy[r * copy_stride + p] = x[r * x_stride + p];
        copied = i0;
      }
      x = copy;
      x_stride = copy_stride;
    }
    int64_t j0 = u % groups * SQ_LINEAR_F32_COLUMNS, j1 = sq_min_i64(a->n, j0 + SQ_LINEAR_F32_COLUMNS);
    for (int64_t j = j0; j < j1; j += nr) {
      const float *bias = a->packed + j * (a->k + 1);
      int64_t columns = sq_min_i64(nr, j1 - j), width = columns <= half ? half : nr;
      for (int64_t r = 0; r < rows; r += mr) {
        int64_t count = sq_min_i64(mr, rows - r), i = i0 + r;
        tile(count, width, a->k, x + r * x_stride, x_stride, bias + nr, buffer, nr, 0);
        sq_tile_f32_finish(buffer, count, nr, columns, bias, a->activation,
                           a->residual ? a->residual + i * a->residual_stride + j : a->residual, a->residual_stride,
                           a->y + i * a->y_stride + j, a->y_stride);
      }
    }
  }
}

#endif
