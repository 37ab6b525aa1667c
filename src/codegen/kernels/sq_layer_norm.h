#ifndef SQ_LAYER_NORM_H
#define SQ_LAYER_NORM_H
/*
 * SQ_DEFINE_LAYER_NORM(d): kernel sq_layer_norm_<d> for floats, ONNX LayerNormalization over rows: x, y [rows, n]; gamma,
 * beta [n] or NULL: y = (x - mean) * (1 / sqrt(variance + eps)) * gamma + beta. Both sums in 16 lanes, lane i adding
 * elements i, i + 16, ...; then lanes i and i + 8, i + 4, i + 2, i + 1. f16 and bf16 in float32. Unit: a row. y may be x.
 * float32 has kernels of its own (sq_layer_norm_f32.h).
 */
#include "sq_types.h"

typedef struct {
  const void *x, *gamma, *beta;
  void *y;
  int64_t rows, n;
  double eps;
} sq_layer_norm_args;

SQ_UNUSED static inline int64_t sq_layer_norm_units(const sq_layer_norm_args *p) { return p->rows; }

#define SQ_LAYER_NORM_SQRT_f32(v) __builtin_sqrtf(v)
#define SQ_LAYER_NORM_SQRT_f16(v) __builtin_sqrtf(v)
#define SQ_LAYER_NORM_SQRT_bf16(v) __builtin_sqrtf(v)
#define SQ_LAYER_NORM_SQRT_f64(v) __builtin_sqrt(v)

#define SQ_DEFINE_LAYER_NORM(d)                                                                    \
  static inline SQ_A_##d sq_layer_norm_##d##_tree(SQ_A_##d lanes[16]) {                            \
    for (int half = 8; half > 0; half >>= 1)                                                       \
      for (int l = 0; l < half; l++) lanes[l] += lanes[l + half];                                  \
    return lanes[0];                                                                               \
  }                                                                                                \
  SQ_KERNEL_SIGNATURE(sq_layer_norm_##d) {                                                         \
    const sq_layer_norm_args *p = (const sq_layer_norm_args *)args;                                \
    const SQ_C_##d *gamma = (const SQ_C_##d *)p->gamma, *beta = (const SQ_C_##d *)p->beta;         \
    const int64_t n = p->n;                                                                        \
    (void)worker;                                                                                  \
    for (int64_t row = begin; row < end; row++) {                                                  \
      const SQ_C_##d *x = (const SQ_C_##d *)p->x + row * n;                                        \
      SQ_C_##d *y = (SQ_C_##d *)p->y + row * n;                                                    \
      SQ_A_##d sums[16] = {0}, squares[16] = {0};                                                  \
      for (int64_t i = 0; i < n; i++) sums[i & 15] += SQ_LOAD_##d(x[i]);                           \
      const SQ_A_##d mean = sq_layer_norm_##d##_tree(sums) / (SQ_A_##d)n;                          \
      for (int64_t i = 0; i < n; i++) {                                                            \
        const SQ_A_##d v = SQ_LOAD_##d(x[i]) - mean;                                               \
        squares[i & 15] += v * v;                                                                  \
      }                                                                                            \
      const SQ_A_##d variance = sq_layer_norm_##d##_tree(squares) / (SQ_A_##d)n;                   \
      const SQ_A_##d r = (SQ_A_##d)1 / SQ_LAYER_NORM_SQRT_##d(variance + (SQ_A_##d)p->eps);        \
      for (int64_t i = 0; i < n; i++) {                                                            \
        SQ_A_##d v = (SQ_LOAD_##d(x[i]) - mean) * r;                                               \
        if (gamma) v *= SQ_LOAD_##d(gamma[i]);                                                     \
        if (beta) v += SQ_LOAD_##d(beta[i]);                                                       \
        y[i] = SQ_STORE_##d(v);                                                                    \
      }                                                                                            \
    }                                                                                              \
  }

#endif
