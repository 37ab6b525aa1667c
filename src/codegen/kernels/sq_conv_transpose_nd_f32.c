#include "sq_conv_tap_f32.h"
#include "sq_conv_transpose_nd_f32.h"

/* The input index that tap t brings to output o of axis d, or -1. */
static inline int64_t sq_conv_transpose_nd_f32_source(const sq_conv_transpose_nd_f32_args *a, int d, int64_t o, int64_t t) {
  int64_t at = o + a->pad[d] - t * a->dilation[d];
  return at >= 0 && at % a->stride[d] == 0 && at / a->stride[d] < a->in[d] ? at / a->stride[d] : -1;
}

/* All output channels at one position, up to 64 of a group at a time. */
static inline void sq_conv_transpose_nd_f32_position(const sq_conv_transpose_nd_f32_args *a, const float *image,
                                                     const int64_t *o, float *y) {
  int64_t icg = a->in_c / a->groups, ocg = a->out_c / a->groups;
  for (int64_t c = 0; c < a->out_c;) {
    int64_t group = c / ocg, count = sq_conv_tap_f32_block((group + 1) * ocg - c);
    float acc[SQ_CONV_TAP_F32_CHANNELS] = {0};
    for (int64_t t0 = 0; t0 < a->kernel[0]; t0++) {
      int64_t i0 = sq_conv_transpose_nd_f32_source(a, 0, o[0], t0);
      if (i0 < 0) continue;
      for (int64_t t1 = 0; t1 < a->kernel[1]; t1++) {
        int64_t i1 = sq_conv_transpose_nd_f32_source(a, 1, o[1], t1);
        if (i1 < 0) continue;
        for (int64_t t2 = 0; t2 < a->kernel[2]; t2++) {
          int64_t i2 = sq_conv_transpose_nd_f32_source(a, 2, o[2], t2);
          if (i2 < 0) continue;
          const float *x = image + ((i0 * a->in[1] + i1) * a->in[2] + i2) * a->in_c + group * icg;
          const float *w = a->weight + ((t0 * a->kernel[1] + t1) * a->kernel[2] + t2) * icg * a->out_c + c;
          sq_conv_tap_f32(x, w, icg, a->out_c, count, acc);
        }
      }
    }
    sq_conv_tap_f32_finish(acc, count, a->bias ? a->bias + c : a->bias, a->activation, y + c);
    c += count;
  }
}

static void sq_conv_transpose_nd_f32(const void *args, int64_t begin, int64_t end, int64_t worker) {
  const sq_conv_transpose_nd_f32_args *a = (const sq_conv_transpose_nd_f32_args *)args;
  (void)worker;
  for (int64_t u = begin; u < end; u++) {
    int64_t o[3] = {u / a->out[1] % a->out[0], u % a->out[1], 0};
    const float *image = a->x + u / (a->out[0] * a->out[1]) * a->in[0] * a->in[1] * a->in[2] * a->in_c;
    for (; o[2] < a->out[2]; o[2]++)
      sq_conv_transpose_nd_f32_position(a, image, o, a->y + (u * a->out[2] + o[2]) * a->out_c);
  }
}
