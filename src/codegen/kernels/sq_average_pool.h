#ifndef SQ_AVERAGE_POOL_H
#define SQ_AVERAGE_POOL_H
/*
 * SQ_DEFINE_AVERAGE_POOL(d): kernel sq_average_pool_<d>, floats: x [planes, in[0], in[1], in[2]] -> y [planes, out...]: the
 * sum under each window, row-major, over the number of its elements inside x, or with count_include_pad inside x and its padding
 * (fewer spatial axes: leading ones of size 1). 0 where there are none. Unit: one row of results.
 */
#include "sq_types.h"

typedef struct {
  const void *x;
  void *y;
  int64_t planes, count_include_pad;
  const int64_t *in, *out, *kernel, *strides, *pads_before, *pads_after; /* 3 each */
} sq_average_pool_args;

SQ_UNUSED static inline int64_t sq_average_pool_units(const sq_average_pool_args *p) {
  return p->planes * p->out[0] * p->out[1];
}

#define SQ_DEFINE_AVERAGE_POOL(d)                                                                             \
  SQ_KERNEL_SIGNATURE(sq_average_pool_##d) {                                                                  \
    const sq_average_pool_args *p = (const sq_average_pool_args *)args;                                       \
    const int64_t *in = p->in, *out = p->out;                                                                 \
    (void)worker;                                                                                             \
    for (int64_t unit = begin; unit < end; unit++) {                                                          \
      const SQ_C_##d *x = (const SQ_C_##d *)p->x + unit / (out[0] * out[1]) * in[0] * in[1] * in[2];          \
      int64_t start[3] = {unit / out[1] % out[0] * p->strides[0] - p->pads_before[0],                         \
                          unit % out[1] * p->strides[1] - p->pads_before[1], 0};                              \
      for (int64_t o = 0; o < out[2]; o++) {                                                                  \
        int64_t from[3], to[3], padded = 1, inside = 1;                                                       \
        SQ_A_##d sum = 0;                                                                                     \
        start[2] = o * p->strides[2] - p->pads_before[2];                                                     \
        for (int axis = 0; axis < 3; axis++) {                                                                \
          const int64_t stop = start[axis] + p->kernel[axis];                                                 \
          padded *= sq_min_i64(stop, in[axis] + p->pads_after[axis]) - start[axis];                           \
          from[axis] = sq_max_i64(start[axis], 0);                                                            \
          to[axis] = sq_min_i64(stop, in[axis]);                                                              \
          inside *= sq_max_i64(to[axis] - from[axis], 0);                                                     \
        }                                                                                                     \
        for (int64_t i = from[0]; i < to[0]; i++)                                                             \
          for (int64_t j = from[1]; j < to[1]; j++)                                                           \
            for (int64_t k = from[2]; k < to[2]; k++) sum += SQ_LOAD_##d(x[(i * in[1] + j) * in[2] + k]);     \
        const int64_t count = p->count_include_pad ? padded : inside;                                         \
        const SQ_A_##d mean = count > 0 ? sum / (SQ_A_##d)count : 0;                                          \
        ((SQ_C_##d *)p->y)[unit * out[2] + o] = SQ_STORE_##d(mean);                                           \
      }                                                                                                       \
    }                                                                                                         \
  }

#endif
