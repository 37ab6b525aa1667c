#ifndef SQ_SCALARS_H
#define SQ_SCALARS_H
/*
 * SQ_DEFINE_SCALARS(bits): kernel sq_scalars_<bits>, y[i] = values[i] for `count` elements of `bits` bits, which the
 * caller computed. Unit: all of them.
 */
#include "sq_cast.h"
#include "sq_types.h"

typedef struct {
  const void *values;
  void *y;
  int64_t count;
} sq_scalars_args;

SQ_UNUSED static inline int64_t sq_scalars_units(const sq_scalars_args *p) { return p->count > 0; }

#define SQ_DEFINE_SCALARS(bits)                                                                              \
  SQ_KERNEL_SIGNATURE(sq_scalars_##bits) {                                                                   \
    const sq_scalars_args *p = (const sq_scalars_args *)args;                                                \
    (void)worker;                                                                                            \
    if (begin < end)                                                                                         \
      for (int64_t i = 0; i < p->count; i++) ((SQ_C_##bits *)p->y)[i] = ((const SQ_C_##bits *)p->values)[i]; \
  }

#endif
