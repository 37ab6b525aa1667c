#ifndef SQ_RESIZE_H
#define SQ_RESIZE_H
/*
 * SQ_DEFINE_RESIZE(d): kernel sq_resize_<d>, ONNX Resize over `rank` axes: x of shape in, y of shape out, row-major. For
 * each axis the coordinate c of result o, with s = scales, l = lengths (s * in, or the size asked for):
 *   identity              o, exactly                     asymmetric          o / s
 *   half_pixel            (o + 0.5) / s - 0.5            pytorch_half_pixel  the same, -0.5 where l = 1
 *   half_pixel_symmetric  in / 2 (1 - out / l) + (o + 0.5) / s - 0.5
 *   align_corners         o (in - 1) / (l - 1), 0 where l = 1
 *   tf_crop_and_resize    o (r1 - r0) (in - 1) / (l - 1) + r0 (in - 1), or (r0 + r1) (in - 1) / 2 where l = 1; results
 *                         with a coordinate outside [0, in - 1] take `extrapolation`
 * and the result is the sum of the elements around c, weighted by a kernel k (linear 1 - |t|, cubic by cubic_a) of their
 * distance t: products over the axes. Elements outside are those of the border, or with exclude_outside left out and
 * the rest scaled up. antialias widens k by 1 / s where s < 1. Coordinates and sums are float64; integers truncate and
 * saturate. Unit: a row of y.
 */
#include "sq_cast.h"
#include "sq_math_f64.h"
#include "sq_strided.h"
#include "sq_types.h"

enum { SQ_RESIZE_NEAREST, SQ_RESIZE_LINEAR, SQ_RESIZE_CUBIC };
enum {
  SQ_RESIZE_HALF_PIXEL,
  SQ_RESIZE_HALF_PIXEL_SYMMETRIC,
  SQ_RESIZE_PYTORCH_HALF_PIXEL,
  SQ_RESIZE_ALIGN_CORNERS,
  SQ_RESIZE_ASYMMETRIC,
  SQ_RESIZE_TF_CROP_AND_RESIZE
};
enum { SQ_RESIZE_ROUND_PREFER_FLOOR, SQ_RESIZE_ROUND_PREFER_CEIL, SQ_RESIZE_FLOOR, SQ_RESIZE_CEIL };

typedef struct {
  const void *x;
  void *y;
  int64_t rank, mode, coordinates, nearest, exclude_outside, antialias;
  double cubic_a, extrapolation;
  const int64_t *in, *out, *identity; /* identity: 1 for an axis that is copied */
  const double *scales, *lengths;
  const double *roi; /* [2 * rank]: starts, ends; only for tf_crop_and_resize */
} sq_resize_args;

SQ_UNUSED static inline int64_t sq_resize_units(const sq_resize_args *p) {
  return sq_strided_product(p->out, p->rank - 1);
}

/* The elements around one coordinate: first .. first + count - 1 (clamped into [0, size)), of weight * k. */
typedef struct {
  int64_t first, count, size, outside;
  double at, widen, weight;
} sq_resize_taps;

SQ_UNUSED static inline double sq_resize_kernel(const sq_resize_args *p, double t) {
  const double a = p->cubic_a;
  t = sq_abs_f64(t);
  if (p->mode == SQ_RESIZE_LINEAR) return t < 1.0 ? 1.0 - t : 0.0;
  if (t <= 1.0) return ((a + 2.0) * t - (a + 3.0)) * t * t + 1.0;
  return t < 2.0 ? ((a * t - 5.0 * a) * t + 8.0 * a) * t - 4.0 * a : 0.0;
}
SQ_UNUSED static inline double sq_resize_coordinate(const sq_resize_args *p, int64_t axis, int64_t o) {
  const double size = (double)p->in[axis], scale = p->scales[axis], length = p->lengths[axis], at = (double)o;
  if (p->identity[axis]) return at;
  if (p->coordinates == SQ_RESIZE_ASYMMETRIC) return at / scale;
  if (p->coordinates == SQ_RESIZE_ALIGN_CORNERS) return length == 1.0 ? 0.0 : at * (size - 1.0) / (length - 1.0);
  if (p->coordinates == SQ_RESIZE_TF_CROP_AND_RESIZE) {
    const double start = p->roi[axis], end = p->roi[p->rank + axis];
    if (length == 1.0) return 0.5 * (start + end) * (size - 1.0);
    return at * (end - start) * (size - 1.0) / (length - 1.0) + start * (size - 1.0);
  }
  if (p->coordinates == SQ_RESIZE_PYTORCH_HALF_PIXEL && length == 1.0) return -0.5;
  const double half = (at + 0.5) / scale - 0.5;
  if (p->coordinates != SQ_RESIZE_HALF_PIXEL_SYMMETRIC) return half;
  return size / 2.0 * (1.0 - (double)p->out[axis] / length) + half;
}
SQ_UNUSED static inline double sq_resize_weight(const sq_resize_args *p, const sq_resize_taps *taps, int64_t tap) {
  const int64_t i = taps->first + tap;
  if (taps->count == 1) return 1.0;
  if (p->exclude_outside && (i < 0 || i >= taps->size)) return 0.0;
  return taps->weight * sq_resize_kernel(p, ((double)i - taps->at) * taps->widen);
}
SQ_UNUSED static inline int64_t sq_resize_element(const sq_resize_taps *taps, int64_t tap) {
  return sq_max_i64(sq_min_i64(taps->first + tap, taps->size - 1), 0);
}
SQ_UNUSED static inline sq_resize_taps sq_resize_locate(const sq_resize_args *p, int64_t axis, int64_t o) {
  sq_resize_taps taps = {o, 1, p->in[axis], 0, 0.0, 1.0, 1.0};
  if (p->identity[axis]) return taps;
  const double at = sq_resize_coordinate(p, axis, o);
  taps.at = at;
  taps.outside =
      p->coordinates == SQ_RESIZE_TF_CROP_AND_RESIZE && (at < 0.0 || at > (double)(p->in[axis] - 1));
  if (p->mode == SQ_RESIZE_NEAREST) {
    taps.first = sq_cast_double_i64(p->nearest == SQ_RESIZE_ROUND_PREFER_FLOOR  ? sq_ceil_f64(at - 0.5)
                                    : p->nearest == SQ_RESIZE_ROUND_PREFER_CEIL ? sq_floor_f64(at + 0.5)
                                    : p->nearest == SQ_RESIZE_FLOOR             ? sq_floor_f64(at)
                                                                                : sq_ceil_f64(at));
    return taps;
  }
  const double reach = p->mode == SQ_RESIZE_LINEAR ? 1.0 : 2.0;
  if (p->antialias && p->scales[axis] < 1.0) taps.widen = p->scales[axis];
  const int64_t before = sq_cast_double_i64(sq_ceil_f64(reach / taps.widen)) - 1;
  taps.first = sq_cast_double_i64(sq_floor_f64(at)) - before;
  taps.count = 2 * before + 2;
  if (p->exclude_outside || taps.widen != 1.0) {
    double sum = 0.0;
    for (int64_t tap = 0; tap < taps.count; tap++) sum += sq_resize_weight(p, &taps, tap);
    taps.weight = sum != 0.0 ? 1.0 / sum : 0.0;
  }
  return taps;
}

