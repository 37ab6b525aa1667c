#ifndef SQ_MATMUL_GENERIC_H
#define SQ_MATMUL_GENERIC_H
/*
 * SQ_DEFINE_MATMUL_GENERIC(d): kernel sq_matmul_generic_<d>: a [batch..., m, k], b [batch..., k, n], both row-major but for the
 * batch strides (0 repeats; rank batch axes, rank >= 1) -> y [batch..., m, n] row-major. Products are added in the order of k; f16 and bf16 in
 * float32, integers wrap. Unit: SQ_MATMUL_GENERIC_BLOCK results of a row.
 */
#include "sq_strided.h"
#include "sq_types.h"

#define SQ_MATMUL_GENERIC_BLOCK 64

typedef struct {
  const void *a, *b;
  void *y;
  int64_t rank, m, n, k;
  const int64_t *dims, *strides_a, *strides_b;
} sq_matmul_generic_args;

SQ_UNUSED static inline int64_t sq_matmul_generic_units(const sq_matmul_generic_args *p) {
  return sq_strided_product(p->dims, p->rank) * p->m * sq_ceil_div_i64(p->n, SQ_MATMUL_GENERIC_BLOCK);
}

#define SQ_DEFINE_MATMUL_GENERIC(d)                                                                          \
  SQ_KERNEL_SIGNATURE(sq_matmul_generic_##d) {                                                               \
    const sq_matmul_generic_args *p = (const sq_matmul_generic_args *)args;                                  \
    const int64_t blocks = sq_ceil_div_i64(p->n, SQ_MATMUL_GENERIC_BLOCK);                                   \
    (void)worker;                                                                                            \
    for (int64_t unit = begin; unit < end; unit++) {                                                         \
      int64_t index[SQ_STRIDED_RANK];                                                                        \
      SQ_W_##d sums[SQ_MATMUL_GENERIC_BLOCK] = {0};                                                          \
      const int64_t row = unit / blocks, first = unit % blocks * SQ_MATMUL_GENERIC_BLOCK;                    \
      const int64_t count = sq_min_i64(p->n - first, SQ_MATMUL_GENERIC_BLOCK);                               \
      sq_strided_unravel(row / p->m, p->dims, p->rank, index);                                               \
      const SQ_C_##d *a =                                                                                    \
          (const SQ_C_##d *)p->a + sq_strided_dot(index, p->strides_a, p->rank) + row % p->m * p->k;         \
      const SQ_C_##d *b = (const SQ_C_##d *)p->b + sq_strided_dot(index, p->strides_b, p->rank) + first;     \
      SQ_C_##d *y = (SQ_C_##d *)p->y + row * p->n + first;                                                   \
      for (int64_t i = 0; i < p->k; i++) {                                                                   \
        const SQ_W_##d left = (SQ_W_##d)SQ_LOAD_##d(a[i]);                                                   \
        const SQ_C_##d *r = b + i * p->n;                                                                    \
        for (int64_t j = 0; j < count; j++) sums[j] += left * (SQ_W_##d)SQ_LOAD_##d(r[j]);                   \
      }                                                                                                      \
      for (int64_t j = 0; j < count; j++) y[j] = SQ_STORE_##d((SQ_A_##d)sums[j]);                            \
    }                                                                                                        \
  }

#endif
