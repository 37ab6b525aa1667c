#include "sq_math.h"
#include "sq_resize_bilinear_f32.h"

static inline float sq_resize_bilinear_f32_source(int64_t o, float shift, float scale, float offset, int64_t in) {
  float s = ((float)o + shift) * scale + offset;
  return sq_max_f32(sq_min_f32(s, (float)(in - 1)), 0.0f);
}

/* One input row [in_w] at the columns of the result: wide[o] = row[x0] * (1 - wx) + row[x0 + 1] * wx. */
static inline void sq_resize_bilinear_f32_widen(const float *restrict row, const int32_t *restrict x0,
                                                const float *restrict wx, float *restrict wide, int64_t n, int32_t last) {
  for (int64_t o = 0; o < n; o++) {
    int32_t x1 = x0[o] < last ? x0[o] + 1 : last;
    wide[o] = row[x0[o]] * (1.0f - wx[o]) + row[x1] * wx[o];
  }
}

/* Planes: the columns are worked out once, and an input row is widened once for all the output rows that read it. */
static inline void sq_resize_bilinear_f32_planes(const sq_resize_bilinear_f32_args *a, int64_t begin, int64_t end,
                                                 uint8_t *scratch) {
  const int64_t n = a->out_w;
  const int32_t last = (int32_t)(a->in_w - 1);
  int32_t *x0 = (int32_t *)(void *)scratch;
  float *wx = (float *)(void *)scratch + n, *wide[2] = {wx + n, wx + 2 * n};
  int64_t held[2] = {-1, -1}; /* which input row, counted over all planes */
  for (int64_t o = 0; o < n; o++) {
    float sx = sq_resize_bilinear_f32_source(o, a->shift_w, a->scale_w, a->offset_w, a->in_w);
    x0[o] = (int32_t)sx;
    wx[o] = sx - (float)x0[o];
  }
  for (int64_t u = begin; u < end; u++) {
    float sy = sq_resize_bilinear_f32_source(u % a->out_h, a->shift_h, a->scale_h, a->offset_h, a->in_h);
    int64_t y0 = (int64_t)sy, plane = u / a->out_h * a->in_h;
    int64_t wanted[2] = {plane + y0, plane + sq_min_i64(y0 + 1, a->in_h - 1)};
    float wy = sy - (float)y0;
    if (held[1] == wanted[0]) { /* the lower row becomes the upper one */
      float *row = wide[0];
      wide[0] = wide[1], wide[1] = row;
      held[1] = held[0], held[0] = wanted[0];
    }
    for (int i = 0; i < 2; i++) {
      if (held[i] == wanted[i]) continue;
      sq_resize_bilinear_f32_widen(a->x + wanted[i] * a->in_w, x0, wx, wide[i], n, last);
      held[i] = wanted[i];
    }
    const float *restrict top = wide[0], *restrict bottom = wide[1];
    float *restrict y = a->y + u * n;
    for (int64_t o = 0; o < n; o++) y[o] = top[o] * (1.0f - wy) + bottom[o] * wy;
  }
}

static inline float sq_resize_bilinear_f32_mix(float x00, float x01, float x10, float x11, float wx, float wy) {
  float top = x00 * (1.0f - wx) + x01 * wx, bottom = x10 * (1.0f - wx) + x11 * wx;
  return top * (1.0f - wy) + bottom * wy;
}

static void sq_resize_bilinear_f32(const void *args, int64_t begin, int64_t end, int64_t worker) {
  const sq_resize_bilinear_f32_args *a = (const sq_resize_bilinear_f32_args *)args;
  if (begin >= end) return;
  if (a->inner == 1) {
    sq_resize_bilinear_f32_planes(a, begin, end, a->scratch + worker * a->scratch_stride);
    return;
  }
  for (int64_t u = begin; u < end; u++) {
    float sy = sq_resize_bilinear_f32_source(u % a->out_h, a->shift_h, a->scale_h, a->offset_h, a->in_h);
    int64_t y0 = (int64_t)sy, y1 = sq_min_i64(y0 + 1, a->in_h - 1), inner = a->inner;
    float wy = sy - (float)y0;
    const float *image = a->x + u / a->out_h * a->in_h * a->in_w * inner;
    const float *restrict top = image + y0 * a->in_w * inner, *restrict bottom = image + y1 * a->in_w * inner;
    float *restrict y = a->y + u * a->out_w * inner;
    for (int64_t o = 0; o < a->out_w; o++) {
      float sx = sq_resize_bilinear_f32_source(o, a->shift_w, a->scale_w, a->offset_w, a->in_w);
      int64_t x0 = (int64_t)sx * inner, x1 = sq_min_i64((int64_t)sx + 1, a->in_w - 1) * inner;
      float wx = sx - (float)(int64_t)sx;
      for (int64_t c = 0; c < inner; c++)
        y[o * inner + c] = sq_resize_bilinear_f32_mix(top[x0 + c], top[x1 + c], bottom[x0 + c], bottom[x1 + c], wx, wy);
    }
  }
}
