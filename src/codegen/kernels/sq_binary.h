#ifndef SQ_BINARY_H
#define SQ_BINARY_H
/*
 * SQ_DEFINE_BINARY(fn, d): kernel sq_binary_<fn>_<d>, y[i] = fn(a[i], b[i]) with a and b strided views of dims and y
 * row-major. Comparisons and logic give bool, the rest d. Unit: a row segment (sq_strided.h). y overlaps neither operand.
 *
 * Integers wrap; x / 0 and x mod 0 are 0. `mod` takes the sign of the divisor, `fmod` that of the dividend. min and max
 * give NaN where an operand is NaN.
 */
#include "sq_math_f64.h"
#include "sq_strided.h"
#include "sq_types.h"

typedef struct {
  const void *a, *b;
  void *y;
  int64_t rank;
  const int64_t *dims, *strides_a, *strides_b;
} sq_binary_args;

SQ_UNUSED static inline int64_t sq_binary_units(const sq_binary_args *p) { return sq_strided_units(p->dims, p->rank); }

#define SQ_BINARY_OUT_add(d) d
#define SQ_BINARY_OUT_sub(d) d
#define SQ_BINARY_OUT_mul(d) d
#define SQ_BINARY_OUT_div(d) d
#define SQ_BINARY_OUT_mod(d) d
#define SQ_BINARY_OUT_fmod(d) d
#define SQ_BINARY_OUT_min(d) d
#define SQ_BINARY_OUT_max(d) d
#define SQ_BINARY_OUT_and(d) bool
#define SQ_BINARY_OUT_or(d) bool
#define SQ_BINARY_OUT_xor(d) bool
#define SQ_BINARY_OUT_equal(d) bool
#define SQ_BINARY_OUT_less(d) bool
#define SQ_BINARY_OUT_less_equal(d) bool

/* SQ_BINARY_<fn>_<class>(a, b, A, W): A the arithmetic type, W the one in which integers wrap. */
#define SQ_BINARY_add_flt(a, b, A, W) ((a) + (b))
#define SQ_BINARY_add_sgn(a, b, A, W) ((A)((W)(a) + (W)(b)))
#define SQ_BINARY_add_uns(a, b, A, W) ((A)((W)(a) + (W)(b)))
#define SQ_BINARY_sub_flt(a, b, A, W) ((a) - (b))
#define SQ_BINARY_sub_sgn(a, b, A, W) ((A)((W)(a) - (W)(b)))
#define SQ_BINARY_sub_uns(a, b, A, W) ((A)((W)(a) - (W)(b)))
#define SQ_BINARY_mul_flt(a, b, A, W) ((a) * (b))
#define SQ_BINARY_mul_sgn(a, b, A, W) ((A)((W)(a) * (W)(b)))
#define SQ_BINARY_mul_uns(a, b, A, W) ((A)((W)(a) * (W)(b)))
/* x / -1 is a negation that wraps: INT_MIN / -1 is INT_MIN. */
#define SQ_BINARY_div_flt(a, b, A, W) ((a) / (b))
#define SQ_BINARY_div_sgn(a, b, A, W) ((b) == 0 ? (A)0 : (b) == -1 ? (A)((W)0 - (W)(a)) : (A)((a) / (b)))
#define SQ_BINARY_div_uns(a, b, A, W) ((b) == 0 ? (A)0 : (A)((a) / (b)))
#define SQ_BINARY_fmod_flt(a, b, A, W) ((A)sq_fmod_f64((double)(a), (double)(b)))
#define SQ_BINARY_fmod_sgn(a, b, A, W) ((b) == 0 || (b) == -1 ? (A)0 : (A)((a) % (b)))
#define SQ_BINARY_fmod_uns(a, b, A, W) ((b) == 0 ? (A)0 : (A)((a) % (b)))
#define SQ_BINARY_mod_flt(a, b, A, W) ((A)sq_mod_f64((double)(a), (double)(b)))
#define SQ_BINARY_mod_sgn(a, b, A, W) \
  ((b) == 0 || (b) == -1 ? (A)0 : (a) % (b) != 0 && ((a) < 0) != ((b) < 0) ? (A)((a) % (b) + (b)) : (A)((a) % (b)))
