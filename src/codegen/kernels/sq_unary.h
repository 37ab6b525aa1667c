#ifndef SQ_UNARY_H
#define SQ_UNARY_H
/*
 * SQ_DEFINE_UNARY(fn, d): kernel sq_unary_<fn>_<d>, y[i] = fn(x[i]) over `count` contiguous elements. is_nan and is_inf
 * give bool, the rest d. Unit: SQ_UNARY_BLOCK elements. y may be x where their element types have one size.
 *
 * f16 and bf16 are computed in float32. neg and abs of integers wrap. sign of NaN and relu of NaN are NaN. Only the
 * arithmetic functions exist for integers: abs neg sign relu floor ceil round not.
 */
#include "sq_math.h"
#include "sq_math_f64.h"
#include "sq_types.h"

#define SQ_UNARY_BLOCK 4096

typedef struct {
  const void *x;
  void *y;
  int64_t count;
} sq_unary_args;

SQ_UNUSED static inline int64_t sq_unary_units(const sq_unary_args *p) {
  return sq_ceil_div_i64(p->count, SQ_UNARY_BLOCK);
}

#define SQ_UNARY_OUT_abs(d) d
#define SQ_UNARY_OUT_neg(d) d
#define SQ_UNARY_OUT_exp(d) d
#define SQ_UNARY_OUT_log(d) d
#define SQ_UNARY_OUT_sqrt(d) d
#define SQ_UNARY_OUT_sin(d) d
#define SQ_UNARY_OUT_cos(d) d
#define SQ_UNARY_OUT_tan(d) d
#define SQ_UNARY_OUT_asin(d) d
#define SQ_UNARY_OUT_acos(d) d
#define SQ_UNARY_OUT_atan(d) d
#define SQ_UNARY_OUT_sinh(d) d
#define SQ_UNARY_OUT_cosh(d) d
#define SQ_UNARY_OUT_tanh(d) d
#define SQ_UNARY_OUT_erf(d) d
#define SQ_UNARY_OUT_sigmoid(d) d
#define SQ_UNARY_OUT_floor(d) d
#define SQ_UNARY_OUT_ceil(d) d
#define SQ_UNARY_OUT_round(d) d
#define SQ_UNARY_OUT_sign(d) d
#define SQ_UNARY_OUT_relu(d) d
#define SQ_UNARY_OUT_gelu_erf(d) d
#define SQ_UNARY_OUT_gelu_tanh(d) d
#define SQ_UNARY_OUT_not(d) bool
#define SQ_UNARY_OUT_is_nan(d) bool
#define SQ_UNARY_OUT_is_inf(d) bool

/* The float functions: SQ_UNARY_FLOAT_<A>(fn) names the one for the arithmetic type. */
#define SQ_UNARY_SUFFIX_f32 f32
#define SQ_UNARY_SUFFIX_f64 f64
#define SQ_UNARY_SUFFIX_f16 f32
#define SQ_UNARY_SUFFIX_bf16 f32
#define SQ_UNARY_SUFFIX_i8 i8
#define SQ_UNARY_SUFFIX_u8 u8
#define SQ_UNARY_SUFFIX_i16 i16
#define SQ_UNARY_SUFFIX_u16 u16
#define SQ_UNARY_SUFFIX_i32 i32
#define SQ_UNARY_SUFFIX_u32 u32
#define SQ_UNARY_SUFFIX_i64 i64
#define SQ_UNARY_SUFFIX_u64 u64
#define SQ_UNARY_SUFFIX_bool bool
#define SQ_UNARY_CALL(fn, suffix, x) SQ_UNARY_CALL_(fn, suffix, x)
#define SQ_UNARY_CALL_(fn, suffix, x) sq_##fn##_##suffix(x)

/* float32 functions beyond sq_math.h, by way of float64. */
SQ_UNUSED static inline float sq_tan_f32(float x) { return (float)sq_tan_f64((double)x); }
SQ_UNUSED static inline float sq_asin_f32(float x) { return (float)sq_asin_f64((double)x); }
SQ_UNUSED static inline float sq_acos_f32(float x) { return (float)sq_acos_f64((double)x); }
SQ_UNUSED static inline float sq_atan_f32(float x) { return (float)sq_atan_f64((double)x); }
SQ_UNUSED static inline float sq_sinh_f32(float x) { return (float)sq_sinh_f64((double)x); }
SQ_UNUSED static inline float sq_cosh_f32(float x) { return (float)sq_cosh_f64((double)x); }

