#ifndef SQ_MATH_F64_H
#define SQ_MATH_F64_H
/*
 * Elementary functions of float64 for the functions and dtypes that sq_math.h does not cover. Fixed sequences of single
 * IEEE-754 operations (+ - * / sqrt), so that every machine gives the same bits. Series are Taylor's, cut where the next
 * term is below 2^-54 of the sum; relative errors are a few 1e-16 unless stated. Not fast; not for hot loops.
 */
#include "sq_kernel.h"

#define SQ_NAN_F64 (__builtin_nan(""))
#define SQ_INF_F64 (__builtin_inf())

SQ_UNUSED static inline uint64_t sq_bits_f64(double x) {
  union {
    double value;
    uint64_t bits;
  } pun = {x};
  return pun.bits;
}
SQ_UNUSED static inline double sq_from_bits_f64(uint64_t bits) {
  union {
    uint64_t bits;
    double value;
  } pun = {bits};
  return pun.value;
}
SQ_UNUSED static inline double sq_abs_f64(double x) { return sq_from_bits_f64(sq_bits_f64(x) & INT64_MAX); }
SQ_UNUSED static inline double sq_copysign_f64(double magnitude, double sign) {
  return sq_from_bits_f64((sq_bits_f64(magnitude) & INT64_MAX) | (sq_bits_f64(sign) & ~(uint64_t)INT64_MAX));
}
SQ_UNUSED static inline double sq_sqrt_f64(double x) { return __builtin_sqrt(x); }

/* Nearest whole number, ties to even; above 2^52 every double is whole. Keeps the sign of zero. */
SQ_UNUSED static inline double sq_rne_f64(double x) {
  double t = sq_abs_f64(x), r = (t + 0x1p52) - 0x1p52;
  return t < 0x1p52 ? sq_copysign_f64(r, x) : x;
}
SQ_UNUSED static inline double sq_floor_f64(double x) {
  double r = sq_rne_f64(x);
  return r > x ? r - 1.0 : r;
}
SQ_UNUSED static inline double sq_ceil_f64(double x) { return -sq_floor_f64(-x); }
SQ_UNUSED static inline double sq_trunc_f64(double x) { return sq_copysign_f64(sq_floor_f64(sq_abs_f64(x)), x); }

/* Remainder of a / b, exact, with the sign of a: long division of the significands, bit by bit. */
SQ_UNUSED static inline double sq_fmod_f64(double a, double b) {
  double x = sq_abs_f64(a), y = sq_abs_f64(b);
  if (!(y > 0.0) || !(x < SQ_INF_F64)) return SQ_NAN_F64;
  if (x < y) return a;
  while (x >= y) {
    /* The largest y 2^k <= x: scaling by powers of two is exact, and so is the subtraction (Sterbenz). */
    double z = y;
    uint64_t gap = (sq_bits_f64(x) >> 52) - (sq_bits_f64(y) >> 52);
    if (gap > 0) gap -= 1;
    for (; gap > 1000; gap -= 1000) z *= 0x1p1000;
    z *= sq_from_bits_f64((gap + 1023) << 52);
    while (z + z <= x) z += z;
    x -= z;
  }
  return sq_copysign_f64(x, a);
}
/* Remainder with the sign of b, as Python's %. */
SQ_UNUSED static inline double sq_mod_f64(double a, double b) {
  double r = sq_fmod_f64(a, b);
  return r != 0.0 && (r < 0.0) != (b < 0.0) ? r + b : r;
}

/* p 2^n for |n| <= 2100; gradual underflow, overflow to infinity. */
SQ_UNUSED static inline double sq_scale_f64(double p, int64_t n) {
  for (; n > 1000; n -= 1000) p *= 0x1p1000;
  for (; n < -1000; n += 1000) p *= 0x1p-1000;
  return p * sq_from_bits_f64((uint64_t)(n + 1023) << 52);
}

/* e^r, |r| <= ln(2)/2. */
SQ_UNUSED static inline double sq_exp_poly_f64(double r) {
  double p = 1.0;
  for (int i = 14; i >= 1; i--) p = 1.0 + p * r / (double)i;
  return p;
}
SQ_UNUSED static inline double sq_exp_f64(double x) {
  if (x != x) return x;
  if (x > 710.0) return SQ_INF_F64;
  if (x < -746.0) return 0.0;
  double n = sq_rne_f64(x * 1.4426950408889634);
  double r = (x - n * 0x1.62e42feep-1) - n * 1.9082149292705877e-10;
  return sq_scale_f64(sq_exp_poly_f64(r), (int64_t)n);
}
SQ_UNUSED static inline double sq_exp2_f64(double x) {
  if (x != x) return x;
  if (x > 1025.0) return SQ_INF_F64;
  if (x < -1080.0) return 0.0;
  double n = sq_rne_f64(x);
  return sq_scale_f64(sq_exp_poly_f64((x - n) * 0.6931471805599453), (int64_t)n);
}

