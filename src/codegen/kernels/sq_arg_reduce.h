#ifndef SQ_ARG_REDUCE_H
#define SQ_ARG_REDUCE_H
/*
 * SQ_DEFINE_ARG_REDUCE(fn, d): kernel sq_arg_reduce_<fn>_<d>, fn in max min: x [outer, n, inner] -> the index i64 of the
 * best element along n, y [outer, inner]; of equal ones the first, or the last where select_last. A NaN is better than
 * every number. Unit: one result.
 */
#include "sq_types.h"

typedef struct {
  const void *x;
  int64_t *y;
  int64_t outer, n, inner, select_last;
} sq_arg_reduce_args;

SQ_UNUSED static inline int64_t sq_arg_reduce_units(const sq_arg_reduce_args *p) { return p->outer * p->inner; }

#define SQ_ARG_REDUCE_BETTER_max_flt(a, b) ((a) > (b) || ((a) != (a) && (b) == (b)))
#define SQ_ARG_REDUCE_BETTER_max_sgn(a, b) ((a) > (b))
#define SQ_ARG_REDUCE_BETTER_max_uns(a, b) ((a) > (b))
#define SQ_ARG_REDUCE_BETTER_min_flt(a, b) ((a) < (b) || ((a) != (a) && (b) == (b)))
#define SQ_ARG_REDUCE_BETTER_min_sgn(a, b) ((a) < (b))
#define SQ_ARG_REDUCE_BETTER_min_uns(a, b) ((a) < (b))

#define SQ_DEFINE_ARG_REDUCE(fn, d) \
  SQ_ARG_REDUCE_KERNEL_(sq_arg_reduce_##fn##_##d, SQ_PASTE(SQ_ARG_REDUCE_BETTER_##fn##_, SQ_CLASS_##d), d)
#define SQ_ARG_REDUCE_KERNEL_(name, BETTER, d)                                                     \
  SQ_KERNEL_SIGNATURE(name) {                                                                      \
    const sq_arg_reduce_args *p = (const sq_arg_reduce_args *)args;                                \
    (void)worker;                                                                                  \
    for (int64_t unit = begin; unit < end; unit++) {                                               \
      const SQ_C_##d *x = (const SQ_C_##d *)p->x + unit / p->inner * p->n * p->inner + unit % p->inner; \
      int64_t best = 0;                                                                            \
      SQ_A_##d record = 0;                                                                         \
      for (int64_t i = 0; i < p->n; i++) {                                                         \
        const SQ_A_##d v = SQ_LOAD_##d(x[i * p->inner]);                                           \
        if (i == 0 || BETTER(v, record) || (p->select_last && !BETTER(record, v))) {               \
          best = i;                                                                                \
          record = v;                                                                              \
        }                                                                                          \
      }                                                                                            \
      p->y[unit] = best;                                                                           \
    }                                                                                              \
  }

#endif
