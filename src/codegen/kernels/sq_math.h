#ifndef SQ_MATH_H
#define SQ_MATH_H
/*
 * Elementary functions of float32, each a fixed sequence of single IEEE-754 operations (+ - * / sqrt, comparisons, bit
 * operations), so that every machine and src/ir/float-math.ts give the same bits. Branch-free, so that loops over them
 * vectorise. Errors stated are measured maxima against the exact value (tests/kernels/float/math.c holds them).
 * NaN gives NaN. The polynomials are our own weighted minimax fits on the ranges stated.
 */
#include "sq_kernel.h"

SQ_UNUSED static inline uint32_t sq_bits_f32(float x) {
  union { float f; uint32_t u; } v;
  v.f = x;
  return v.u;
}

SQ_UNUSED static inline float sq_from_bits_f32(uint32_t x) {
  union { uint32_t u; float f; } v;
  v.u = x;
  return v.f;
}

SQ_UNUSED static inline float sq_abs_f32(float x) { return sq_from_bits_f32(sq_bits_f32(x) & 0x7fffffffu); }

SQ_UNUSED static inline float sq_copysign_f32(float magnitude, float sign) {
  return sq_from_bits_f32((sq_bits_f32(magnitude) & 0x7fffffffu) | (sq_bits_f32(sign) & 0x80000000u));
}

/* a > b ? a : b; of a NaN, b. */
SQ_UNUSED static inline float sq_max_f32(float a, float b) { return a > b ? a : b; }
SQ_UNUSED static inline float sq_min_f32(float a, float b) { return a < b ? a : b; }

/* One IEEE operation (an instruction under -fno-math-errno; correctly rounded in any case). */
SQ_UNUSED static inline float sq_sqrt_f32(float x) { return __builtin_sqrtf(x); }

/* Nearest whole number, ties to even; keeps the sign of zero. Above 2^23 every float is whole. */
SQ_UNUSED static inline float sq_rne_f32(float x) {
  float t = sq_abs_f32(x);
  float r = (t + 8388608.0f) - 8388608.0f;
  return t < 8388608.0f ? sq_copysign_f32(r, x) : x;
}

SQ_UNUSED static inline float sq_floor_f32(float x) {
  float r = sq_rne_f32(x);
  return r > x ? r - 1.0f : r;
}

SQ_UNUSED static inline float sq_ceil_f32(float x) { return -sq_floor_f32(-x); }

/* Lanes i and i + 8, i + 4, i + 2, i + 1: the second half of every 16-lane sum. */
SQ_UNUSED static inline float sq_tree16_f32(const float lanes[16]) {
  float t[8];
  for (int i = 0; i < 8; i++) t[i] = lanes[i] + lanes[i + 8];
  for (int i = 0; i < 4; i++) t[i] = t[i] + t[i + 4];
  return (t[0] + t[2]) + (t[1] + t[3]);
}

/* p * 2^n for -150 <= n <= 128 in two exact-but-for-the-last steps; n given as the bits of n + 1.5 * 2^23. */
SQ_UNUSED static inline float sq_scale_f32(float p, uint32_t n_bits) {
  uint32_t biased = n_bits - 0x4b400000u + 254u;
  uint32_t half = biased >> 1;
  return (p * sq_from_bits_f32(half << 23)) * sq_from_bits_f32((biased - half) << 23);
}

/* e^r for |r| <= ln(2)/2. */
SQ_UNUSED static inline float sq_exp_poly_f32(float r) {
  float p = 0.00138145685f;
  p = p * r + 0.00836873055f;
  p = p * r + 0.041668389f;
  p = p * r + 0.166665211f;
  p = p * r + 0.49999994f;
  return (p * (r * r) + r) + 1.0f;
}

/* e^x: x = n ln 2 + r. Overflows to infinity, underflows gradually. 1.1 ulp. */
SQ_UNUSED static inline float sq_exp_f32(float x) {
  float c = x > 89.0f ? 89.0f : x;
  c = c < -104.0f ? -104.0f : c;
  float t = c * 1.44269502f + 12582912.0f;
  float n = t - 12582912.0f;
  float r = (c - n * 0.693145752f) - n * 1.42860677e-06f;
  return sq_scale_f32(sq_exp_poly_f32(r), sq_bits_f32(t));
}

