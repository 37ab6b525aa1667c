#ifndef SQ_CONV_TAP_F32_H
#define SQ_CONV_TAP_F32_H
/* What the two direct convolutions share: one tap's share of a block of output channels. */
#include "sq_tile_f32.h"

#define SQ_CONV_TAP_F32_CHANNELS 64 /* a block: enough sums side by side to hide the latency of the addition */

/* acc[j] += sum_p x[p] * w[p * stride + j], sequential in p; the widths 64, 32 and 16 are constants for the vectoriser. */
SQ_UNUSED static inline void sq_conv_tap_f32(const float *restrict x, const float *restrict w, int64_t depth, int64_t stride,
                                             int64_t count, float *restrict acc) {
  if (count == 64)
    for (int64_t p = 0; p < depth; p++)
      for (int j = 0; j < 64; j++) acc[j] = acc[j] + x[p] * w[p * stride + j];
  else if (count == 32)
    for (int64_t p = 0; p < depth; p++)
      for (int j = 0; j < 32; j++) acc[j] = acc[j] + x[p] * w[p * stride + j];
  else if (count == 16)
    for (int64_t p = 0; p < depth; p++)
      for (int j = 0; j < 16; j++) acc[j] = acc[j] + x[p] * w[p * stride + j];
  else
    for (int64_t p = 0; p < depth; p++)
      for (int64_t j = 0; j < count; j++) acc[j] = acc[j] + x[p] * w[p * stride + j];
}

/* The widest block of at most `left` channels: 64, 32, 16 or what is left. */
SQ_UNUSED static inline int64_t sq_conv_tap_f32_block(int64_t left) {
  return left >= 64 ? 64 : left >= 32 ? 32 : sq_min_i64(left, 16);
}

/* y = act(acc + bias) for a block's channels. */
SQ_UNUSED static inline void sq_conv_tap_f32_finish(float *restrict acc, int64_t count, const float *bias, int32_t activation,
                                                    float *restrict y) {
  if (bias)
    for (int64_t j = 0; j < count; j++) acc[j] = acc[j] + bias[j];
  if (activation != SQ_ACTIVATION_NONE) sq_tile_f32_activate(acc, SQ_CONV_TAP_F32_CHANNELS, activation);
  for (int64_t j = 0; j < count; j++) y[j] = acc[j];
}

#endif