#define SQ_RESIZE_BLOCK 64

#define SQ_DEFINE_RESIZE(d)                                                                                   \
  SQ_KERNEL_SIGNATURE(sq_resize_##d) {                                                                        \
    const sq_resize_args *p = (const sq_resize_args *)args;                                                   \
    const int64_t last = p->rank - 1, width = p->out[last];                                                   \
    (void)worker;                                                                                             \
    for (int64_t unit = begin; unit < end; unit++) {                                                          \
      int64_t index[SQ_STRIDED_RANK], tap[SQ_STRIDED_RANK], outside = 0;                                      \
      sq_resize_taps outer[SQ_STRIDED_RANK], inner[SQ_RESIZE_BLOCK];                                          \
      sq_strided_unravel(unit, p->out, last, index);                                                          \
      for (int64_t axis = 0; axis < last; axis++) {                                                           \
        outer[axis] = sq_resize_locate(p, axis, index[axis]);                                                 \
        outside |= outer[axis].outside;                                                                       \
      }                                                                                                       \
      for (int64_t first = 0; first < width; first += SQ_RESIZE_BLOCK) {                                      \
        const int64_t count = sq_min_i64(width - first, SQ_RESIZE_BLOCK);                                     \
        SQ_C_##d *y = (SQ_C_##d *)p->y + unit * width + first;                                                \
        double sums[SQ_RESIZE_BLOCK] = {0};                                                                   \
        for (int64_t j = 0; j < count; j++) inner[j] = sq_resize_locate(p, last, first + j);                  \
        for (int64_t axis = 0; axis < last; axis++) tap[axis] = 0;                                            \
        for (;;) {                                                                                            \
          int64_t row = 0, axis;                                                                              \
          double weight = 1.0;                                                                                \
          for (axis = 0; axis < last; axis++) {                                                               \
            row = row * p->in[axis] + sq_resize_element(&outer[axis], tap[axis]);                             \
            weight *= sq_resize_weight(p, &outer[axis], tap[axis]);                                           \
          }                                                                                                   \
          const SQ_C_##d *x = (const SQ_C_##d *)p->x + row * p->in[last];                                     \
          for (int64_t j = 0; j < count && weight != 0.0; j++)                                                \
            for (int64_t t = 0; t < inner[j].count; t++) {                                                    \
              const double w = weight * sq_resize_weight(p, &inner[j], t);                                    \
              const double v = (double)SQ_LOAD_##d(x[sq_resize_element(&inner[j], t)]);                       \
              sums[j] += w != 0.0 ? w * v : 0.0;                                                              \
            }                                                                                                 \
          for (axis = last - 1; axis >= 0; axis--) {                                                          \
            if (++tap[axis] < outer[axis].count) break;                                                       \
            tap[axis] = 0;                                                                                    \
          }                                                                                                   \
          if (axis < 0) break;                                                                                \
        }                                                                                                     \
        for (int64_t j = 0; j < count; j++) {                                                                 \
          const double v = outside || inner[j].outside ? p->extrapolation : sums[j];                          \
          y[j] = SQ_STORE_##d(SQ_CAST_VALUE(f64, d, v));                                                      \
        }                                                                                                     \
      }                                                                                                       \
    }                                                                                                         \
  }

#endif
