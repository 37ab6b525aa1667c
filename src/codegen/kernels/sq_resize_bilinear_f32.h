#ifndef SQ_RESIZE_BILINEAR_F32_H
#define SQ_RESIZE_BILINEAR_F32_H
/*
 * Bilinear resize (ONNX Resize, mode linear, no antialias): x [outer, in_h, in_w, inner], y [outer, out_h, out_w, inner],
 * contiguous; inner = 1 for planes (NCHW), inner = channels for channels last. Exact on every ISA:
 *   s = (float(o) + shift) * scale + offset, clamped to [0, in - 1];  i0 = floor(s);  i1 = min(i0 + 1, in - 1);  w = s - i0
 *   top = x[y0][x0] * (1 - wx) + x[y0][x1] * wx;  bottom likewise of y1;  y = top * (1 - wy) + bottom * wy
 * and 0 everywhere where there is no x, which a picture of one row by thousands comes to. With, per axis (scale = in / out as a float32):
 *   half_pixel          shift 0.5, offset -0.5            asymmetric     shift 0, offset 0
 *   align_corners       shift 0, offset 0, scale = (in - 1) / (out - 1), 0 where out = 1
 *   pytorch_half_pixel  as half_pixel, and where out = 1: scale 0, offset 0
 * A unit is one output row: outer * out_h of them.
 * scratch: sq_resize_bilinear_f32_scratch_bytes a worker, 4-byte aligned: what is the same for every row of a plane, and the
 * two input rows last widened, which the next output rows mostly want again.
 */
#include "sq_kernel.h"

typedef struct sq_resize_bilinear_f32_args {
  const float *x;
  float *y;
  int64_t outer, in_h, in_w, out_h, out_w, inner;
  float scale_h, shift_h, offset_h;
  float scale_w, shift_w, offset_w;
  uint8_t *scratch;
  int64_t scratch_stride;
} sq_resize_bilinear_f32_args;

SQ_UNUSED static inline int64_t sq_resize_bilinear_f32_units(const sq_resize_bilinear_f32_args *a) {
  return a->outer * a->out_h;
}

SQ_UNUSED static inline int64_t sq_resize_bilinear_f32_scratch_bytes(const sq_resize_bilinear_f32_args *a) {
  return a->inner == 1 ? 4 * a->out_w * (int64_t)sizeof(float) : 0;
}

#endif
