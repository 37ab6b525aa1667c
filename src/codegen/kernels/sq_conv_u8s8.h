#ifndef SQ_CONV_U8S8_H
#define SQ_CONV_U8S8_H
/*
 * sq_conv_u8s8: 2-D convolution, channels last, group 1.
 *
 *   acc[b,y,x,j] = bias'[j] + sum over (r, s, ch) of p(b, y*stride_h + r*dilation_h - pad_top,
 *                                                      x*stride_w + s*dilation_w - pad_left, ch) * w[j,r,s,ch]
 *   p(b, iy, ix, ch) = x[((b*h + iy)*w + ix) * x_stride + ch] inside the picture, else zp_x (the code of zero)
 *
 * then the epilogue (sq_epilogue_u8s8.h) with row i = (b*out_h + y)*out_w + x. x u8 [batch, h, w, c], pixel stride
 * x_stride >= c. Weights packed as for sq_linear_u8s8 with k = kernel_h * kernel_w * c in the order (r, s, ch);
 * bias'[j] = bias[j] - zp_x * sum w[j].
 *
 * A unit is a tile of SQ_CONV_U8S8_ROWS output pixels, all output channels. Scratch a worker: sq_conv_u8s8_scratch_bytes,
 * 64-byte aligned: the tile's patches, and one unpacked weight block.
 */
#include "sq_linear_u8s8.h"

#define SQ_CONV_U8S8_ROWS 56

typedef struct {
  const uint8_t *x;
  int64_t x_stride;
  const uint8_t *weights;
  int64_t batch, h, w, c;
  int64_t out_h, out_w, n;
  int64_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left;
  int32_t zp_x;
  int32_t weight_bits;
  int32_t activation;
  uint8_t *y_u8;
  float *y_f32;
  const float *residual;
  int64_t y_u8_stride, y_f32_stride, residual_stride;
  float out_inv_scale;
  int32_t out_zp, out_qmax;
  uint8_t *scratch;
  int64_t scratch_stride;
} sq_conv_u8s8_args;

SQ_UNUSED static inline int64_t sq_conv_u8s8_units(const sq_conv_u8s8_args *a) {
  return sq_ceil_div_i64(a->batch * a->out_h * a->out_w, SQ_CONV_U8S8_ROWS);
}

/* Bytes between the patches in scratch: whole lines, an odd number of them, so that rows do not share cache sets. */
SQ_UNUSED static inline int64_t sq_conv_u8s8_patch_stride(int64_t k) { return (sq_ceil_div_i64(k, 64) | 1) * 64; }

SQ_UNUSED static inline int64_t sq_conv_u8s8_scratch_bytes(const sq_conv_u8s8_args *a) {
  const int64_t k = a->kernel_h * a->kernel_w * a->c;
  return SQ_CONV_U8S8_ROWS * sq_conv_u8s8_patch_stride(k) + sq_linear_u8s8_block_scratch(k, a->weight_bits);
}

#endif
