#ifndef SQ_GATHER_ELEMENTS_H
#define SQ_GATHER_ELEMENTS_H
/*
 * SQ_DEFINE_GATHER_ELEMENTS(bits, i): kernel sq_gather_elements_<bits>_<i>, y[..., j, ...] = x[..., indices[..., j, ...], ...]
 * along `axis` of n elements in x. dims: the shape of indices (dtype i) and y, row-major; strides_x: of x, elements of
 * `bits` bits. Indices: sq_index.h; y is 0 where n is 0. Unit: a row segment (sq_strided.h).
 */
#include "sq_index.h"
#include "sq_strided.h"
#include "sq_types.h"

typedef struct {
  const void *x, *indices;
  void *y;
  int64_t rank, axis, n;
  const int64_t *dims, *strides_x;
} sq_gather_elements_args;

SQ_UNUSED static inline int64_t sq_gather_elements_units(const sq_gather_elements_args *p) {
  return sq_strided_units(p->dims, p->rank);
}

#define SQ_DEFINE_GATHER_ELEMENTS(bits, i)                                                              \
  SQ_KERNEL_SIGNATURE(sq_gather_elements_##bits##_##i) {                                                \
    const sq_gather_elements_args *p = (const sq_gather_elements_args *)args;                           \
    const int64_t axis_step = p->strides_x[p->axis];                                                    \
    const int64_t step = p->axis == p->rank - 1 ? 0 : p->strides_x[p->rank - 1];                        \
    sq_strided_walk walk = sq_strided_start(p->dims, p->rank, begin);                                   \
    (void)worker;                                                                                       \
    for (int64_t unit = begin; unit < end; unit++, sq_strided_next(&walk)) {                            \
      const SQ_C_##i *indices = (const SQ_C_##i *)p->indices + walk.flat;                               \
      SQ_C_##bits *y = (SQ_C_##bits *)p->y + walk.flat;                                                 \
      const int64_t base = sq_strided_offset(&walk, p->strides_x) - walk.index[p->axis] * axis_step;    \
      for (int64_t j = 0; j < walk.count; j++)                                                          \
        y[j] = p->n == 0 ? 0                                                                            \
                         : ((const SQ_C_##bits *)p->x)[base + j * step + sq_index_clamp(indices[j], p->n) * axis_step]; \
    }                                                                                                   \
  }

#endif
