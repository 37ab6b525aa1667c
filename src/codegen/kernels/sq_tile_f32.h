#ifndef SQ_TILE_F32_H
#define SQ_TILE_F32_H
/*
 * What linear, convolution and attention share: the register tile's interface, its portable form, and the epilogue.
 *
 * A tile multiplies rows of `a` with a packed panel: for r < rows, j < width:
 *   out[r*out_stride + j] = (accumulate ? out[r*out_stride + j] : 0) + sum_p a[r*a_stride + p] * panel[p*nr + j]
 * sequential in p. width is nr, or nr / 2 where a kernel has that form; rows is 1 .. mr.
 */
#include "sq_kernel.h"
#include "sq_math.h"

#define SQ_ACTIVATION_NONE 0
#define SQ_ACTIVATION_RELU 1
#define SQ_ACTIVATION_GELU_ERF 2
#define SQ_ACTIVATION_GELU_TANH 3
#define SQ_ACTIVATION_SIGMOID 4

/* Rows copied to scratch lie an odd number of cache lines apart, so that a tile's rows do not share cache sets. */
SQ_UNUSED static inline int64_t sq_tile_f32_row_stride(int64_t k) {
  int64_t lines = (k + 15) / 16;
  return (lines + (lines % 2 == 0 ? 1 : 0)) * 16;
}

#endif
