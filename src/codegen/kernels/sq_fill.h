#ifndef SQ_FILL_H
#define SQ_FILL_H
/*
 * SQ_DEFINE_FILL(bits): kernel sq_fill_<bits>, y[i] = *value for `count` contiguous elements of `bits` bits. Unit:
 * SQ_FILL_BLOCK elements.
 */
#include "sq_types.h"

#define SQ_FILL_BLOCK 16384

typedef struct {
  const void *value;
  void *y;
  int64_t count;
} sq_fill_args;

SQ_UNUSED static inline int64_t sq_fill_units(const sq_fill_args *p) {
  return sq_ceil_div_i64(p->count, SQ_FILL_BLOCK);
}

#define SQ_DEFINE_FILL(bits)                                                              \
  SQ_KERNEL_SIGNATURE(sq_fill_##bits) {                                                   \
    const sq_fill_args *p = (const sq_fill_args *)args;                                   \
    const SQ_C_##bits value = *(const SQ_C_##bits *)p->value;                             \
    SQ_C_##bits *y = (SQ_C_##bits *)p->y;                                                 \
    const int64_t stop = sq_min_i64(end * SQ_FILL_BLOCK, p->count);                       \
    (void)worker;                                                                         \
    for (int64_t i = begin * SQ_FILL_BLOCK; i < stop; i++) y[i] = value;                  \
  }

#endif
