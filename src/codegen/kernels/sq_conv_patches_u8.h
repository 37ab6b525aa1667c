#ifndef SQ_CONV_PATCHES_U8_H
#define SQ_CONV_PATCHES_U8_H
/* im2col of one tile: the patches of output pixels [pixel, pixel + rows), row r at patches + r * stride, order (r, s, ch). */
#include "sq_conv_u8s8.h"

SQ_UNUSED static inline void sq_conv_patches_u8_copy(uint8_t *to, const uint8_t *from, int64_t bytes) {
  for (int64_t i = 0; i < bytes; i++) to[i] = from[i];
}

SQ_UNUSED static inline void sq_conv_patches_u8_fill(uint8_t *to, uint8_t code, int64_t bytes) {
  for (int64_t i = 0; i < bytes; i++) to[i] = code;
}

SQ_UNUSED static void sq_conv_patches_u8(const sq_conv_u8s8_args *a, int64_t pixel, int64_t rows, uint8_t *patches,
                                         int64_t stride) {
  const uint8_t pad = (uint8_t)a->zp_x;
  for (int64_t i = 0; i < rows; i++) {
    int64_t p = pixel + i, ox = p % a->out_w, oy = p / a->out_w % a->out_h, b = p / a->out_w / a->out_h;
    int64_t x0 = ox * a->stride_w - a->pad_left;
    uint8_t *to = patches + i * stride;
    for (int64_t r = 0; r < a->kernel_h; r++) {
      int64_t y = oy * a->stride_h - a->pad_top + r * a->dilation_h;
      if (y < 0 || y >= a->h) {
        sq_conv_patches_u8_fill(to, pad, a->kernel_w * a->c);
        to += a->kernel_w * a->c;
        continue;
      }
      const uint8_t *line = a->x + (b * a->h + y) * a->w * a->x_stride;
      int whole = a->dilation_w == 1 && a->x_stride == a->c && x0 >= 0 && x0 + a->kernel_w <= a->w;
      if (whole) {
        sq_conv_patches_u8_copy(to, line + x0 * a->c, a->kernel_w * a->c);
        to += a->kernel_w * a->c;
        continue;
      }
      for (int64_t s = 0; s < a->kernel_w; s++, to += a->c) {
        int64_t x = x0 + s * a->dilation_w;
        if (x < 0 || x >= a->w) {
          sq_conv_patches_u8_fill(to, pad, a->c);
        } else {
          sq_conv_patches_u8_copy(to, line + x * a->x_stride, a->c);
        }
      }
    }
  }
}

#endif
