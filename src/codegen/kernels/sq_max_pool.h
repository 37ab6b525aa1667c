#ifndef SQ_MAX_POOL_H
#define SQ_MAX_POOL_H
/*
 * SQ_DEFINE_MAX_POOL(d): kernel sq_max_pool_<d>: x [planes, in[0], in[1], in[2]] -> y [planes, out...]: the largest element
 * of x under each window (fewer spatial axes: leading ones of size 1). Where indices is not NULL, it takes
 * the element's index in x, row-major, or column-major over the spatial axes. Elements of the window outside x
 * do not count; of a window wholly outside: the lowest value of d, index 0. A NaN wins. Unit: one row of results.
 */
#include "sq_types.h"

typedef struct {
  const void *x;
  void *y;
  int64_t *indices;
  int64_t planes, column_major;
  const int64_t *in, *out, *kernel, *strides, *dilations, *pads; /* 3 each */
} sq_max_pool_args;

SQ_UNUSED static inline int64_t sq_max_pool_units(const sq_max_pool_args *p) {
  return p->planes * p->out[0] * p->out[1];
}

/* Kernel positions [from, to) that fall inside an axis of `size`, for a window that starts at `start`. */
SQ_UNUSED static inline int64_t sq_max_pool_from(int64_t start, int64_t dilation) {
  return start < 0 ? sq_ceil_div_i64(-start, dilation) : 0;
}
SQ_UNUSED static inline int64_t sq_max_pool_to(int64_t start, int64_t dilation, int64_t kernel, int64_t size) {
  return size <= start ? 0 : sq_min_i64(kernel, sq_ceil_div_i64(size - start, dilation));
}

#define SQ_MAX_POOL_BETTER_flt(a, b) ((a) > (b) || (a) != (a))
#define SQ_MAX_POOL_BETTER_sgn(a, b) ((a) > (b))
#define SQ_MAX_POOL_BETTER_uns(a, b) ((a) > (b))

#define SQ_DEFINE_MAX_POOL(d) SQ_MAX_POOL_KERNEL_(sq_max_pool_##d, SQ_PASTE(SQ_MAX_POOL_BETTER_, SQ_CLASS_##d), d)
#define SQ_MAX_POOL_KERNEL_(name, BETTER, d)                                                                  \
  SQ_KERNEL_SIGNATURE(name) {                                                                                 \
    const sq_max_pool_args *p = (const sq_max_pool_args *)args;                                               \
    const int64_t *in = p->in, *out = p->out, *dilations = p->dilations;                                      \
    (void)worker;                                                                                             \
    for (int64_t unit = begin; unit < end; unit++) {                                                          \
      const int64_t plane = unit / (out[0] * out[1]);                                                         \
      const int64_t base = plane * in[0] * in[1] * in[2];                                                     \
      const SQ_C_##d *x = (const SQ_C_##d *)p->x + base;                                                      \
      int64_t start[3] = {unit / out[1] % out[0] * p->strides[0] - p->pads[0],                                \
                          unit % out[1] * p->strides[1] - p->pads[1], 0};                                     \
      for (int64_t o = 0; o < out[2]; o++) {                                                                  \
        int64_t from[3], to[3], best[3] = {0, 0, 0};                                                          \
        SQ_A_##d record = SQ_LOWEST_##d;                                                                      \
        int found = 0;                                                                                        \
        start[2] = o * p->strides[2] - p->pads[2];                                                            \
        for (int axis = 0; axis < 3; axis++) {                                                                \
          from[axis] = sq_max_pool_from(start[axis], dilations[axis]);                                        \
          to[axis] = sq_max_pool_to(start[axis], dilations[axis], p->kernel[axis], in[axis]);                 \
        }                                                                                                     \
        for (int64_t i = from[0]; i < to[0]; i++)                                                             \
          for (int64_t j = from[1]; j < to[1]; j++)                                                           \
            for (int64_t k = from[2]; k < to[2]; k++) {                                                       \
              const int64_t u = start[0] + i * dilations[0], v = start[1] + j * dilations[1];                 \
              const int64_t w = start[2] + k * dilations[2];                                                  \
              const SQ_A_##d value = SQ_LOAD_##d(x[(u * in[1] + v) * in[2] + w]);                             \
              if (!found || (record == record && BETTER(value, record))) {                                    \
                found = 1;                                                                                    \
                record = value;                                                                               \
                best[0] = u;                                                                                  \
                best[1] = v;                                                                                  \
                best[2] = w;                                                                                  \
              }                                                                                               \
            }                                                                                                 \
        ((SQ_C_##d *)p->y)[unit * out[2] + o] = SQ_STORE_##d(record);                                         \
        if (p->indices)                                                                                       \
          p->indices[unit * out[2] + o] =                                                                     \
              base + (p->column_major ? best[0] + in[0] * (best[1] + in[1] * best[2])                         \
                                      : (best[0] * in[1] + best[1]) * in[2] + best[2]);                       \
      }                                                                                                       \
    }                                                                                                         \
  }

#endif
