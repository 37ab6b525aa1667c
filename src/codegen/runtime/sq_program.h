#ifndef SQ_PROGRAM_H
#define SQ_PROGRAM_H
/* What every generated program needs besides its kernels: the weights' checksum, scalar arithmetic that cannot go wrong. */
#include "sq_kernel.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the weights file is little-endian, and so must the machine be"
#endif

SQ_UNUSED static inline uint64_t sq_program_load_u64(const unsigned char *bytes) {
  uint64_t value = 0;
  for (int i = 7; i >= 0; i--) value = value << 8 | bytes[i];
  return value;
}

/*
 * `lines` lines of 64 bytes at `words`: 16 lanes of 32-bit FNV-1a over the words, then 64-bit FNV-1a over the lanes. The
 * lanes do not depend on each other, so that compilers vectorise the loop.
 */
SQ_UNUSED static uint64_t sq_program_checksum(const uint32_t *words, size_t lines) {
  uint32_t lanes[16];
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (int lane = 0; lane < 16; lane++) lanes[lane] = UINT32_C(0x811c9dc5);
  for (size_t line = 0; line < lines; line++, words += 16)
    for (int lane = 0; lane < 16; lane++) lanes[lane] = (lanes[lane] ^ words[lane]) * UINT32_C(0x01000193);
  for (int lane = 0; lane < 16; lane++) hash = (hash ^ lanes[lane]) * UINT64_C(0x100000001b3);
  return hash;
}

SQ_UNUSED static inline void sq_program_copy(void *to, const void *from, int64_t bytes) {
  unsigned char *restrict target = (unsigned char *)to;
  const unsigned char *restrict source = (const unsigned char *)from;
  for (int64_t i = 0; i < bytes; i++) target[i] = source[i];
}

/* Integer arithmetic on the scalars of a run; 0 where the result is not defined or does not fit. */

/* By division: __builtin_mul_overflow wants 128-bit helpers of a runtime library on 32-bit targets. */
SQ_UNUSED static inline int sq_scalar_mul(int64_t a, int64_t b, int64_t *result) {
  if (a > 0 && (b > 0 ? a > INT64_MAX / b : b < INT64_MIN / a)) return 0;
  if (a < 0 && (b > 0 ? a < INT64_MIN / b : b < 0 && b < INT64_MAX / a)) return 0;
  *result = a * b;
  return 1;
}
SQ_UNUSED static inline int sq_scalar_trunc_div(int64_t a, int64_t b, int64_t *result) {
  if (b == 0 || (a == INT64_MIN && b == -1)) return 0;
  *result = a / b;
  return 1;
}
SQ_UNUSED static inline int sq_scalar_floor_div(int64_t a, int64_t b, int64_t *result) {
  if (!sq_scalar_trunc_div(a, b, result)) return 0;
  if (a % b != 0 && (a < 0) != (b < 0)) *result -= 1;
  return 1;
}
/* The sign of the divisor. */
SQ_UNUSED static inline int sq_scalar_mod(int64_t a, int64_t b, int64_t *result) {
  if (b == 0) return 0;
  *result = b == -1 ? 0 : a % b;
  if (*result != 0 && (*result < 0) != (b < 0)) *result += b;
  return 1;
}
/* Toward zero; 0 for NaN, infinities and what int64_t does not hold. */
SQ_UNUSED static inline int sq_scalar_to_int(float x, int64_t *result) {
  if (!(x > -0x1p63f && x < 0x1p63f)) return 0;
  *result = (int64_t)x;
  return 1;
}

/* Nearest whole number, ties to even. From 2^23 on every float is whole. */
SQ_UNUSED static inline float sq_scalar_rne(float x) {
  if (!(x > -0x1p23f && x < 0x1p23f)) return x;
  return x < 0.0f ? (x - 0x1p23f) + 0x1p23f : (x + 0x1p23f) - 0x1p23f;
}
SQ_UNUSED static inline float sq_scalar_floor(float x) {
  float rounded = sq_scalar_rne(x);
  return rounded > x ? rounded - 1.0f : rounded;
}

#endif
