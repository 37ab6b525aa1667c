#ifndef SQ_SCATTER_ND_H
#define SQ_SCATTER_ND_H
/*
 * SQ_DEFINE_SCATTER_ND(reduction, d, i): kernel sq_scatter_nd_<reduction>_<d>_<i>: y [dims[0 .. k), inner], which holds a
 * copy of x, takes updates [count, inner] at the tuples of indices [count, k] (dtype i; sq_index.h) in their order. Unit:
 * SQ_SCATTER_ND_BLOCK elements of inner, for all tuples.
 */
#include "sq_index.h"
#include "sq_scatter.h"
#include "sq_strided.h"
#include "sq_types.h"

#define SQ_SCATTER_ND_BLOCK 256

typedef struct {
  const void *indices, *updates;
  void *y;
  int64_t count, k, inner;
  const int64_t *dims;
} sq_scatter_nd_args;

SQ_UNUSED static inline int64_t sq_scatter_nd_units(const sq_scatter_nd_args *p) {
  return sq_strided_product(p->dims, p->k) == 0 ? 0 : sq_ceil_div_i64(p->inner, SQ_SCATTER_ND_BLOCK);
}

#define SQ_DEFINE_SCATTER_ND(reduction, d, i)                                                                \
  SQ_SCATTER_ND_KERNEL_(sq_scatter_nd_##reduction##_##d##_##i, SQ_PASTE(SQ_SCATTER_##reduction##_, SQ_CLASS_##d), d, i)
#define SQ_SCATTER_ND_KERNEL_(name, expression, d, i)                                                        \
  SQ_KERNEL_SIGNATURE(name) {                                                                                \
    const sq_scatter_nd_args *p = (const sq_scatter_nd_args *)args;                                          \
    const int64_t first = begin * SQ_SCATTER_ND_BLOCK, stop = sq_min_i64(end * SQ_SCATTER_ND_BLOCK, p->inner); \
    (void)worker;                                                                                            \
    for (int64_t t = 0; t < p->count; t++) {                                                                 \
      const SQ_C_##i *tuple = (const SQ_C_##i *)p->indices + t * p->k;                                       \
      const SQ_C_##d *updates = (const SQ_C_##d *)p->updates + t * p->inner;                                 \
      int64_t at = 0;                                                                                        \
      for (int64_t j = 0; j < p->k; j++) at = at * p->dims[j] + sq_index_clamp(tuple[j], p->dims[j]);        \
      SQ_C_##d *y = (SQ_C_##d *)p->y + at * p->inner;                                                        \
      for (int64_t j = first; j < stop; j++) {                                                               \
        const SQ_A_##d old = SQ_LOAD_##d(y[j]), update = SQ_LOAD_##d(updates[j]);                            \
        (void)old;                                                                                           \
        y[j] = SQ_STORE_##d(expression(old, update, SQ_A_##d, SQ_W_##d));                                    \
      }                                                                                                      \
    }                                                                                                        \
  }

#endif