#define SQ_BINARY_mod_uns(a, b, A, W) SQ_BINARY_fmod_uns(a, b, A, W)
#define SQ_BINARY_min_flt(a, b, A, W) ((a) < (b) || (a) != (a) ? (a) : (b))
#define SQ_BINARY_min_sgn(a, b, A, W) ((a) < (b) ? (a) : (b))
#define SQ_BINARY_min_uns(a, b, A, W) ((a) < (b) ? (a) : (b))
#define SQ_BINARY_max_flt(a, b, A, W) ((a) > (b) || (a) != (a) ? (a) : (b))
#define SQ_BINARY_max_sgn(a, b, A, W) ((a) > (b) ? (a) : (b))
#define SQ_BINARY_max_uns(a, b, A, W) ((a) > (b) ? (a) : (b))
#define SQ_BINARY_and_uns(a, b, A, W) (((a) != 0) & ((b) != 0))
#define SQ_BINARY_and_sgn(a, b, A, W) (((a) != 0) & ((b) != 0))
#define SQ_BINARY_or_uns(a, b, A, W) (((a) != 0) | ((b) != 0))
#define SQ_BINARY_or_sgn(a, b, A, W) (((a) != 0) | ((b) != 0))
#define SQ_BINARY_xor_uns(a, b, A, W) (((a) != 0) ^ ((b) != 0))
#define SQ_BINARY_xor_sgn(a, b, A, W) (((a) != 0) ^ ((b) != 0))
#define SQ_BINARY_equal_flt(a, b, A, W) ((a) == (b))
#define SQ_BINARY_equal_sgn(a, b, A, W) ((a) == (b))
#define SQ_BINARY_equal_uns(a, b, A, W) ((a) == (b))
#define SQ_BINARY_less_flt(a, b, A, W) ((a) < (b))
#define SQ_BINARY_less_sgn(a, b, A, W) ((a) < (b))
#define SQ_BINARY_less_uns(a, b, A, W) ((a) < (b))
#define SQ_BINARY_less_equal_flt(a, b, A, W) ((a) <= (b))
#define SQ_BINARY_less_equal_sgn(a, b, A, W) ((a) <= (b))
#define SQ_BINARY_less_equal_uns(a, b, A, W) ((a) <= (b))

#define SQ_DEFINE_BINARY(fn, d)                                                                                \
  SQ_BINARY_KERNEL_(sq_binary_##fn##_##d, SQ_PASTE(SQ_BINARY_##fn##_, SQ_CLASS_##d), d, SQ_BINARY_OUT_##fn(d))
#define SQ_BINARY_KERNEL_(name, expression, d, out) SQ_BINARY_KERNEL__(name, expression, d, out)
#define SQ_BINARY_KERNEL__(name, expression, d, out)                                                           \
  SQ_UNUSED static inline SQ_A_##out name##_of(SQ_A_##d a, SQ_A_##d b) {                                       \
    return (SQ_A_##out)expression(a, b, SQ_A_##d, SQ_W_##d);                                                   \
  }                                                                                                            \
  SQ_KERNEL_SIGNATURE(name) {                                                                                  \
    const sq_binary_args *p = (const sq_binary_args *)args;                                                    \
    const int64_t step_a = p->strides_a[p->rank - 1], step_b = p->strides_b[p->rank - 1];                      \
    sq_strided_walk walk = sq_strided_start(p->dims, p->rank, begin);                                          \
    (void)worker;                                                                                              \
    for (int64_t unit = begin; unit < end; unit++, sq_strided_next(&walk)) {                                   \
      const SQ_C_##d *a = (const SQ_C_##d *)p->a + sq_strided_offset(&walk, p->strides_a);                     \
      const SQ_C_##d *b = (const SQ_C_##d *)p->b + sq_strided_offset(&walk, p->strides_b);                     \
      SQ_C_##out *restrict y = (SQ_C_##out *)p->y + walk.flat;                                                 \
      const int64_t count = walk.count;                                                                        \
      if (step_a == 1 && step_b == 1) {                                                                        \
        for (int64_t i = 0; i < count; i++)                                                                    \
          y[i] = SQ_STORE_##out(name##_of(SQ_LOAD_##d(a[i]), SQ_LOAD_##d(b[i])));                              \
      } else if (step_a == 1 && step_b == 0) {                                                                 \
        const SQ_A_##d right = SQ_LOAD_##d(b[0]);                                                              \
        for (int64_t i = 0; i < count; i++) y[i] = SQ_STORE_##out(name##_of(SQ_LOAD_##d(a[i]), right));        \
      } else if (step_a == 0 && step_b == 1) {                                                                 \
        const SQ_A_##d left = SQ_LOAD_##d(a[0]);                                                               \
        for (int64_t i = 0; i < count; i++) y[i] = SQ_STORE_##out(name##_of(left, SQ_LOAD_##d(b[i])));         \
      } else {                                                                                                 \
        for (int64_t i = 0; i < count; i++)                                                                    \
          y[i] = SQ_STORE_##out(name##_of(SQ_LOAD_##d(a[i * step_a]), SQ_LOAD_##d(b[i * step_b])));            \
      }                                                                                                        \
    }                                                                                                          \
  }

#endif
