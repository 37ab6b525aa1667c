#include "sq_conv_nd_f32.h"
#include "sq_conv_tap_f32.h"

/* All output channels at one position, up to 64 of a group at a time. */
static inline void sq_conv_nd_f32_position(const sq_conv_nd_f32_args *a, const float *image, const int64_t *o, float *y) {
  int64_t icg = a->in_c / a->groups, ocg = a->out_c / a->groups, first[3], last[3];
  for (int d = 0; d < 3; d++) { /* taps [first, last) fall inside the input */
    int64_t start = o[d] * a->stride[d] - a->pad[d], room = a->in[d] - start;
    first[d] = start < 0 ? sq_ceil_div_i64(-start, a->dilation[d]) : 0;
    last[d] = room <= 0 ? 0 : sq_min_i64(a->kernel[d], sq_ceil_div_i64(room, a->dilation[d]));
  }
  int depthwise = icg == 1 && ocg == 1;
  for (int64_t c = 0; c < a->out_c;) {
    int64_t group = c / ocg, count = sq_conv_tap_f32_block(depthwise ? a->out_c - c : (group + 1) * ocg - c);
    float acc[SQ_CONV_TAP_F32_CHANNELS] = {0};
    for (int64_t t0 = first[0]; t0 < last[0]; t0++)
      for (int64_t t1 = first[1]; t1 < last[1]; t1++)
        for (int64_t t2 = first[2]; t2 < last[2]; t2++) {
          int64_t i0 = o[0] * a->stride[0] - a->pad[0] + t0 * a->dilation[0];
          int64_t i1 = o[1] * a->stride[1] - a->pad[1] + t1 * a->dilation[1];
          int64_t i2 = o[2] * a->stride[2] - a->pad[2] + t2 * a->dilation[2];
          const float *x = image + ((i0 * a->in[1] + i1) * a->in[2] + i2) * a->in_c + group * icg;
          const float *w = a->weight + ((t0 * a->kernel[1] + t1) * a->kernel[2] + t2) * icg * a->out_c + c;
          if (depthwise)
            for (int64_t j = 0; j < count; j++) acc[j] = acc[j] + x[j] * w[j];
          else
            sq_conv_tap_f32(x, w, icg, a->out_c, count, acc);
        }
    sq_conv_tap_f32_finish(acc, count, a->bias ? a->bias + c : a->bias, a->activation, y + c);
    c += count;
  }
}

static void sq_conv_nd_f32(const void *args, int64_t begin, int64_t end, int64_t worker) {
  const sq_conv_nd_f32_args *a = (const sq_conv_nd_f32_args *)args;
  (void)worker;
  for (int64_t u = begin; u < end; u++) {
    int64_t o[3] = {u / a->out[1] % a->out[0], u % a->out[1], 0};
    const float *image = a->x + u / (a->out[0] * a->out[1]) * a->in[0] * a->in[1] * a->in[2] * a->in_c;
    for (; o[2] < a->out[2]; o[2]++) sq_conv_nd_f32_position(a, image, o, a->y + (u * a->out[2] + o[2]) * a->out_c);
  }
}
