#ifndef SQ_CONV_F32_H
#define SQ_CONV_F32_H
/*
 * 2-D convolution (ONNX Conv, group = 1), channels last: x [batch, in_h, in_w, in_c], y [batch, out_h, out_w, out_c],
 * both contiguous. A 1x1 convolution of stride 1 without pads is a linear layer: use sq_linear_f32.
 *
 *   acc = 0; for ky, for kx, for c: acc = acc + x[b][oy*stride_h + ky*dilation_h - pad_top][ox*stride_w + kx*dilation_w - pad_left][c]
 *                                                 * w[o][ky][kx][c]        (x is 0 outside)
 *   y = act(acc + bias[o])
 * `sq_conv_f32` equals it bit for bit on every ISA (finite weights); `sq_conv_f32_fast` may fuse the multiply and the add.
 *
 * packed: packing linear_f32_nrN of the weight matrix [out_c, kernel_h * kernel_w * in_c] (ONNX's [oc, c, kh, kw] with
 *   the channel axis moved last).
 * A unit is SQ_CONV_F32_ROWS output pixels, counted over batch * out_h * out_w, with all output channels.
 * scratch: sq_conv_f32_scratch_bytes a worker, 4-byte aligned.
 */
#include "sq_kernel.h"
#include "sq_tile_f32.h"

typedef struct sq_conv_f32_args {
  const float *x;
  const float *packed;
  float *y;
  int64_t batch, in_h, in_w, in_c, out_h, out_w, out_c;
  int64_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left;
  int32_t activation; /* SQ_ACTIVATION_* of sq_tile_f32.h */
  uint8_t *scratch;
  int64_t scratch_stride;
} sq_conv_f32_args;

typedef sq_conv_f32_args sq_conv_f32_fast_args;

#define SQ_CONV_F32_ROWS 84

SQ_UNUSED static inline int64_t sq_conv_f32_units(const sq_conv_f32_args *a) {
  return sq_ceil_div_i64(a->batch * a->out_h * a->out_w, SQ_CONV_F32_ROWS);
}

SQ_UNUSED static inline int64_t sq_conv_f32_fast_units(const sq_conv_f32_args *a) { return sq_conv_f32_units(a); }

SQ_UNUSED static inline int64_t sq_conv_f32_scratch_bytes(const sq_conv_f32_args *a) {
  return SQ_CONV_F32_ROWS * sq_tile_f32_row_stride(a->kernel_h * a->kernel_w * a->in_c) * (int64_t)sizeof(float);
}

#endif
