#ifndef SQ_POW_H
#define SQ_POW_H
/*
 * SQ_DEFINE_POW(d, e): kernel sq_pow_<d>_<e>, y[i] = a[i] ^ b[i] for a of dtype d and b of dtype e, both strided views of
 * dims; y row-major, of dtype d. Unit: a row segment (sq_strided.h). y overlaps neither operand.
 *
 * Integer bases with integer exponents wrap; a negative exponent gives the truncated quotient (0, but for bases 1 and -1),
 * and 0 for base 0. With a float on either side the power is taken in float64 and converted: rounded, or truncated and
 * saturated.
 */
#include "sq_cast.h"
#include "sq_math_f64.h"
#include "sq_strided.h"

typedef struct {
  const void *a, *b;
  void *y;
  int64_t rank;
  const int64_t *dims, *strides_a, *strides_b;
} sq_pow_args;

SQ_UNUSED static inline int64_t sq_pow_units(const sq_pow_args *p) { return sq_strided_units(p->dims, p->rank); }

/* base^exponent modulo 2^64, for exponent >= 0. */
SQ_UNUSED static inline uint64_t sq_pow_whole(uint64_t base, uint64_t exponent) {
  uint64_t result = 1;
  for (; exponent > 0; exponent >>= 1, base *= base)
    if (exponent & 1) result *= base;
  return result;
}
SQ_UNUSED static inline int64_t sq_pow_i64(int64_t base, int64_t exponent) {
  if (exponent >= 0) return (int64_t)sq_pow_whole((uint64_t)base, (uint64_t)exponent);
  return base == 1 ? 1 : base == -1 ? (exponent % 2 == 0 ? 1 : -1) : 0;
}
SQ_UNUSED static inline int64_t sq_pow_u64(int64_t base, uint64_t exponent) {
  return (int64_t)sq_pow_whole((uint64_t)base, exponent);
}

/* SQ_POW_<class of a>_<class of b>(a, b, d, e). */
#define SQ_POW_flt_flt(a, b, d) SQ_CAST_VALUE(f64, d, sq_pow_f64((double)(a), (double)(b)))
#define SQ_POW_flt_sgn(a, b, d) SQ_POW_flt_flt(a, b, d)
#define SQ_POW_flt_uns(a, b, d) SQ_POW_flt_flt(a, b, d)
#define SQ_POW_sgn_flt(a, b, d) SQ_POW_flt_flt(a, b, d)
#define SQ_POW_uns_flt(a, b, d) SQ_POW_flt_flt(a, b, d)
#define SQ_POW_sgn_sgn(a, b, d) ((SQ_A_##d)sq_pow_i64((int64_t)(a), (int64_t)(b)))
#define SQ_POW_uns_sgn(a, b, d) ((SQ_A_##d)sq_pow_i64((int64_t)(a), (int64_t)(b)))
#define SQ_POW_sgn_uns(a, b, d) ((SQ_A_##d)sq_pow_u64((int64_t)(a), (uint64_t)(b)))
#define SQ_POW_uns_uns(a, b, d) ((SQ_A_##d)sq_pow_u64((int64_t)(a), (uint64_t)(b)))

#define SQ_DEFINE_POW(d, e) SQ_POW_CLASSES_(sq_pow_##d##_##e, SQ_CLASS_##d, SQ_CLASS_##e, d, e)
#define SQ_POW_CLASSES_(name, left, right, d, e) SQ_POW_CLASSES__(name, left, right, d, e)
#define SQ_POW_CLASSES__(name, left, right, d, e) SQ_POW_KERNEL_(name, SQ_POW_##left##_##right, d, e)
#define SQ_POW_KERNEL_(name, expression, d, e) SQ_POW_KERNEL__(name, expression, d, e)
#define SQ_POW_KERNEL__(name, expression, d, e)                                                              \
  SQ_KERNEL_SIGNATURE(name) {                                                                                \
    const sq_pow_args *p = (const sq_pow_args *)args;                                                        \
    const int64_t step_a = p->strides_a[p->rank - 1], step_b = p->strides_b[p->rank - 1];                    \
    sq_strided_walk walk = sq_strided_start(p->dims, p->rank, begin);                                        \
    (void)worker;                                                                                            \
    for (int64_t unit = begin; unit < end; unit++, sq_strided_next(&walk)) {                                 \
      const SQ_C_##d *a = (const SQ_C_##d *)p->a + sq_strided_offset(&walk, p->strides_a);                   \
      const SQ_C_##e *b = (const SQ_C_##e *)p->b + sq_strided_offset(&walk, p->strides_b);                   \
      SQ_C_##d *y = (SQ_C_##d *)p->y + walk.flat;                                                            \
      for (int64_t i = 0; i < walk.count; i++)                                                               \
        y[i] = SQ_STORE_##d(expression(SQ_LOAD_##d(a[i * step_a]), SQ_LOAD_##e(b[i * step_b]), d));          \
    }                                                                                                        \
  }

#endif
