#ifndef SQ_GATHER_ND_H
#define SQ_GATHER_ND_H
/*
 * SQ_DEFINE_GATHER_ND(bits, i): kernel sq_gather_nd_<bits>_<i>: x [batch, dims[0 .. k), inner], indices [batch, count, k]
 * of dtype i -> y [batch, count, inner]: the slice of x at each tuple (sq_index.h; 0 where x is empty). Elements of
 * `bits` bits. Unit: one tuple.
 */
#include "sq_index.h"
#include "sq_strided.h"
#include "sq_types.h"

typedef struct {
  const void *x, *indices;
  void *y;
  int64_t batch, count, k, inner;
  const int64_t *dims;
} sq_gather_nd_args;

SQ_UNUSED static inline int64_t sq_gather_nd_units(const sq_gather_nd_args *p) { return p->batch * p->count; }

#define SQ_DEFINE_GATHER_ND(bits, i)                                                                    \
  SQ_KERNEL_SIGNATURE(sq_gather_nd_##bits##_##i) {                                                      \
    const sq_gather_nd_args *p = (const sq_gather_nd_args *)args;                                       \
    const int64_t slices = sq_strided_product(p->dims, p->k);                                           \
    (void)worker;                                                                                       \
    for (int64_t unit = begin; unit < end; unit++) {                                                    \
      const SQ_C_##i *tuple = (const SQ_C_##i *)p->indices + unit * p->k;                               \
      SQ_C_##bits *restrict y = (SQ_C_##bits *)p->y + unit * p->inner;                                  \
      int64_t at = 0;                                                                                   \
      if (slices == 0) {                                                                                \
        for (int64_t j = 0; j < p->inner; j++) y[j] = 0;                                                \
        continue;                                                                                       \
      }                                                                                                 \
      for (int64_t j = 0; j < p->k; j++) at = at * p->dims[j] + sq_index_clamp(tuple[j], p->dims[j]);   \
      const SQ_C_##bits *x = (const SQ_C_##bits *)p->x + (unit / p->count * slices + at) * p->inner;    \
      for (int64_t j = 0; j < p->inner; j++) y[j] = x[j];                                               \
    }                                                                                                   \
  }

#endif