/* SQ_UNARY_<fn>_<class>(x, A, W, suffix). */
#define SQ_UNARY_abs_flt(x, A, W, s) SQ_UNARY_CALL(abs, s, x)
#define SQ_UNARY_abs_sgn(x, A, W, s) ((x) < 0 ? (A)((W)0 - (W)(x)) : (x))
#define SQ_UNARY_abs_uns(x, A, W, s) (x)
#define SQ_UNARY_neg_flt(x, A, W, s) (-(x))
#define SQ_UNARY_neg_sgn(x, A, W, s) ((A)((W)0 - (W)(x)))
#define SQ_UNARY_neg_uns(x, A, W, s) ((A)((W)0 - (W)(x)))
#define SQ_UNARY_sign_flt(x, A, W, s) ((x) > 0 ? (A)1 : (x) < 0 ? (A)-1 : (x))
#define SQ_UNARY_sign_sgn(x, A, W, s) ((A)(((x) > 0) - ((x) < 0)))
#define SQ_UNARY_sign_uns(x, A, W, s) ((A)((x) != 0))
#define SQ_UNARY_relu_flt(x, A, W, s) ((x) < 0 ? (A)0 : (x))
#define SQ_UNARY_relu_sgn(x, A, W, s) ((x) < 0 ? (A)0 : (x))
#define SQ_UNARY_relu_uns(x, A, W, s) (x)
#define SQ_UNARY_floor_flt(x, A, W, s) SQ_UNARY_CALL(floor, s, x)
#define SQ_UNARY_floor_sgn(x, A, W, s) (x)
#define SQ_UNARY_floor_uns(x, A, W, s) (x)
#define SQ_UNARY_ceil_flt(x, A, W, s) SQ_UNARY_CALL(ceil, s, x)
#define SQ_UNARY_ceil_sgn(x, A, W, s) (x)
#define SQ_UNARY_ceil_uns(x, A, W, s) (x)
#define SQ_UNARY_round_flt(x, A, W, s) SQ_UNARY_CALL(rne, s, x)
#define SQ_UNARY_round_sgn(x, A, W, s) (x)
#define SQ_UNARY_round_uns(x, A, W, s) (x)
#define SQ_UNARY_not_uns(x, A, W, s) ((x) == 0)
#define SQ_UNARY_not_sgn(x, A, W, s) ((x) == 0)
#define SQ_UNARY_is_nan_flt(x, A, W, s) ((x) != (x))
#define SQ_UNARY_is_inf_flt(x, A, W, s) ((x) == (A)SQ_INF_F64 || (x) == (A)-SQ_INF_F64)
#define SQ_UNARY_exp_flt(x, A, W, s) SQ_UNARY_CALL(exp, s, x)
#define SQ_UNARY_log_flt(x, A, W, s) SQ_UNARY_CALL(log, s, x)
#define SQ_UNARY_sqrt_flt(x, A, W, s) SQ_UNARY_CALL(sqrt, s, x)
#define SQ_UNARY_sin_flt(x, A, W, s) SQ_UNARY_CALL(sin, s, x)
#define SQ_UNARY_cos_flt(x, A, W, s) SQ_UNARY_CALL(cos, s, x)
#define SQ_UNARY_tan_flt(x, A, W, s) SQ_UNARY_CALL(tan, s, x)
#define SQ_UNARY_asin_flt(x, A, W, s) SQ_UNARY_CALL(asin, s, x)
#define SQ_UNARY_acos_flt(x, A, W, s) SQ_UNARY_CALL(acos, s, x)
#define SQ_UNARY_atan_flt(x, A, W, s) SQ_UNARY_CALL(atan, s, x)
#define SQ_UNARY_sinh_flt(x, A, W, s) SQ_UNARY_CALL(sinh, s, x)
#define SQ_UNARY_cosh_flt(x, A, W, s) SQ_UNARY_CALL(cosh, s, x)
#define SQ_UNARY_tanh_flt(x, A, W, s) SQ_UNARY_CALL(tanh, s, x)
#define SQ_UNARY_erf_flt(x, A, W, s) SQ_UNARY_CALL(erf, s, x)
#define SQ_UNARY_sigmoid_flt(x, A, W, s) SQ_UNARY_CALL(sigmoid, s, x)
#define SQ_UNARY_gelu_erf_flt(x, A, W, s) SQ_UNARY_CALL(gelu_erf, s, x)
#define SQ_UNARY_gelu_tanh_flt(x, A, W, s) SQ_UNARY_CALL(gelu_tanh, s, x)

#define SQ_DEFINE_UNARY(fn, d)                                                                               \
  SQ_UNARY_KERNEL_(sq_unary_##fn##_##d, SQ_PASTE(SQ_UNARY_##fn##_, SQ_CLASS_##d), d, SQ_UNARY_OUT_##fn(d))
#define SQ_UNARY_KERNEL_(name, expression, d, out) SQ_UNARY_KERNEL__(name, expression, d, out)
#define SQ_UNARY_KERNEL__(name, expression, d, out)                                                          \
  SQ_UNUSED static inline SQ_A_##out name##_of(SQ_A_##d x) {                                                 \
    return (SQ_A_##out)expression(x, SQ_A_##d, SQ_W_##d, SQ_UNARY_SUFFIX_##d);                               \
  }                                                                                                          \
  SQ_KERNEL_SIGNATURE(name) {                                                                                \
    const sq_unary_args *p = (const sq_unary_args *)args;                                                    \
    const SQ_C_##d *x = (const SQ_C_##d *)p->x;                                                              \
    SQ_C_##out *y = (SQ_C_##out *)p->y;                                                                      \
    const int64_t stop = sq_min_i64(end * SQ_UNARY_BLOCK, p->count);                                         \
    (void)worker;                                                                                            \
    for (int64_t i = begin * SQ_UNARY_BLOCK; i < stop; i++) y[i] = SQ_STORE_##out(name##_of(SQ_LOAD_##d(x[i]))); \
  }

#endif
