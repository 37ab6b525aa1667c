#ifndef SQ_PERMUTE_H
#define SQ_PERMUTE_H
/*
 * SQ_DEFINE_PERMUTE(bits): kernel sq_permute_<bits>, a strided copy as sq_copy_<bits> for views whose last axes are short: the
 * `inner` last axes, of at most SQ_PERMUTE_MOST elements, are contiguous in y, and where they lie in x is listed once for all.
 * Offsets within them fit 32 bits. Unit: an index of the axes before.
 */
#include "sq_strided.h"
#include "sq_types.h"

#define SQ_PERMUTE_MOST 1024

typedef struct {
  const void *x;
  void *y;
  int64_t rank, inner;
  const int64_t *dims, *strides_x, *strides_y;
} sq_permute_args;

SQ_UNUSED static inline int64_t sq_permute_units(const sq_permute_args *p) { return sq_strided_product(p->dims, p->rank - p->inner); }

/* Where in x the elements of the inner axes lie; returns how many there are. */
SQ_UNUSED static inline int64_t sq_permute_offsets(const sq_permute_args *p, int32_t *offsets) {
  const int64_t outer = p->rank - p->inner, count = sq_strided_product(p->dims + outer, p->inner);
  int64_t index[SQ_STRIDED_RANK] = {0};
  for (int64_t i = 0; i < count; i++, sq_strided_advance(p->dims + outer, p->inner, index))
    offsets[i] = (int32_t)sq_strided_dot(index, p->strides_x + outer, p->inner);
  return count;
}

#define SQ_DEFINE_PERMUTE(bits) \
  SQ_KERNEL_SIGNATURE(sq_permute_##bits) { \
    const sq_permute_args *p = (const sq_permute_args *)args; \
    const int64_t outer = p->rank - p->inner; \
    int32_t offsets[SQ_PERMUTE_MOST]; \
    const int64_t count = sq_permute_offsets(p, offsets); \
    (void)worker; \
    for (int64_t unit = begin; unit < end; unit++) { \
      int64_t index[SQ_STRIDED_RANK]; \
      sq_strided_unravel(unit, p->dims, outer, index); \
      const SQ_C_##bits *x = (const SQ_C_##bits *)p->x + sq_strided_dot(index, p->strides_x, outer); \
      SQ_C_##bits *restrict y = (SQ_C_##bits *)p->y + sq_strided_dot(index, p->strides_y, outer); \
      for (int64_t i = 0; i < count; i++) y[i] = x[offsets[i]]; \
    } \
  }

#endif