/* e^x for x <= 0, 0 below -87: the weights of a softmax, never subnormal. */
SQ_UNUSED static inline float sq_exp_softmax_f32(float x) {
  float c = x < -87.0f ? -87.0f : x;
  float t = c * 1.44269502f + 12582912.0f;
  float n = t - 12582912.0f;
  float r = (c - n * 0.693145752f) - n * 1.42860677e-06f;
  float y = sq_exp_poly_f32(r) * sq_from_bits_f32((sq_bits_f32(t) - 0x4b400000u + 127u) << 23);
  return x < -87.0f ? 0.0f : y;
}

/* 2^x. 1 ulp. */
SQ_UNUSED static inline float sq_exp2_f32(float x) {
  float c = x > 129.0f ? 129.0f : x;
  c = c < -151.0f ? -151.0f : c;
  float t = c + 12582912.0f;
  float r = c - (t - 12582912.0f);
  float p = 0.000153533401f;
  p = p * r + 0.00133989006f;
  p = p * r + 0.00961843785f;
  p = p * r + 0.0555033237f;
  p = p * r + 0.240226477f;
  p = p * r + 0.693147182f;
  return sq_scale_f32(p * r + 1.0f, sq_bits_f32(t));
}

/* x = 2^e m with m in [sqrt(1/2), sqrt(2)), e a whole float; f = m - 1. x positive and finite, else the result is replaced. */
SQ_UNUSED static inline float sq_log_split_f32(float x, float *exponent) {
  int subnormal = x < 1.17549435e-38f;
  float scaled = subnormal ? x * 8388608.0f : x;
  uint32_t u = sq_bits_f32(scaled) - 0x3f3504f3u; /* sqrt(1/2) */
  uint32_t e = (u >> 23) + ((u >> 31) ? 0xfffffe00u : 0u);
  *exponent = (float)(int32_t)e - (subnormal ? 23.0f : 0.0f);
  return sq_from_bits_f32((u & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
}

/* log(1 + f) - f for f of sq_log_split_f32. */
SQ_UNUSED static inline float sq_log_poly_f32(float f) {
  float z = f * f;
  float p = 0.0674660131f;
  p = p * f - 0.116756409f;
  p = p * f + 0.118881747f;
  p = p * f - 0.124055915f;
  p = p * f + 0.142195508f;
  p = p * f - 0.166679963f;
  p = p * f + 0.200021192f;
  p = p * f - 0.250000089f;
  p = p * f + 0.333333135f;
  return (p * f) * z - 0.5f * z;
}

/* The limits of a logarithm: -infinity at 0, NaN below, infinity at infinity. */
SQ_UNUSED static inline float sq_log_limits_f32(float x, float y) {
  float r = x == 0.0f ? sq_from_bits_f32(0xff800000u) : y;
  r = x < 0.0f ? sq_from_bits_f32(0x7fc00000u) : r;
  r = x > 3.40282347e+38f ? x : r;
  return x == x ? r : x;
}

/* Natural logarithm. 1 ulp. */
SQ_UNUSED static inline float sq_log_f32(float x) {
  float e;
  float f = sq_log_split_f32(x, &e);
  float y = (f + (sq_log_poly_f32(f) + e * 1.42860677e-06f)) + e * 0.693145752f;
  return sq_log_limits_f32(x, y);
}

/* Logarithm to base 2. log2(e) = 1 + 0.4427, so that the large part of f stays exact. 2 ulp. */
SQ_UNUSED static inline float sq_log2_f32(float x) {
  float e;
  float f = sq_log_split_f32(x, &e);
  float p = sq_log_poly_f32(f);
  float y = (((p * 0.442695051f + f * 0.442695051f) + p) + f) + e;
  return sq_log_limits_f32(x, y);
}

/* erf: x + x P(x^2) below 0.92, else 1 - exp(t Q(t)). 2 ulp. */
SQ_UNUSED static inline float sq_erf_f32(float x) {
  float t = sq_abs_f32(x);
  float z = x * x;
  float p = -0.000593187986f;
  p = p * z + 0.00498215249f;
  p = p * z - 0.0267595872f;
  p = p * z + 0.112816401f;
  p = p * z - 0.376124799f;
  p = p * z + 0.128379151f;
  float small = p * x + x;
  float c = t > 4.0f ? 4.0f : t;
  float q = -1.12314719e-05f;
  q = q * c + 0.000322805456f;
  q = q * c - 0.00364246522f;
  q = q * c + 0.0237620752f;
  q = q * c - 0.10623689f;
  q = q * c - 0.635151327f;
  q = q * c - 1.12864852f;
  float large = 1.0f - sq_exp_softmax_f32(q * c);
  return t < 0.92f ? small : sq_copysign_f32(large, x);
}

/* n = nearest multiple of pi/2, r = x - n pi/2 in four parts, n's two low bits the quadrant. */
SQ_UNUSED static inline float sq_sincos_f32(float x, uint32_t shift) {
  float t = x * 0.636619747f + 12582912.0f;
  float n = t - 12582912.0f;
  uint32_t quadrant = sq_bits_f32(t) + shift;
  float r = (((x - n * 1.5703125f) - n * 0.000483751297f) - n * 7.54953362e-08f) - n * 2.56334407e-12f;
  float z = r * r;
  float s = 2.71821682e-06f;
  s = s * z - 0.000198393245f;
  s = s * z + 0.00833332911f;
  s = s * z - 0.166666672f;
  s = (s * z) * r + r;
  float c = -2.72093587e-07f;
  c = c * z + 2.47995104e-05f;
  c = c * z - 0.00138888834f;
  c = c * z + 0.0416666679f;
  c = (c * z) * z + (1.0f - 0.5f * z);
  float y = (quadrant & 1u) != 0 ? c : s;
  return sq_from_bits_f32(sq_bits_f32(y) ^ ((quadrant & 2u) << 30));
}

/* Absolute error 1.2e-7 for |x| <= 1e4; no meaning above 1e6; NaN at infinity. */
SQ_UNUSED static inline float sq_sin_f32(float x) { return sq_sincos_f32(x, 0u); }
SQ_UNUSED static inline float sq_cos_f32(float x) { return sq_sincos_f32(x, 1u); }

/* tanh: x + x^3 P(x^2) below 0.625, else 1 - 2 / (e^2|x| + 1). 2 ulp. */
SQ_UNUSED static inline float sq_tanh_f32(float x) {
  float t = sq_abs_f32(x);
  float z = x * x;
  float p = -0.00570948841f;
  p = p * z + 0.0206441283f;
  p = p * z - 0.053741619f;
  p = p * z + 0.133314699f;
  p = p * z - 0.333332837f;
  float small = (p * z) * x + x;
  float large = 1.0f - 2.0f / (sq_exp_f32(t + t) + 1.0f);
  return t < 0.625f ? small : sq_copysign_f32(large, x);
}

/* 1 / (1 + e^-x), from e^-|x| so that neither end loses digits. 3 ulp. */
SQ_UNUSED static inline float sq_sigmoid_f32(float x) {
  float e = sq_exp_f32(-sq_abs_f32(x));
  return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

/* x/2 (1 + erf(x / sqrt 2)). */
SQ_UNUSED static inline float sq_gelu_erf_f32(float x) {
  return (0.5f * x) * (1.0f + sq_erf_f32(x * 0.707106769f));
}

/*
 * x Phi(x) to 1.5e-5, for results on their way to 8-bit codes, whose steps are hundreds of times as wide: max(x, 0) - h(|x|),
 * where h(t) = t Phi(-t) is t times a polynomial (least maximal error) in t - 2.25 up to 4.5, and stays what it is there.
 */
SQ_UNUSED static inline float sq_gelu_near_f32(float x) {
  float t = sq_abs_f32(x);
  float c = t > 4.5f ? 4.5f : t;
  float u = c - 2.25f;
  float p = -1.2891669e-05f;
  p = p * u + 4.39032956e-05f;
  p = p * u + 0.000170582673f;
  p = p * u - 0.000989274005f;
  p = p * u + 0.000643833482f;
  p = p * u + 0.00609572604f;
  p = p * u - 0.021631496f;
  p = p * u + 0.035741616f;
  p = p * u - 0.0317103565f;
  p = p * u + 0.012220989f;
  return (x > 0.0f ? x : 0.0f) - p * c;
}

/* x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). */
SQ_UNUSED static inline float sq_gelu_tanh_f32(float x) {
  float inner = 0.797884583f * (x + 0.0447149985f * ((x * x) * x));
  return (0.5f * x) * (1.0f + sq_tanh_f32(inner));
}

#endif
