#ifndef SQ_RESIZE_ROWS_F32_H
#define SQ_RESIZE_ROWS_F32_H
/*
 * Rows of resized planes (sq_resize_bilinear_f32.h, inner = 1), one at a time: the columns are worked out once, and an input
 * row is widened once for all the rows that read it.
 */
#include "sq_math.h"
#include "sq_resize_bilinear_f32.h"

/* One input row [in_w] at the columns of the result: wide[o] = row[x0] * (1 - wx) + row[min(x0 + 1, in_w - 1)] * wx. */
typedef void (*sq_resize_rows_f32_widener)(const float *row, int64_t in_w, const int32_t *x0, const float *wx, float *wide, int64_t n);

typedef struct sq_resize_rows_f32 {
  const sq_resize_bilinear_f32_args *a;
  sq_resize_rows_f32_widener widen;
  struct sq_resize_rows_f32 *from; /* makes the input's rows; NULL where they lie at a->x */
  int32_t *x0;                     /* [out_w] */
  float *wx;                       /* [out_w] */
  float *wide[2];                  /* [out_w]; the input rows `held`, counted over all planes */
  int64_t held[2];
  float *row; /* [in_w] of `from` */
} sq_resize_rows_f32;

static inline float sq_resize_rows_f32_source(int64_t o, float shift, float scale, float offset, int64_t in) {
  float s = ((float)o + shift) * scale + offset;
  return sq_max_f32(sq_min_f32(s, (float)(in - 1)), 0.0f);
}

/* scratch: four times out_w floats, in_w more where the rows come from another stage. */
SQ_UNUSED static inline sq_resize_rows_f32 sq_resize_rows_f32_begin(const sq_resize_bilinear_f32_args *a,
                                                                    sq_resize_rows_f32_widener widen, sq_resize_rows_f32 *from,
                                                                    uint8_t *scratch) {
  const int64_t n = a->out_w;
  float *wx = (float *)(void *)scratch + n;
  sq_resize_rows_f32 s = {a, widen, from, (int32_t *)(void *)scratch, wx, {wx + n, wx + 2 * n}, {-1, -1}, wx + 3 * n};
  for (int64_t o = 0; o < n; o++) {
    float sx = sq_resize_rows_f32_source(o, a->shift_w, a->scale_w, a->offset_w, a->in_w);
    s.x0[o] = (int32_t)sx;
    s.wx[o] = sx - (float)s.x0[o];
  }
  return s;
}

SQ_UNUSED static void sq_resize_rows_f32_widen(const float *restrict row, int64_t in_w, const int32_t *restrict x0,
                                               const float *restrict wx, float *restrict wide, int64_t n) {
  const int32_t last = (int32_t)(in_w - 1);
  for (int64_t o = 0; o < n; o++) {
    int32_t x1 = x0[o] < last ? x0[o] + 1 : last;
    wide[o] = row[x0[o]] * (1.0f - wx[o]) + row[x1] * wx[o];
  }
}

/* Row u, counted over all planes. */
SQ_UNUSED static void sq_resize_rows_f32_make(sq_resize_rows_f32 *s, int64_t u, float *restrict y) {
  const sq_resize_bilinear_f32_args *a = s->a;
  if (a->in_h < 1 || a->in_w < 1) {
    for (int64_t o = 0; o < a->out_w; o++) y[o] = 0.0f;
    return;
  }
  float sy = sq_resize_rows_f32_source(u % a->out_h, a->shift_h, a->scale_h, a->offset_h, a->in_h);
  int64_t y0 = (int64_t)sy, plane = u / a->out_h * a->in_h;
  int64_t wanted[2] = {plane + y0, plane + sq_min_i64(y0 + 1, a->in_h - 1)};
  float wy = sy - (float)y0;
  if (s->held[1] == wanted[0]) { /* the lower row becomes the upper one */
    float *row = s->wide[0];
    s->wide[0] = s->wide[1], s->wide[1] = row;
    s->held[1] = s->held[0], s->held[0] = wanted[0];
  }
  for (int i = 0; i < 2; i++) {
    if (s->held[i] == wanted[i]) continue;
    const float *row = s->from ? s->row : a->x + wanted[i] * a->in_w;
    if (s->from) sq_resize_rows_f32_make(s->from, wanted[i], s->row);
    s->widen(row, a->in_w, s->x0, s->wx, s->wide[i], a->out_w);
    s->held[i] = wanted[i];
  }
  const float *restrict top = s->wide[0], *restrict bottom = s->wide[1];
  for (int64_t o = 0; o < a->out_w; o++) y[o] = top[o] * (1.0f - wy) + bottom[o] * wy;
}

#endif