/* log m for x = 2^e m, m in [sqrt(1/2), sqrt(2)): 2 artanh((m - 1) / (m + 1)). x positive and finite. */
SQ_UNUSED static inline double sq_log_split_f64(double x, double *exponent) {
  int64_t e = 0;
  if (x < 0x1p-1022) {
    x *= 0x1p54;
    e = -54;
  }
  uint64_t bits = sq_bits_f64(x);
  e += (int64_t)(bits >> 52) - 1023;
  double m = sq_from_bits_f64((bits & 0xfffffffffffffu) | 0x3ff0000000000000u);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    e += 1;
  }
  double s = (m - 1.0) / (m + 1.0), z = s * s, p = 0.0;
  for (int k = 12; k >= 1; k--) p = (p + 1.0 / (double)(2 * k + 1)) * z;
  *exponent = (double)e;
  return 2.0 * (s + s * p);
}
SQ_UNUSED static inline double sq_log_f64(double x) {
  if (x != x || x == SQ_INF_F64) return x;
  if (x <= 0.0) return x == 0.0 ? -SQ_INF_F64 : SQ_NAN_F64;
  double e, l = sq_log_split_f64(x, &e);
  return e * 0x1.62e42feep-1 + (e * 1.9082149292705877e-10 + l);
}

/* x^y. Whole |y| <= 64 by repeated multiplication; else 2^(y log2 x), relative error up to 1e-13 near overflow. */
SQ_UNUSED static inline double sq_pow_f64(double x, double y) {
  if (y == 0.0 || x == 1.0) return 1.0;
  if (x != x || y != y) return SQ_NAN_F64;
  double magnitude = sq_abs_f64(x);
  int whole = sq_floor_f64(y) == y;
  if (whole && sq_abs_f64(y) <= 64.0 && magnitude > 0.0 && magnitude < SQ_INF_F64) {
    double result = 1.0, square = x;
    for (int64_t n = (int64_t)sq_abs_f64(y); n > 0; n >>= 1) {
      if (n & 1) result *= square;
      if (n > 1) square *= square;
    }
    return y < 0.0 ? 1.0 / result : result;
  }
  double half = y * 0.5;
  int odd = whole && sq_abs_f64(y) < 0x1p53 && sq_floor_f64(half) != half;
  double result;
  if (magnitude == 0.0 || magnitude == SQ_INF_F64) {
    result = (magnitude == 0.0) == (y < 0.0) ? SQ_INF_F64 : 0.0;
  } else if (sq_abs_f64(y) == SQ_INF_F64) {
    return magnitude == 1.0 ? 1.0 : (magnitude > 1.0) == (y > 0.0) ? SQ_INF_F64 : 0.0;
  } else {
    if (x < 0.0 && !whole) return SQ_NAN_F64;
    double e, l = sq_log_split_f64(magnitude, &e) * 1.4426950408889634;
    result = sq_exp2_f64(y * (e + l));
  }
  return odd && sq_bits_f64(x) >> 63 ? -result : result;
}

/* Sine (shift 0) and cosine (shift 1): x = n pi/2 + r with pi/2 in three parts. Absolute error 1e-15 for |x| < 1e6; beyond
 * 1e9 the argument is first reduced by the double nearest 2 pi. */
SQ_UNUSED static inline double sq_sincos_f64(double x, int64_t shift) {
  if (!(sq_abs_f64(x) < SQ_INF_F64)) return SQ_NAN_F64;
  if (sq_abs_f64(x) > 1e9) x = sq_fmod_f64(x, 6.283185307179586);
  double n = sq_rne_f64(x * 0.6366197723675814);
  double r = ((x - n * 1.57079632673412561417e+00) - n * 6.07710050630396597660e-11) - n * 2.02226624879595063154e-21;
  double z = r * r, s = 0.0, c = 0.0;
  for (int k = 9; k >= 1; k--) s = -(s + 1.0) * z / (double)(2 * k * (2 * k + 1));
  for (int k = 9; k >= 1; k--) c = -(c + 1.0) * z / (double)(2 * k * (2 * k - 1));
  int64_t quadrant = (int64_t)n + shift;
  double y = (quadrant & 1) ? 1.0 + c : r + r * s;
  return (quadrant & 2) ? -y : y;
}
SQ_UNUSED static inline double sq_sin_f64(double x) { return sq_sincos_f64(x, 0); }
SQ_UNUSED static inline double sq_cos_f64(double x) { return sq_sincos_f64(x, 1); }
SQ_UNUSED static inline double sq_tan_f64(double x) { return sq_sin_f64(x) / sq_cos_f64(x); }

