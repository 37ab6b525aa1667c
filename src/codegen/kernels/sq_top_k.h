#ifndef SQ_TOP_K_H
#define SQ_TOP_K_H
/*
 * SQ_DEFINE_TOP_K(d): kernel sq_top_k_<d>, x [outer, n, inner] -> the k best elements along n, best first, values y and
 * indices (i64), both [outer, k, inner]; 0 <= k <= n. Best is largest, or smallest where !largest; of equal ones the first in x; NaN is the
 * largest. The results hold a heap, worst at the root, until all of x is seen. Unit: one line along n.
 */
#include "sq_types.h"

typedef struct {
  const void *x;
  void *y;
  int64_t *indices;
  int64_t outer, n, inner, k, largest;
} sq_top_k_args;

SQ_UNUSED static inline int64_t sq_top_k_units(const sq_top_k_args *p) { return p->outer * p->inner; }

#define SQ_TOP_K_LESS_flt(a, b) ((a) < (b) || ((b) != (b) && (a) == (a)))
#define SQ_TOP_K_LESS_sgn(a, b) ((a) < (b))
#define SQ_TOP_K_LESS_uns(a, b) ((a) < (b))

#define SQ_DEFINE_TOP_K(d) SQ_TOP_K_KERNEL_(sq_top_k_##d, SQ_PASTE(SQ_TOP_K_LESS_, SQ_CLASS_##d), d)
#define SQ_TOP_K_KERNEL_(name, LESS, d)                                                              \
  /* Element (a, i) comes after (b, j). */                                                           \
  static inline int name##_after(int64_t largest, SQ_A_##d a, int64_t i, SQ_A_##d b, int64_t j) {    \
    const int less = LESS(a, b), more = LESS(b, a);                                                  \
    return (largest ? less : more) || (!less && !more && i > j);                                     \
  }                                                                                                  \
  /* Puts (v, i) into the heap of `size` with a hole at the root. */                                 \
  static inline void name##_sift(const sq_top_k_args *p, SQ_C_##d *y, int64_t *indices, int64_t size, \
                                 SQ_C_##d v, int64_t i) {                                            \
    const int64_t step = p->inner;                                                                   \
    int64_t hole = 0;                                                                                \
    for (int64_t child = 1; child < size; child = 2 * hole + 1) {                                    \
      if (child + 1 < size &&                                                                        \
          name##_after(p->largest, SQ_LOAD_##d(y[(child + 1) * step]), indices[(child + 1) * step],  \
                       SQ_LOAD_##d(y[child * step]), indices[child * step]))                         \
        child++;                                                                                     \
      if (!name##_after(p->largest, SQ_LOAD_##d(y[child * step]), indices[child * step], SQ_LOAD_##d(v), i)) break; \
      y[hole * step] = y[child * step];                                                              \
      indices[hole * step] = indices[child * step];                                                  \
      hole = child;                                                                                  \
    }                                                                                                \
    y[hole * step] = v;                                                                              \
    indices[hole * step] = i;                                                                        \
  }                                                                                                  \
  SQ_KERNEL_SIGNATURE(name) {                                                                        \
    const sq_top_k_args *p = (const sq_top_k_args *)args;                                            \
    const int64_t step = p->inner, k = sq_min_i64(p->k, p->n);                                       \
    (void)worker;                                                                                    \
    if (k <= 0) return;                                                                              \
    for (int64_t unit = begin; unit < end; unit++) {                                                 \
      const SQ_C_##d *x = (const SQ_C_##d *)p->x + unit / step * p->n * step + unit % step;          \
      SQ_C_##d *y = (SQ_C_##d *)p->y + unit / step * p->k * step + unit % step;                      \
      int64_t *indices = p->indices + unit / step * p->k * step + unit % step;                       \
      for (int64_t i = 0; i < k; i++) {                                                              \
        int64_t hole = i;                                                                            \
        const SQ_C_##d v = x[i * step];                                                              \
        while (hole > 0) {                                                                           \
          const int64_t parent = (hole - 1) / 2;                                                     \
          if (!name##_after(p->largest, SQ_LOAD_##d(v), i, SQ_LOAD_##d(y[parent * step]), indices[parent * step])) \
            break;                                                                                   \
          y[hole * step] = y[parent * step];                                                         \
          indices[hole * step] = indices[parent * step];                                             \
          hole = parent;                                                                             \
        }                                                                                            \
        y[hole * step] = v;                                                                          \
        indices[hole * step] = i;                                                                    \
      }                                                                                              \
      for (int64_t i = k; i < p->n; i++)                                                             \
        if (name##_after(p->largest, SQ_LOAD_##d(y[0]), indices[0], SQ_LOAD_##d(x[i * step]), i))    \
          name##_sift(p, y, indices, k, x[i * step], i);                                             \
      for (int64_t size = k - 1; size > 0; size--) {                                                 \
        const SQ_C_##d worst = y[0], v = y[size * step];                                             \
        const int64_t worst_index = indices[0], i = indices[size * step];                            \
        name##_sift(p, y, indices, size, v, i);                                                      \
        y[size * step] = worst;                                                                      \
        indices[size * step] = worst_index;                                                          \
      }                                                                                              \
    }                                                                                                \
  }

#endif
