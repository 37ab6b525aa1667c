#ifndef SQ_IOTA_H
#define SQ_IOTA_H
/*
 * SQ_DEFINE_IOTA(d): kernel sq_iota_<d>, y[i] = i for `count` contiguous elements of dtype d. Unit: SQ_IOTA_BLOCK elements.
 */
#include "sq_types.h"

#define SQ_IOTA_BLOCK 4096

typedef struct {
  void *y;
  int64_t count;
} sq_iota_args;

SQ_UNUSED static inline int64_t sq_iota_units(const sq_iota_args *p) {
  return sq_ceil_div_i64(p->count, SQ_IOTA_BLOCK);
}

#define SQ_DEFINE_IOTA(d)                                                                          \
  SQ_KERNEL_SIGNATURE(sq_iota_##d) {                                                               \
    const sq_iota_args *p = (const sq_iota_args *)args;                                            \
    SQ_C_##d *y = (SQ_C_##d *)p->y;                                                                \
    const int64_t stop = sq_min_i64(end * SQ_IOTA_BLOCK, p->count);                                \
    (void)worker;                                                                                  \
    for (int64_t i = begin * SQ_IOTA_BLOCK; i < stop; i++) y[i] = SQ_STORE_##d((SQ_A_##d)i);       \
  }

#endif
