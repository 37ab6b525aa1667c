#ifndef SQ_REDUCE_H
#define SQ_REDUCE_H
/*
 * SQ_DEFINE_REDUCE(fn, d): kernel sq_reduce_<fn>_<d>, fn in sum mean max min prod. x is a view of the kept axes, dims and
 * strides, times the reduced axes, reduced_dims and reduced_strides (either may be one axis of 1); y is row-major over
 * the kept ones. Unit: SQ_REDUCE_BLOCK results along the last kept axis.
 *
 * Order of every result, whatever the split: where the last reduced axis has stride 1, or the last kept one has not, 16
 * lanes, lane i taking elements i, i + 16, ... of each run of the last reduced axis, then lanes i and i + 8, i + 4, i + 2,
 * i + 1; else element by element. f16 and bf16 are summed in float32. Integers wrap; their mean truncates. max and min
 * give NaN where there is one. Of nothing: sum 0, prod 1, max and min the end of the range, mean NaN (integers 0).
 */
#include "sq_strided.h"
#include "sq_types.h"

#define SQ_REDUCE_BLOCK 64

typedef struct {
  const void *x;
  void *y;
  int64_t rank, reduced_rank;
  const int64_t *dims, *strides, *reduced_dims, *reduced_strides;
} sq_reduce_args;

SQ_UNUSED static inline int64_t sq_reduce_units(const sq_reduce_args *p) {
  return sq_strided_blocks(p->dims, p->rank, SQ_REDUCE_BLOCK);
}

/* Type of the accumulator. */
#define SQ_REDUCE_ACC_sum_flt(d) SQ_A_##d
#define SQ_REDUCE_ACC_sum_sgn(d) uint64_t
#define SQ_REDUCE_ACC_sum_uns(d) uint64_t
#define SQ_REDUCE_ACC_mean_flt(d) SQ_A_##d
#define SQ_REDUCE_ACC_mean_sgn(d) uint64_t
#define SQ_REDUCE_ACC_mean_uns(d) uint64_t
#define SQ_REDUCE_ACC_prod_flt(d) SQ_A_##d
#define SQ_REDUCE_ACC_prod_sgn(d) uint64_t
#define SQ_REDUCE_ACC_prod_uns(d) uint64_t
#define SQ_REDUCE_ACC_max_flt(d) SQ_A_##d
#define SQ_REDUCE_ACC_max_sgn(d) SQ_A_##d
#define SQ_REDUCE_ACC_max_uns(d) SQ_A_##d
#define SQ_REDUCE_ACC_min_flt(d) SQ_A_##d
#define SQ_REDUCE_ACC_min_sgn(d) SQ_A_##d
#define SQ_REDUCE_ACC_min_uns(d) SQ_A_##d

#define SQ_REDUCE_START_sum(d) 0
#define SQ_REDUCE_START_mean(d) 0
#define SQ_REDUCE_START_prod(d) 1
#define SQ_REDUCE_START_max(d) SQ_LOWEST_##d
#define SQ_REDUCE_START_min(d) SQ_HIGHEST_##d

#define SQ_REDUCE_JOIN_sum_flt(a, b) ((a) + (b))
#define SQ_REDUCE_JOIN_sum_sgn(a, b) ((a) + (b))
#define SQ_REDUCE_JOIN_sum_uns(a, b) ((a) + (b))
#define SQ_REDUCE_JOIN_mean_flt(a, b) ((a) + (b))
#define SQ_REDUCE_JOIN_mean_sgn(a, b) ((a) + (b))
#define SQ_REDUCE_JOIN_mean_uns(a, b) ((a) + (b))
#define SQ_REDUCE_JOIN_prod_flt(a, b) ((a) * (b))
#define SQ_REDUCE_JOIN_prod_sgn(a, b) ((a) * (b))
#define SQ_REDUCE_JOIN_prod_uns(a, b) ((a) * (b))
#define SQ_REDUCE_JOIN_max_flt(a, b) ((((a) > (b)) | ((a) != (a))) ? (a) : (b))
#define SQ_REDUCE_JOIN_max_sgn(a, b) ((a) > (b) ? (a) : (b))
#define SQ_REDUCE_JOIN_max_uns(a, b) ((a) > (b) ? (a) : (b))
#define SQ_REDUCE_JOIN_min_flt(a, b) ((((a) < (b)) | ((a) != (a))) ? (a) : (b))
#define SQ_REDUCE_JOIN_min_sgn(a, b) ((a) < (b) ? (a) : (b))
#define SQ_REDUCE_JOIN_min_uns(a, b) ((a) < (b) ? (a) : (b))

