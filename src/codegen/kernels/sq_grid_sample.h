#ifndef SQ_GRID_SAMPLE_H
#define SQ_GRID_SAMPLE_H
/*
 * SQ_DEFINE_GRID_SAMPLE(d, g): kernel sq_grid_sample_<d>_<g>, ONNX GridSample: x [batch, channels, in...] of dtype d, grid
 * [batch, points, rank] of dtype g, last axis first -> y [batch, channels, points]; rank 1 to 3 spatial axes. A coordinate
 * u in [-1, 1] is (u + 1) / 2 (n - 1) with align_corners, else ((u + 1) n - 1) / 2; outside the image (by half an element
 * without align_corners) it is clamped (border), reflected, or left (zeros); so are the elements around it. cubic: a = -0.75.
 * Computed in float64. Unit: one point, all channels.
 */
#include "sq_math_f64.h"
#include "sq_types.h"

enum { SQ_GRID_SAMPLE_LINEAR, SQ_GRID_SAMPLE_NEAREST, SQ_GRID_SAMPLE_CUBIC };
enum { SQ_GRID_SAMPLE_ZEROS, SQ_GRID_SAMPLE_BORDER, SQ_GRID_SAMPLE_REFLECTION };

typedef struct {
  const void *x, *grid;
  void *y;
  int64_t batch, channels, points, rank, mode, padding, align_corners;
  const int64_t *in;
} sq_grid_sample_args;

SQ_UNUSED static inline int64_t sq_grid_sample_units(const sq_grid_sample_args *p) { return p->batch * p->points; }

/* v mirrored at low and high until it is between them. */
SQ_UNUSED static inline double sq_grid_sample_reflect(double v, double low, double high) {
  const double range = high - low, beyond = v < low ? low - v : v > high ? v - high : 0.0;
  if (beyond == 0.0) return v;
  if (range <= 0.0) return low;
  const double times = sq_floor_f64(beyond / range), rest = beyond - times * range;
  const int even = sq_floor_f64(times * 0.5) * 2.0 == times;
  return (v < low) == even ? low + rest : high - rest;
}
SQ_UNUSED static inline double sq_grid_sample_kernel(int64_t mode, double t) {
  const double a = -0.75;
  t = sq_abs_f64(t);
  if (mode == SQ_GRID_SAMPLE_NEAREST) return 1.0;
  if (mode == SQ_GRID_SAMPLE_LINEAR) return t < 1.0 ? 1.0 - t : 0.0;
  if (t <= 1.0) return ((a + 2.0) * t - (a + 3.0)) * t * t + 1.0;
  return t < 2.0 ? ((a * t - 5.0 * a) * t + 8.0 * a) * t - 4.0 * a : 0.0;
}

/* Up to four elements and their weights along one axis; an element of -1 is a zero. */
typedef struct {
  int64_t element[4];
  double weight[4];
} sq_grid_sample_taps;

SQ_UNUSED static inline sq_grid_sample_taps sq_grid_sample_locate(const sq_grid_sample_args *p, int64_t size, double u,
                                                                  int64_t count) {
  sq_grid_sample_taps taps;
  const double n = (double)size, low = p->align_corners ? 0.0 : -0.5, high = p->align_corners ? n - 1.0 : n - 0.5;
  double at = p->align_corners ? (u + 1.0) / 2.0 * (n - 1.0) : ((u + 1.0) * n - 1.0) / 2.0;
  if (p->mode == SQ_GRID_SAMPLE_NEAREST) at = sq_rne_f64(at);
  if (!(at > -1e9)) at = -1e9;
  if (at > 1e9) at = 1e9;
  if (at < low || at > high) {
    if (p->padding == SQ_GRID_SAMPLE_BORDER) at = at < 0.0 ? 0.0 : at > n - 1.0 ? n - 1.0 : at;
    if (p->padding == SQ_GRID_SAMPLE_REFLECTION) at = sq_grid_sample_reflect(at, low, high);
  }
  const double floor = p->mode == SQ_GRID_SAMPLE_NEAREST ? sq_rne_f64(at) : sq_floor_f64(at);
  const double first = floor - (count == 4 ? 1.0 : 0.0);
  for (int64_t t = 0; t < count; t++) {
    double i = first + (double)t;
    taps.weight[t] = sq_grid_sample_kernel(p->mode, i - at);
    if (p->padding == SQ_GRID_SAMPLE_BORDER) i = i < 0.0 ? 0.0 : i > n - 1.0 ? n - 1.0 : i;
    if (p->padding == SQ_GRID_SAMPLE_REFLECTION) i = sq_grid_sample_reflect(i, low, high);
    taps.element[t] = i >= 0.0 && i <= n - 1.0 ? (int64_t)i : -1;
  }
  return taps;
}

#define SQ_DEFINE_GRID_SAMPLE(d, g)                                                                            \
  SQ_KERNEL_SIGNATURE(sq_grid_sample_##d##_##g) {                                                              \
    const sq_grid_sample_args *p = (const sq_grid_sample_args *)args;                                          \
    const int64_t taps = p->mode == SQ_GRID_SAMPLE_NEAREST ? 1 : p->mode == SQ_GRID_SAMPLE_LINEAR ? 2 : 4;     \
    int64_t plane = 1, combinations = 1;                                                                       \
    (void)worker;                                                                                              \
    for (int64_t axis = 0; axis < p->rank; axis++) {                                                           \
      plane *= p->in[axis];                                                                                    \
      combinations *= taps;                                                                                    \
    }                                                                                                          \
    for (int64_t unit = begin; unit < end; unit++) {                                                           \
      const SQ_C_##g *grid = (const SQ_C_##g *)p->grid + unit * p->rank;                                       \
      const int64_t batch = unit / p->points, point = unit % p->points;                                        \
      int64_t offsets[64];                                                                                     \
      double weights[64];                                                                                      \
      sq_grid_sample_taps around[3];                                                                           \
      for (int64_t axis = 0; axis < p->rank; axis++)                                                           \
        around[axis] =                                                                                         \
            sq_grid_sample_locate(p, p->in[axis], (double)SQ_LOAD_##g(grid[p->rank - 1 - axis]), taps);        \
      for (int64_t c = 0; c < combinations; c++) {                                                             \
        int64_t rest = c, stride = 1;                                                                          \
        offsets[c] = 0;                                                                                        \
        weights[c] = 1.0;                                                                                      \
        for (int64_t axis = p->rank - 1; axis >= 0; axis--) {                                                  \
          const int64_t element = around[axis].element[rest % taps];                                           \
          weights[c] = element < 0 ? 0.0 : weights[c] * around[axis].weight[rest % taps];                      \
          offsets[c] += element < 0 ? 0 : element * stride;                                                    \
          stride *= p->in[axis];                                                                               \
          rest /= taps;                                                                                        \
        }                                                                                                      \
      }                                                                                                        \
      for (int64_t channel = 0; channel < p->channels; channel++) {                                            \
        const SQ_C_##d *x = (const SQ_C_##d *)p->x + (batch * p->channels + channel) * plane;                  \
        double sum = 0.0;                                                                                      \
        for (int64_t c = 0; c < combinations; c++)                                                             \
          if (weights[c] != 0.0) sum += weights[c] * (double)SQ_LOAD_##d(x[offsets[c]]);                       \
        ((SQ_C_##d *)p->y)[(batch * p->channels + channel) * p->points + point] = SQ_STORE_##d((SQ_A_##d)sum); \
      }                                                                                                        \
    }                                                                                                          \
  }

#endif
