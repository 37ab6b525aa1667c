#ifndef SQ_GATHER_H
#define SQ_GATHER_H
/*
 * SQ_DEFINE_GATHER(bits, i): kernel sq_gather_<bits>_<i>, x [outer, n, inner] and count indices of dtype i ->
 * y [outer, count, inner], slices of x along n (sq_index.h; 0 where n is 0). Elements of `bits` bits. Unit: one row of
 * inner elements.
 */
#include "sq_index.h"
#include "sq_types.h"

typedef struct {
  const void *x, *indices;
  void *y;
  int64_t outer, n, inner, count;
} sq_gather_args;

SQ_UNUSED static inline int64_t sq_gather_units(const sq_gather_args *p) { return p->outer * p->count; }

#define SQ_DEFINE_GATHER(bits, i)                                                                            \
  SQ_KERNEL_SIGNATURE(sq_gather_##bits##_##i) {                                                              \
    const sq_gather_args *p = (const sq_gather_args *)args;                                                  \
    (void)worker;                                                                                            \
    for (int64_t unit = begin; unit < end; unit++) {                                                         \
      SQ_C_##bits *restrict y = (SQ_C_##bits *)p->y + unit * p->inner;                                       \
      if (p->n == 0) {                                                                                       \
        for (int64_t j = 0; j < p->inner; j++) y[j] = 0;                                                     \
        continue;                                                                                            \
      }                                                                                                      \
      const int64_t at = sq_index_clamp(((const SQ_C_##i *)p->indices)[unit % p->count], p->n);              \
      const SQ_C_##bits *x = (const SQ_C_##bits *)p->x + (unit / p->count * p->n + at) * p->inner;           \
      for (int64_t j = 0; j < p->inner; j++) y[j] = x[j];                                                    \
    }                                                                                                        \
  }

#endif
