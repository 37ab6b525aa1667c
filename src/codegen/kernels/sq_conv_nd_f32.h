#ifndef SQ_CONV_ND_F32_H
#define SQ_CONV_ND_F32_H
/*
 * Convolution (ONNX Conv) of rank 1 to 3 with groups, direct, channels last: x [batch, in[0], in[1], in[2], in_c],
 * y [batch, out[0], out[1], out[2], out_c]. A lower rank has leading spatial sizes of 1. Exact on every ISA:
 *
 *   acc = 0; for taps (t0, t1, t2) inside x in row-major order, for c in 0..in_c/groups: acc = acc + x[...][g*icg + c] * w[t][c][o]
 *   y = act(acc + bias[o])
 *
 * weight: [kernel[0] * kernel[1] * kernel[2], in_c / groups, out_c], output channels contiguous (packing conv_nd_f32);
 *   output channel o is of group o / (out_c / groups). bias: [out_c] or NULL.
 * A unit is one row of out[2] output positions: batch * out[0] * out[1] of them.
 */
#include "sq_kernel.h"
#include "sq_tile_f32.h"

typedef struct sq_conv_nd_f32_args {
  const float *x;
  const float *weight;
  const float *bias;
  float *y;
  int64_t batch, in_c, out_c, groups;
  int64_t in[3], out[3], kernel[3], stride[3], dilation[3], pad[3]; /* pad: at the beginning of each axis */
  int32_t activation;                                               /* SQ_ACTIVATION_* of sq_tile_f32.h */
} sq_conv_nd_f32_args;

SQ_UNUSED static inline int64_t sq_conv_nd_f32_units(const sq_conv_nd_f32_args *a) {
  return a->batch * a->out[0] * a->out[1];
}

#endif
