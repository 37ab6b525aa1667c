#ifndef SQ_LINEAR_U8S8_H
#define SQ_LINEAR_U8S8_H
/*
 * sq_linear_u8s8:  acc[i,j] = bias'[j] + sum_k x[i,k] * w[j,k],  then the epilogue (sq_epilogue_u8s8.h)
 *
 * x u8 [m, k], row i at x + i * x_stride (codes of 4, 6 or 8 bits in bytes); w s8 [n, k], symmetric, per output channel;
 * bias'[j] = bias[j] - zp_x * sum_k w[j,k]. |acc| must fit 32 bits: k <= 65536 does.
 *
 * Packed weights, for blocks of nr output channels (nr of the kernel's row in kernels.inc; the last block is filled with
 * zeros), K4 = ceil(k / 4). One block, a multiple of 64 bytes, starting at block * block_bytes:
 *   s32 bias'[nr]
 *   f32 mult[nr], negative for a channel whose weights are mirrored
 *   values v(g, j, c) = w[j, 4 * g + c] for g in 0..K4-1, j in 0..nr-1, c in 0..3, in that order (zero where 4g + c >= k):
 *     weight_bits 8: one byte each, two's complement
 *     weight_bits 6: v + 32; four values (one g, j) in three bytes, the first in the lowest bits
 *     weight_bits 4: v + 8; two values in a byte, the first in the low nibble
 *   zero bytes up to the multiple of 64
 *
 * A unit is a panel of SQ_LINEAR_U8S8_ROWS rows times SQ_LINEAR_U8S8_CHANNELS channels.
 * Scratch a worker: sq_linear_u8s8_scratch_bytes, 64-byte aligned; none for 8 bits. weights 4-byte aligned at least; 64 is
 * faster.
 */
#include "sq_epilogue_u8s8.h"

#define SQ_LINEAR_U8S8_ROWS 112
#define SQ_LINEAR_U8S8_CHANNELS 256 /* a multiple of every nr */

typedef struct {
  const uint8_t *x;
  int64_t x_stride;
  const uint8_t *weights;
  int64_t m, n, k;
  int32_t weight_bits;
  int32_t activation;
  uint8_t *y_u8;
  float *y_f32;
  const float *residual;
  int64_t y_u8_stride, y_f32_stride, residual_stride;
  float out_inv_scale;
  int32_t out_zp, out_qmax;
  uint8_t *scratch;
  int64_t scratch_stride;
} sq_linear_u8s8_args;

SQ_UNUSED static inline int64_t sq_linear_u8s8_units(const sq_linear_u8s8_args *a) {
  return sq_ceil_div_i64(a->m, SQ_LINEAR_U8S8_ROWS) * sq_ceil_div_i64(a->n, SQ_LINEAR_U8S8_CHANNELS);
}

/* The widest block, unpacked: 32 channels. The same on every ISA. */
SQ_UNUSED static inline int64_t sq_linear_u8s8_block_scratch(int64_t k, int32_t weight_bits) {
  return weight_bits == 8 ? 0 : sq_ceil_div_i64(k, 4) * 4 * 32;
}

SQ_UNUSED static inline int64_t sq_linear_u8s8_scratch_bytes(const sq_linear_u8s8_args *a) {
  return sq_linear_u8s8_block_scratch(a->k, a->weight_bits);
}

#endif
