#ifndef SQ_CONV_GENERIC_H
#define SQ_CONV_GENERIC_H
/*
 * SQ_DEFINE_CONV_GENERIC(d): kernel sq_conv_generic_<d>: convolution (ONNX Conv, ConvInteger) of rank 1 to 3 with groups, channels
 * last: x [batch, in[0], in[1], in[2], in_c], weight [out_c, kernel[0], kernel[1], kernel[2], in_c / groups], bias [out_c] or NULL
 * -> y [batch, out[0], out[1], out[2], out_c]. A lower rank has leading spatial sizes of 1. Taps outside x add nothing; products
 * are added in row-major order of the taps, f16 and bf16 in float32, integers wrap. Unit: one row of out[2] output positions.
 */
#include "sq_types.h"

typedef struct {
  const void *x, *weight, *bias;
  void *y;
  int64_t batch, in_c, out_c, groups;
  int64_t in[3], out[3], kernel[3], stride[3], dilation[3], pad[3]; /* pad: at the beginning of each axis */
} sq_conv_generic_args;

SQ_UNUSED static inline int64_t sq_conv_generic_units(const sq_conv_generic_args *p) {
  return p->batch * p->out[0] * p->out[1];
}

/* The place along an axis that a tap reads, or -1 outside x. */
SQ_UNUSED static inline int64_t sq_conv_generic_at(const sq_conv_generic_args *p, int axis, int64_t out, int64_t tap) {
  const int64_t at = out * p->stride[axis] - p->pad[axis] + tap * p->dilation[axis];
  return at < p->in[axis] ? at : -1;
}

#define SQ_DEFINE_CONV_GENERIC(d)                                                                            \
  SQ_KERNEL_SIGNATURE(sq_conv_generic_##d) {                                                                 \
    const sq_conv_generic_args *p = (const sq_conv_generic_args *)args;                                      \
    const int64_t *k = p->kernel, depth = p->in_c / p->groups, per_group = p->out_c / p->groups;             \
    (void)worker;                                                                                            \
    for (int64_t at = begin * p->out[2]; at < end * p->out[2]; at++) {                                       \
      const int64_t row = at / p->out[2], image = row / p->out[1] / p->out[0];                               \
      const int64_t o[3] = {row / p->out[1] % p->out[0], row % p->out[1], at % p->out[2]};                   \
      for (int64_t c = 0; c < p->out_c; c++) {                                                               \
        const SQ_C_##d *w = (const SQ_C_##d *)p->weight + c * k[0] * k[1] * k[2] * depth;                    \
        SQ_W_##d sum = 0;                                                                                    \
        for (int64_t tap = 0; tap < k[0] * k[1] * k[2]; tap++, w += depth) {                                 \
          const int64_t i = sq_conv_generic_at(p, 0, o[0], tap / k[2] / k[1]);                               \
          const int64_t j = sq_conv_generic_at(p, 1, o[1], tap / k[2] % k[1]);                               \
          const int64_t l = sq_conv_generic_at(p, 2, o[2], tap % k[2]);                                      \
          if (i < 0 || j < 0 || l < 0) continue;                                                             \
          const SQ_C_##d *x = (const SQ_C_##d *)p->x + c / per_group * depth +                               \
                              (((image * p->in[0] + i) * p->in[1] + j) * p->in[2] + l) * p->in_c;            \
          for (int64_t e = 0; e < depth; e++) sum += (SQ_W_##d)SQ_LOAD_##d(x[e]) * (SQ_W_##d)SQ_LOAD_##d(w[e]); \
        }                                                                                                    \
        if (p->bias) sum += (SQ_W_##d)SQ_LOAD_##d(((const SQ_C_##d *)p->bias)[c]);                           \
        ((SQ_C_##d *)p->y)[at * p->out_c + c] = SQ_STORE_##d((SQ_A_##d)sum);                                 \
      }                                                                                                      \
    }                                                                                                        \
  }

#endif