#define SQ_REDUCE_END_sum_flt(v, n, d) (v)
#define SQ_REDUCE_END_sum_sgn(v, n, d) ((SQ_A_##d)(v))
#define SQ_REDUCE_END_sum_uns(v, n, d) ((SQ_A_##d)(v))
#define SQ_REDUCE_END_mean_flt(v, n, d) ((v) / (SQ_A_##d)(n))
#define SQ_REDUCE_END_mean_sgn(v, n, d) ((SQ_A_##d)((n) == 0 ? 0 : (int64_t)(v) / (n)))
#define SQ_REDUCE_END_mean_uns(v, n, d) ((SQ_A_##d)((n) == 0 ? 0 : (v) / (uint64_t)(n)))
#define SQ_REDUCE_END_prod_flt(v, n, d) (v)
#define SQ_REDUCE_END_prod_sgn(v, n, d) ((SQ_A_##d)(v))
#define SQ_REDUCE_END_prod_uns(v, n, d) ((SQ_A_##d)(v))
#define SQ_REDUCE_END_max_flt(v, n, d) (v)
#define SQ_REDUCE_END_max_sgn(v, n, d) (v)
#define SQ_REDUCE_END_max_uns(v, n, d) (v)
#define SQ_REDUCE_END_min_flt(v, n, d) (v)
#define SQ_REDUCE_END_min_sgn(v, n, d) (v)
#define SQ_REDUCE_END_min_uns(v, n, d) (v)

#define SQ_DEFINE_REDUCE(fn, d) SQ_REDUCE_CLASS_(sq_reduce_##fn##_##d, fn, SQ_CLASS_##d, d)
#define SQ_REDUCE_CLASS_(name, fn, class, d) SQ_REDUCE_CLASS__(name, fn, class, d)
#define SQ_REDUCE_CLASS__(name, fn, class, d)                                                                  \
  SQ_REDUCE_KERNEL_(name, SQ_REDUCE_ACC_##fn##_##class(d), SQ_REDUCE_START_##fn(d), SQ_REDUCE_JOIN_##fn##_##class, \
                    SQ_REDUCE_END_##fn##_##class, d)
#define SQ_REDUCE_KERNEL_(name, ACC, START, JOIN, END, d)                                                      \
  /* One result: 16 lanes along the last reduced axis. */                                                      \
  static inline ACC name##_along(const sq_reduce_args *p, const SQ_C_##d *x, int64_t outer) {                  \
    const int64_t last = p->reduced_rank - 1, n = p->reduced_dims[last], step = p->reduced_strides[last];      \
    int64_t index[SQ_STRIDED_RANK] = {0};                                                                      \
    ACC lanes[16];                                                                                             \
    for (int l = 0; l < 16; l++) lanes[l] = (ACC)START;                                                        \
    for (int64_t run = 0; run < outer; run++, sq_strided_advance(p->reduced_dims, last, index)) {              \
      const SQ_C_##d *r = x + sq_strided_dot(index, p->reduced_strides, last);                                 \
      int64_t i = 0;                                                                                           \
      if (step == 1) {                                                                                         \
        for (; i + 16 <= n; i += 16)                                                                           \
          for (int l = 0; l < 16; l++) lanes[l] = JOIN(lanes[l], (ACC)SQ_LOAD_##d(r[i + l]));                  \
      }                                                                                                        \
      for (; i < n; i++) lanes[i & 15] = JOIN(lanes[i & 15], (ACC)SQ_LOAD_##d(r[i * step]));                   \
    }                                                                                                          \
    for (int half = 8; half > 0; half >>= 1)                                                                   \
      for (int l = 0; l < half; l++) lanes[l] = JOIN(lanes[l], lanes[l + half]);                               \
    return lanes[0];                                                                                           \
  }                                                                                                            \
  SQ_KERNEL_SIGNATURE(name) {                                                                                  \
    const sq_reduce_args *p = (const sq_reduce_args *)args;                                                    \
    const int64_t step = p->strides[p->rank - 1], last = p->reduced_rank - 1;                                  \
    const int64_t outer = sq_strided_product(p->reduced_dims, last), n = outer * p->reduced_dims[last];        \
    const int across = step == 1 && p->reduced_strides[last] != 1;                                             \
    sq_strided_walk walk = sq_strided_seek(p->dims, p->rank, SQ_REDUCE_BLOCK, begin);                          \
    (void)worker;                                                                                              \
    for (int64_t unit = begin; unit < end; unit++, sq_strided_next(&walk)) {                                   \
      const SQ_C_##d *x = (const SQ_C_##d *)p->x + sq_strided_offset(&walk, p->strides);                       \
      SQ_C_##d *y = (SQ_C_##d *)p->y + walk.flat;                                                              \
      const int64_t count = walk.count;                                                                        \
      ACC sums[SQ_REDUCE_BLOCK];                                                                               \
      if (across) {                                                                                            \
        int64_t index[SQ_STRIDED_RANK] = {0};                                                                  \
        for (int64_t j = 0; j < SQ_REDUCE_BLOCK; j++) sums[j] = (ACC)START;                                    \
        for (int64_t i = 0; i < n; i++, sq_strided_advance(p->reduced_dims, last + 1, index)) {                \
          const SQ_C_##d *r = x + sq_strided_dot(index, p->reduced_strides, last + 1);                         \
          for (int64_t j = 0; j < count; j++) sums[j] = JOIN(sums[j], (ACC)SQ_LOAD_##d(r[j]));                 \
        }                                                                                                      \
      } else {                                                                                                 \
        for (int64_t j = 0; j < count; j++) sums[j] = name##_along(p, x + j * step, outer);                    \
      }                                                                                                        \
      for (int64_t j = 0; j < count; j++) y[j] = SQ_STORE_##d(END(sums[j], n, d));                             \
    }                                                                                                          \
  }

#endif