/* Folded to |x| <= tan(pi/8), then the series. */
SQ_UNUSED static inline double sq_atan_f64(double x) {
  double t = sq_abs_f64(x), base = 0.0, sign = 1.0;
  if (t > 2.414213562373095) {
    base = 1.5707963267948966;
    t = -1.0 / t;
  } else if (t > 0.41421356237309503) {
    base = 0.7853981633974483;
    t = (t - 1.0) / (t + 1.0);
  }
  double z = t * t, p = 0.0;
  for (int k = 21; k >= 1; k--) p = (1.0 / (double)(2 * k + 1) - p) * z;
  if (x < 0.0) sign = -1.0;
  return x != x ? x : x == 0.0 ? x : sign * (base + (t - t * p));
}
SQ_UNUSED static inline double sq_asin_f64(double x) {
  double t = sq_abs_f64(x);
  if (!(t <= 1.0)) return SQ_NAN_F64;
  if (t < 0.5) return sq_atan_f64(x / sq_sqrt_f64(1.0 - x * x));
  return sq_copysign_f64(1.5707963267948966 - 2.0 * sq_atan_f64(sq_sqrt_f64((1.0 - t) / (1.0 + t))), x);
}
SQ_UNUSED static inline double sq_acos_f64(double x) {
  if (!(sq_abs_f64(x) <= 1.0)) return SQ_NAN_F64;
  if (x == -1.0) return 3.141592653589793;
  return 2.0 * sq_atan_f64(sq_sqrt_f64((1.0 - x) / (1.0 + x)));
}

SQ_UNUSED static inline double sq_sinh_f64(double x) {
  double t = sq_abs_f64(x);
  if (t < 1.0) {
    double z = x * x, p = 0.0;
    for (int k = 9; k >= 1; k--) p = (p + 1.0) * z / (double)(2 * k * (2 * k + 1));
    return x + x * p;
  }
  double e = sq_exp_f64(t * 0.5);
  return sq_copysign_f64((0.5 * e) * e - (0.5 / e) / e, x);
}
SQ_UNUSED static inline double sq_cosh_f64(double x) {
  double e = sq_exp_f64(sq_abs_f64(x) * 0.5);
  return (0.5 * e) * e + (0.5 / e) / e;
}
SQ_UNUSED static inline double sq_tanh_f64(double x) {
  double t = sq_abs_f64(x);
  if (t < 1.0) return sq_sinh_f64(x) / sq_cosh_f64(x);
  double e = sq_exp_f64(-2.0 * t);
  return sq_copysign_f64((1.0 - e) / (1.0 + e), x);
}
SQ_UNUSED static inline double sq_sigmoid_f64(double x) {
  double e = sq_exp_f64(-sq_abs_f64(x));
  return (x < 0.0 ? e : 1.0) / (1.0 + e);
}
/* 2/sqrt(pi) e^-x^2 sum of 2^n x^(2n+1) / (2n+1)!!: all terms of one sign. */
SQ_UNUSED static inline double sq_erf_f64(double x) {
  double t = sq_abs_f64(x);
  if (!(t < 6.0)) return x != x ? x : sq_copysign_f64(1.0, x);
  double term = x, sum = x, z = 2.0 * x * x;
  for (int n = 1; n < 140; n++) {
    term = term * z / (double)(2 * n + 1);
    sum += term;
  }
  return 1.1283791670955126 * sq_exp_f64(-x * x) * sum;
}
/* x/2 (1 + erf(x / sqrt 2)), and x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). */
SQ_UNUSED static inline double sq_gelu_erf_f64(double x) { return 0.5 * x * (1.0 + sq_erf_f64(x * 0.7071067811865476)); }
SQ_UNUSED static inline double sq_gelu_tanh_f64(double x) {
  return 0.5 * x * (1.0 + sq_tanh_f64(0.7978845608028654 * (x + 0.044715 * x * x * x)));
}

#endif
