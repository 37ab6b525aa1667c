#ifndef SQ_CONV_BODY_F32_H
#define SQ_CONV_BODY_F32_H
/*
 * The loops of every sq_conv_f32 and sq_conv_f32_fast: the patches of a unit's output pixels are laid out as rows in
 * scratch (im2col of 84 pixels, never of the image), then multiplied as a linear layer's rows.
 */
#include "sq_conv_f32.h"

/* The patch of output pixel (b, oy, ox), kernel_h * kernel_w * in_c values, zero outside the input. */
SQ_UNUSED static inline void sq_conv_f32_patch(const sq_conv_f32_args *a, int64_t b, int64_t oy, int64_t ox,
                                               float *restrict row) {
  int64_t run = a->kernel_w * a->in_c;
  int64_t x0 = ox * a->stride_w - a->pad_left;
  for (int64_t ky = 0; ky < a->kernel_h; ky++, row += run) {
    int64_t iy = oy * a->stride_h + ky * a->dilation_h - a->pad_top;
    if (iy < 0 || iy >= a->in_h) {
      for (int64_t i = 0; i < run; i++) row[i] = 0.0f;
      continue;
    }
    const float *line = a->x + (b * a->in_h + iy) * a->in_w * a->in_c;
    if (a->dilation_w == 1 && x0 >= 0 && x0 + a->kernel_w <= a->in_w) {
      for (int64_t i = 0; i < run; i++) row[i] = line[x0 * a->in_c + i];
      continue;
    }
    for (int64_t kx = 0; kx < a->kernel_w; kx++) {
      int64_t ix = x0 + kx * a->dilation_w;
      float *restrict cell = row + kx * a->in_c;
      if (ix < 0 || ix >= a->in_w)
        for (int64_t c = 0; c < a->in_c; c++) cell[c] = 0.0f;
      else
        for (int64_t c = 0; c < a->in_c; c++) cell[c] = line[ix * a->in_c + c];
    }
  }
}

__attribute__((always_inline, unused)) static inline void sq_conv_f32_body(const sq_conv_f32_args *a, int64_t begin, int64_t end, int64_t worker,
                                              int64_t mr, int64_t nr, int64_t half, sq_tile_f32 tile) {
  float buffer[16 * 32] = {0};
  float *patches = (float *)(void *)(a->scratch + worker * a->scratch_stride);
  int64_t k = a->kernel_h * a->kernel_w * a->in_c, stride = sq_tile_f32_row_stride(k);
  int64_t pixels = a->batch * a->out_h * a->out_w;
  for (int64_t u = begin; u < end; u++) {
    int64_t i0 = u * SQ_CONV_F32_ROWS, rows = sq_min_i64(SQ_CONV_F32_ROWS, pixels - i0);
    for (int64_t r = 0; r < rows; r++) {
      int64_t i = i0 + r, image = a->out_h * a->out_w;
      sq_conv_f32_patch(a, i / image, i % image / a->out_w, i % a->out_w, patches + r * stride);
    }
    for (int64_t j = 0; j < a->out_c; j += nr) {
      const float *bias = a->packed + j * (k + 1);
      int64_t columns = sq_min_i64(nr, a->out_c - j), width = columns <= half ? half : nr;
      for (int64_t r = 0; r < rows; r += mr) {
        int64_t count = sq_min_i64(mr, rows - r);
        tile(count, width, k, patches + r * stride, stride, bias + nr, buffer, nr, 0);
        sq_tile_f32_finish(buffer, count, nr, columns, bias, a->activation, (const float *)0, 0,
                           a->y + (i0 + r) * a->out_c + j, a->out_c);
      }
    }
  }
}

#endif
