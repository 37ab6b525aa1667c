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

typedef void (*sq_tile_f32)(int64_t rows, int64_t width, int64_t k, const float *a, int64_t a_stride, const float *panel,
                            float *out, int64_t out_stride, int accumulate);

/* The portable tile: up to 4 rows by 16, a multiply and an add. The accumulators live in registers. */
SQ_UNUSED static inline void sq_tile_f32_portable(int64_t rows, int64_t width, int64_t k, const float *restrict a,
                                                  int64_t a_stride, const float *restrict panel, float *restrict out,
                                                  int64_t out_stride, int accumulate) {
  (void)width;
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    const float *a0 = a + r * a_stride, *a1 = a0 + a_stride, *a2 = a1 + a_stride, *a3 = a2 + a_stride;
    float *o0 = out + r * out_stride, *o1 = o0 + out_stride, *o2 = o1 + out_stride, *o3 = o2 + out_stride;
    float c0[16], c1[16], c2[16], c3[16];
    for (int j = 0; j < 16; j++) {
      c0[j] = accumulate ? o0[j] : 0.0f;
      c1[j] = accumulate ? o1[j] : 0.0f;
      c2[j] = accumulate ? o2[j] : 0.0f;
      c3[j] = accumulate ? o3[j] : 0.0f;
    }
    for (int64_t p = 0; p < k; p++) {
      const float *b = panel + p * 16;
      for (int j = 0; j < 16; j++) c0[j] = c0[j] + a0[p] * b[j];
      for (int j = 0; j < 16; j++) c1[j] = c1[j] + a1[p] * b[j];
      for (int j = 0; j < 16; j++) c2[j] = c2[j] + a2[p] * b[j];
      for (int j = 0; j < 16; j++) c3[j] = c3[j] + a3[p] * b[j];
    }
    for (int j = 0; j < 16; j++) {
      o0[j] = c0[j];
      o1[j] = c1[j];
      o2[j] = c2[j];
      o3[j] = c3[j];
    }
  }
  for (; r < rows; r++) {
    const float *a0 = a + r * a_stride;
    float *o0 = out + r * out_stride;
    float c0[16];
    for (int j = 0; j < 16; j++) c0[j] = accumulate ? o0[j] : 0.0f;
    for (int64_t p = 0; p < k; p++)
      for (int j = 0; j < 16; j++) c0[j] = c0[j] + a0[p] * panel[p * 16 + j];
    for (int j = 0; j < 16; j++) o0[j] = c0[j];
  }
}

/* Applies an activation in place; count is a multiple of 16. */
__attribute__((noinline, unused)) static void sq_tile_f32_activate(float *restrict t, int64_t count, int32_t activation) {
  switch (activation) {
    case SQ_ACTIVATION_RELU:
      for (int64_t i = 0; i < count; i++) t[i] = sq_max_f32(t[i], 0.0f);
      break;
    case SQ_ACTIVATION_GELU_ERF:
      for (int64_t i = 0; i < count; i++) t[i] = sq_gelu_erf_f32(t[i]);
      break;
    case SQ_ACTIVATION_GELU_TANH:
      for (int64_t i = 0; i < count; i++) t[i] = sq_gelu_tanh_f32(t[i]);
      break;
    case SQ_ACTIVATION_SIGMOID:
      for (int64_t i = 0; i < count; i++) t[i] = sq_sigmoid_f32(t[i]);
      break;
    default:
      break;
  }
}

/*
 * y = act(tile + bias) + residual for `columns` of the nr columns of a contiguous tile [rows, nr], which is overwritten.
 * The residual goes into the tile first: it may be y, and a loop over two that may alias does not vectorise.
 */
__attribute__((always_inline, unused)) static inline void sq_tile_f32_finish(float *restrict tile, int64_t rows, int64_t nr, int64_t columns,
                                                const float *restrict bias, int32_t activation, const float *residual,
                                                int64_t residual_stride, float *y, int64_t y_stride) {
  for (int64_t r = 0; r < rows; r++)
    for (int64_t j = 0; j < nr; j++) tile[r * nr + j] = tile[r * nr + j] + bias[j];
  if (activation != SQ_ACTIVATION_NONE) sq_tile_f32_activate(tile, rows * nr, activation);
  for (int64_t r = 0; r < rows; r++) {
    float *restrict t = tile + r * nr;
    const float *s = residual ? residual + r * residual_stride : residual;
    float *o = y + r * y_stride;
    if (columns == nr) { /* nr is a constant after inlining */
      if (residual)
        for (int64_t j = 0; j < nr; j++) t[j] = t[j] + s[j];
      for (int64_t j = 0; j < nr; j++) o[j] = t[j];
    } else {
      if (residual)
        for (int64_t j = 0; j < columns; j++) t[j] = t[j] + s[j];
      for (int64_t j = 0; j < columns; j++) o[j] = t[j];
    }
  }
}

#endif
