#ifndef SQ_CODE_H
#define SQ_CODE_H
/*
 * The one rounding of the integer kernels: a float32 becomes the code of an unsigned quantized value.
 *
 *   code(t, zp, qmax) = rne(clamp(t, -zp, qmax - zp)) + zp,   code(NaN) = zp,   0 <= zp <= qmax <= 255
 *
 * which equals clamp(rne(t) + zp, 0, qmax), since the bounds are integers. The clamp stands before the conversion because
 * targets differ in what they answer out of range. rne is round to nearest, ties to even: adding 1.5 * 2^23 to a float32
 * of magnitude below 2^22 leaves the rounded integer in the low bits.
 */
#include "sq_kernel.h"

SQ_UNUSED static inline int32_t sq_code_rne(float t) {
  union {
    float f;
    int32_t i;
  } bits;
  bits.f = t + 12582912.0f;
  return bits.i - 0x4b400000;
}

SQ_UNUSED static inline uint8_t sq_code_u8(float t, int32_t zp, int32_t qmax) {
  const float low = (float)-zp, high = (float)(qmax - zp);
  t = t == t ? t : 0.0f;
  t = t > low ? t : low;
  t = t < high ? t : high;
  return (uint8_t)(sq_code_rne(t) + zp);
}

#endif
