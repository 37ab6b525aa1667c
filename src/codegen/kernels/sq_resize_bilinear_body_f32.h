#ifndef SQ_RESIZE_BILINEAR_BODY_F32_H
#define SQ_RESIZE_BILINEAR_BODY_F32_H
/* sq_resize_bilinear_f32 around what widens the rows of planes. */
#include "sq_resize_bilinear_f32.h"
#include "sq_resize_rows_f32.h"

static inline float sq_resize_bilinear_body_f32_mix(float x00, float x01, float x10, float x11, float wx, float wy) {
  float top = x00 * (1.0f - wx) + x01 * wx, bottom = x10 * (1.0f - wx) + x11 * wx;
  return top * (1.0f - wy) + bottom * wy;
}

SQ_UNUSED static void sq_resize_bilinear_body_f32(const sq_resize_bilinear_f32_args *a, int64_t begin, int64_t end, int64_t worker,
                                                  sq_resize_rows_f32_widener widen) {
  if (begin >= end) return;
  if (a->inner == 1) {
    sq_resize_rows_f32 rows = sq_resize_rows_f32_begin(a, widen, NULL, a->scratch + worker * a->scratch_stride);
    for (int64_t u = begin; u < end; u++) sq_resize_rows_f32_make(&rows, u, a->y + u * a->out_w);
    return;
  }
  if (a->in_h < 1 || a->in_w < 1) {
    for (int64_t i = begin * a->out_w * a->inner; i < end * a->out_w * a->inner; i++) a->y[i] = 0.0f;
    return;
  }
  for (int64_t u = begin; u < end; u++) {
    float sy = sq_resize_rows_f32_source(u % a->out_h, a->shift_h, a->scale_h, a->offset_h, a->in_h);
    int64_t y0 = (int64_t)sy, y1 = sq_min_i64(y0 + 1, a->in_h - 1), inner = a->inner;
    float wy = sy - (float)y0;
    const float *image = a->x + u / a->out_h * a->in_h * a->in_w * inner;
    const float *restrict top = image + y0 * a->in_w * inner, *restrict bottom = image + y1 * a->in_w * inner;
    float *restrict y = a->y + u * a->out_w * inner;
    for (int64_t o = 0; o < a->out_w; o++) {
      float sx = sq_resize_rows_f32_source(o, a->shift_w, a->scale_w, a->offset_w, a->in_w);
      int64_t x0 = (int64_t)sx * inner, x1 = sq_min_i64((int64_t)sx + 1, a->in_w - 1) * inner;
      float wx = sx - (float)(int64_t)sx;
      for (int64_t c = 0; c < inner; c++)
        y[o * inner + c] = sq_resize_bilinear_body_f32_mix(top[x0 + c], top[x1 + c], bottom[x0 + c], bottom[x1 + c], wx, wy);
    }
  }
}

#endif
