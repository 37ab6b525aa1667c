#ifndef SQ_CUMSUM_H
#define SQ_CUMSUM_H
/*
 * SQ_DEFINE_CUMSUM(d): kernel sq_cumsum_<d>, x, y [outer, n, inner]: running sums along n, from the end where `reverse`,
 * of the elements before where `exclusive`. Added one after the other; f16 and bf16 in float32, integers wrap. Unit: SQ_CUMSUM_BLOCK
 * sums along inner.
 */
#include "sq_types.h"

#define SQ_CUMSUM_BLOCK 64

typedef struct {
  const void *x;
  void *y;
  int64_t outer, n, inner, exclusive, reverse;
} sq_cumsum_args;

SQ_UNUSED static inline int64_t sq_cumsum_units(const sq_cumsum_args *p) {
  return p->outer * sq_ceil_div_i64(p->inner, SQ_CUMSUM_BLOCK);
}

#define SQ_DEFINE_CUMSUM(d)                                                                        \
  SQ_KERNEL_SIGNATURE(sq_cumsum_##d) {                                                             \
    const sq_cumsum_args *p = (const sq_cumsum_args *)args;                                        \
    const int64_t blocks = sq_ceil_div_i64(p->inner, SQ_CUMSUM_BLOCK);                             \
    (void)worker;                                                                                  \
    for (int64_t unit = begin; unit < end; unit++) {                                               \
      const int64_t first = unit % blocks * SQ_CUMSUM_BLOCK;                                       \
      const int64_t count = sq_min_i64(p->inner - first, SQ_CUMSUM_BLOCK);                         \
      const int64_t base = unit / blocks * p->n * p->inner + first;                                \
      SQ_W_##d sums[SQ_CUMSUM_BLOCK] = {0};                                                        \
      for (int64_t i = 0; i < p->n; i++) {                                                         \
        const int64_t at = base + (p->reverse ? p->n - 1 - i : i) * p->inner;                      \
        const SQ_C_##d *x = (const SQ_C_##d *)p->x + at;                                           \
        SQ_C_##d *y = (SQ_C_##d *)p->y + at;                                                       \
        for (int64_t j = 0; j < count; j++) {                                                      \
          const SQ_W_##d before = sums[j];                                                         \
          sums[j] = before + (SQ_W_##d)SQ_LOAD_##d(x[j]);                                          \
          y[j] = SQ_STORE_##d((SQ_A_##d)(p->exclusive ? before : sums[j]));                        \
        }                                                                                          \
      }                                                                                            \
    }                                                                                              \
  }

#endif
