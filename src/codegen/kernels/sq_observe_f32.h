#ifndef SQ_OBSERVE_F32_H
#define SQ_OBSERVE_F32_H
/*
 * Calibration statistics of x float32 [rows, channels], contiguous.
 *
 *   channels_out [3, channels]: minimum, maximum, and the mean (sum in double, row by row, rounded to float32 once)
 *   histogram [65536]: how many elements have these upper 16 bits (sign, exponent, 7 bits of mantissa)
 *
 * NaN counts in the histogram and in the mean, never in minimum or maximum. One unit: instruments run on one thread.
 * scratch: 8 * channels bytes, 8-byte aligned.
 */
#include "sq_kernel.h"

typedef struct {
  const float *x;
  int64_t rows, channels;
  float *channels_out;
  uint32_t *histogram;
  uint8_t *scratch;
  int64_t scratch_stride;
} sq_observe_f32_args;

SQ_UNUSED static inline int64_t sq_observe_f32_units(const sq_observe_f32_args *a) {
  (void)a;
  return 1;
}

SQ_UNUSED static inline int64_t sq_observe_f32_scratch_bytes(const sq_observe_f32_args *a) {
  return a->channels * (int64_t)sizeof(double);
}

#endif
