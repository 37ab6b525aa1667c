#ifndef SQ_PAD_H
#define SQ_PAD_H
/*
 * SQ_DEFINE_PAD(mode, bits): kernel sq_pad_<mode>_<bits>, mode in edge reflect wrap: y of shape dims, row-major; axis by
 * axis, element i of y is element map(i - before) of x, of shape dims_x (nowhere 0) and strides_x. edge: the nearest;
 * reflect: mirrored at the first and last element, which are not repeated; wrap: modulo. Elements of `bits` bits.
 * Unit: a row segment (sq_strided.h).
 */
#include "sq_strided.h"
#include "sq_types.h"

typedef struct {
  const void *x;
  void *y;
  int64_t rank;
  const int64_t *dims, *dims_x, *strides_x, *before;
} sq_pad_args;

SQ_UNUSED static inline int64_t sq_pad_units(const sq_pad_args *p) { return sq_strided_units(p->dims, p->rank); }

SQ_UNUSED static inline int64_t sq_pad_edge(int64_t i, int64_t n) { return i < 0 ? 0 : i >= n ? n - 1 : i; }
SQ_UNUSED static inline int64_t sq_pad_wrap(int64_t i, int64_t n) {
  int64_t r = i % n;
  return r < 0 ? r + n : r;
}
SQ_UNUSED static inline int64_t sq_pad_reflect(int64_t i, int64_t n) {
  if (n == 1) return 0;
  int64_t r = sq_pad_wrap(i, 2 * (n - 1));
  return r < n ? r : 2 * (n - 1) - r;
}

#define SQ_DEFINE_PAD(mode, bits)                                                                            \
  SQ_KERNEL_SIGNATURE(sq_pad_##mode##_##bits) {                                                              \
    const sq_pad_args *p = (const sq_pad_args *)args;                                                        \
    const int64_t last = p->rank - 1, n = p->dims_x[last], step = p->strides_x[last];                        \
    sq_strided_walk walk = sq_strided_start(p->dims, p->rank, begin);                                        \
    (void)worker;                                                                                            \
    for (int64_t unit = begin; unit < end; unit++, sq_strided_next(&walk)) {                                 \
      const SQ_C_##bits *x = (const SQ_C_##bits *)p->x;                                                      \
      SQ_C_##bits *restrict y = (SQ_C_##bits *)p->y + walk.flat;                                             \
      const int64_t first = walk.index[last] - p->before[last], count = walk.count;                          \
      const int64_t from = sq_min_i64(sq_max_i64(-first, 0), count);                                         \
      const int64_t to = sq_max_i64(sq_min_i64(n - first, count), from);                                     \
      for (int64_t axis = 0; axis < last; axis++)                                                            \
        x += sq_pad_##mode(walk.index[axis] - p->before[axis], p->dims_x[axis]) * p->strides_x[axis];        \
      for (int64_t i = 0; i < from; i++) y[i] = x[sq_pad_##mode(first + i, n) * step];                       \
      for (int64_t i = from; i < to; i++) y[i] = x[(first + i) * step];                                      \
      for (int64_t i = to; i < count; i++) y[i] = x[sq_pad_##mode(first + i, n) * step];                     \
    }                                                                                                        \
  }

#endif
