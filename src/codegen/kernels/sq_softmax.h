#ifndef SQ_SOFTMAX_H
#define SQ_SOFTMAX_H
/*
 * SQ_DEFINE_SOFTMAX(fn, d): kernel sq_softmax_<fn>_<d>, fn exp or log: x, y [outer, n, inner], floats: along n,
 * e / sum e with e = exp(x - max), or x - max - log(sum e). Sums one after the other; f16 and bf16 in float32. Unit:
 * SQ_SOFTMAX_BLOCK lines along inner. y may be x.
 */
#include "sq_math.h"
#include "sq_math_f64.h"
#include "sq_types.h"

#define SQ_SOFTMAX_BLOCK 16

typedef struct {
  const void *x;
  void *y;
  int64_t outer, n, inner;
} sq_softmax_args;

SQ_UNUSED static inline int64_t sq_softmax_units(const sq_softmax_args *p) {
  return p->outer * sq_ceil_div_i64(p->inner, SQ_SOFTMAX_BLOCK);
}

#define SQ_SOFTMAX_EXP_f32(v) sq_exp_f32(v)
#define SQ_SOFTMAX_EXP_f16(v) sq_exp_f32(v)
#define SQ_SOFTMAX_EXP_bf16(v) sq_exp_f32(v)
#define SQ_SOFTMAX_EXP_f64(v) sq_exp_f64(v)
#define SQ_SOFTMAX_LOG_f32(v) sq_log_f32(v)
#define SQ_SOFTMAX_LOG_f16(v) sq_log_f32(v)
#define SQ_SOFTMAX_LOG_bf16(v) sq_log_f32(v)
#define SQ_SOFTMAX_LOG_f64(v) sq_log_f64(v)
#define SQ_SOFTMAX_TOTAL_exp(sum, d) (sum)
#define SQ_SOFTMAX_TOTAL_log(sum, d) SQ_SOFTMAX_LOG_##d(sum)
#define SQ_SOFTMAX_VALUE_exp(v, total, d) (SQ_SOFTMAX_EXP_##d(v) / (total))
#define SQ_SOFTMAX_VALUE_log(v, total, d) ((v) - (total))

#define SQ_DEFINE_SOFTMAX(fn, d)                                                                             \
  SQ_KERNEL_SIGNATURE(sq_softmax_##fn##_##d) {                                                               \
    const sq_softmax_args *p = (const sq_softmax_args *)args;                                                \
    const int64_t blocks = sq_ceil_div_i64(p->inner, SQ_SOFTMAX_BLOCK), step = p->inner;                     \
    (void)worker;                                                                                            \
    for (int64_t unit = begin; unit < end; unit++) {                                                         \
      const int64_t first = unit % blocks * SQ_SOFTMAX_BLOCK;                                                \
      const int64_t count = sq_min_i64(step - first, SQ_SOFTMAX_BLOCK);                                      \
      const SQ_C_##d *x = (const SQ_C_##d *)p->x + unit / blocks * p->n * step + first;                      \
      SQ_C_##d *y = (SQ_C_##d *)p->y + unit / blocks * p->n * step + first;                                  \
      SQ_A_##d most[SQ_SOFTMAX_BLOCK], sums[SQ_SOFTMAX_BLOCK] = {0};                                         \
      for (int64_t j = 0; j < count; j++) most[j] = SQ_LOWEST_##d;                                           \
      for (int64_t i = 0; i < p->n; i++)                                                                     \
        for (int64_t j = 0; j < count; j++) {                                                                \
          const SQ_A_##d v = SQ_LOAD_##d(x[i * step + j]);                                                   \
          most[j] = v > most[j] || v != v ? v : most[j];                                                     \
        }                                                                                                    \
      for (int64_t i = 0; i < p->n; i++)                                                                     \
        for (int64_t j = 0; j < count; j++)                                                                  \
          sums[j] += SQ_SOFTMAX_EXP_##d(SQ_LOAD_##d(x[i * step + j]) - most[j]);                             \
      for (int64_t j = 0; j < count; j++) sums[j] = SQ_SOFTMAX_TOTAL_##fn(sums[j], d);                       \
      for (int64_t i = 0; i < p->n; i++)                                                                     \
        for (int64_t j = 0; j < count; j++) {                                                                \
          const SQ_A_##d v = SQ_LOAD_##d(x[i * step + j]) - most[j];                                         \
          y[i * step + j] = SQ_STORE_##d(SQ_SOFTMAX_VALUE_##fn(v, sums[j], d));                              \
        }                                                                                                    \
    }                                                                                                        \
  }

#endif
