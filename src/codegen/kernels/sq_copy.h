#ifndef SQ_COPY_H
#define SQ_COPY_H
/*
 * SQ_DEFINE_COPY(bits): kernel sq_copy_<bits>, a strided copy of elements of `bits` bits: for every index of dims,
 * y[index . strides_y] = x[index . strides_x]. Transpose, slice, concat, expand and the inside of a constant pad are this
 * with offset pointers and their strides (which may be 0 in x, and negative). Unit: a row segment (sq_strided.h). y
 * overlaps neither itself nor x.
 */
#include "sq_strided.h"
#include "sq_types.h"

typedef struct {
  const void *x;
  void *y;
  int64_t rank;
  const int64_t *dims, *strides_x, *strides_y;
} sq_copy_args;

SQ_UNUSED static inline int64_t sq_copy_units(const sq_copy_args *p) { return sq_strided_units(p->dims, p->rank); }

#define SQ_DEFINE_COPY(bits)                                                                            \
  SQ_KERNEL_SIGNATURE(sq_copy_##bits) {                                                                 \
    const sq_copy_args *p = (const sq_copy_args *)args;                                                 \
    const int64_t step_x = p->strides_x[p->rank - 1], step_y = p->strides_y[p->rank - 1];               \
    sq_strided_walk walk = sq_strided_start(p->dims, p->rank, begin);                                   \
    (void)worker;                                                                                       \
    for (int64_t unit = begin; unit < end; unit++, sq_strided_next(&walk)) {                            \
      const SQ_C_##bits *x = (const SQ_C_##bits *)p->x + sq_strided_offset(&walk, p->strides_x);        \
      SQ_C_##bits *restrict y = (SQ_C_##bits *)p->y + sq_strided_offset(&walk, p->strides_y);           \
      const int64_t count = walk.count;                                                                 \
      if (step_x == 1 && step_y == 1) {                                                                 \
        for (int64_t i = 0; i < count; i++) y[i] = x[i];                                                \
      } else if (step_x == 0 && step_y == 1) {                                                          \
        const SQ_C_##bits v = x[0];                                                                     \
        for (int64_t i = 0; i < count; i++) y[i] = v;                                                   \
      } else {                                                                                          \
        for (int64_t i = 0; i < count; i++) y[i * step_y] = x[i * step_x];                              \
      }                                                                                                 \
    }                                                                                                   \
  }

#endif
