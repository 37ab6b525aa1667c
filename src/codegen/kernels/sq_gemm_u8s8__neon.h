#ifndef SQ_GEMM_U8S8__NEON_H
#define SQ_GEMM_U8S8__NEON_H
/*
 * Tiles of 12 rows and 16 channels for AArch64 without dot products, and what the variant with sdot shares: both factors are
 * signed there, so codes are packed as x - 128 and the sums start with bias + 128 * sum of the channel's weights.
 *
 * smull of bytes is exact in 16 bits (128 * 128 < 2^15), sadalp adds pairs into 32 bits: 16 products in four instructions.
 */
#include <arm_neon.h>

#include "sq_gemm_panel_u8s8.h"

/* One tile, [K4][12][4], of codes minus 128. Zeros take the place of codes behind k: their weights are zero. */
SQ_UNUSED static __attribute__((noinline)) void sq_gemm_u8s8__neon_pack(const uint8_t *x, int64_t x_stride, int64_t rows, int64_t k,
                                                                        uint8_t *tile) {
  const uint8x16_t flip = vdupq_n_u8(128);
  for (int64_t quad = 0; quad < 3; quad++) {
    const uint8_t *row[4];
    for (int64_t r = 0; r < 4; r++) row[r] = x + sq_min_i64(quad * 4 + r, rows - 1) * x_stride;
    uint8_t *to = tile + quad * 16;
    for (int64_t p = 0; p < k; p += 16) {
      uint8x16_t v[4];
      if (p + 16 <= k) {
        for (int r = 0; r < 4; r++) v[r] = vld1q_u8(row[r] + p);
      } else {
        for (int r = 0; r < 4; r++) {
          uint8_t part[16];
          for (int64_t e = 0; e < 16; e++) part[e] = p + e < k ? row[r][p + e] : 128;
          v[r] = vld1q_u8(part);
        }
      }
      const uint32x4_t a = vreinterpretq_u32_u8(veorq_u8(v[0], flip)), b = vreinterpretq_u32_u8(veorq_u8(v[1], flip));
      const uint32x4_t c = vreinterpretq_u32_u8(veorq_u8(v[2], flip)), d = vreinterpretq_u32_u8(veorq_u8(v[3], flip));
      /* Words 0, 1 and 2, 3 of rows a, c and b, d; then of a, b, c, d. */
      const uint32x4_t ac0 = vzip1q_u32(a, c), ac1 = vzip2q_u32(a, c), bd0 = vzip1q_u32(b, d), bd1 = vzip2q_u32(b, d);
      vst1q_u8(to, vreinterpretq_u8_u32(vzip1q_u32(ac0, bd0)));
      if (p + 4 < k) vst1q_u8(to + 48, vreinterpretq_u8_u32(vzip2q_u32(ac0, bd0)));
      if (p + 8 < k) vst1q_u8(to + 96, vreinterpretq_u8_u32(vzip1q_u32(ac1, bd1)));
      if (p + 12 < k) vst1q_u8(to + 144, vreinterpretq_u8_u32(vzip2q_u32(ac1, bd1)));
      to += 192;
    }
  }
}

/* bias + 128 * the sum of each channel's weights; values [depth / 4][16][4]. */
SQ_UNUSED static inline void sq_gemm_u8s8__neon_start(const int32_t *bias, const int8_t *values, int64_t depth, int32_t *init) {
  for (int64_t j = 0; j < 16; j += 4) {
    int32x4_t even = vdupq_n_s32(0), odd = even; /* a pair of channels each, two halves of their sums */
    for (int64_t g = 0; g < depth / 4; g++) {
      const int16x8_t pairs = vpaddlq_s8(vld1q_s8(values + g * 64 + 4 * j));
      even = vaddw_s16(even, vget_low_s16(pairs));
      odd = vaddw_high_s16(odd, pairs);
    }
    vst1q_s32(init + j, vaddq_s32(vld1q_s32(bias + j), vshlq_n_s32(vpaddq_s32(even, odd), 7)));
  }
}

/* Six rows and eight channels of a tile; a register holds two halves of the sums of two channels. */
SQ_UNUSED static __attribute__((noinline)) void sq_gemm_u8s8__neon_part(const uint8_t *tile, const int8_t *values, int64_t depth,
                                                                        const int32_t *init, int32_t *acc) {
  int32x4_t c[6][4];
#pragma GCC unroll 6
  for (int r = 0; r < 6; r++) c[r][0] = c[r][1] = c[r][2] = c[r][3] = vdupq_n_s32(0);
  for (int64_t p = 0; p < depth; p += 4) {
    const int8x16_t w0 = vld1q_s8(values), w1 = vld1q_s8(values + 16);
#pragma GCC unroll 6
    for (int r = 0; r < 6; r++) {
      const int8x16_t x = vreinterpretq_s8_s32(vld1q_dup_s32((const int32_t *)(const void *)(tile + 4 * r)));
      c[r][0] = vpadalq_s16(c[r][0], vmull_s8(vget_low_s8(x), vget_low_s8(w0)));
      c[r][1] = vpadalq_s16(c[r][1], vmull_high_s8(x, w0));
      c[r][2] = vpadalq_s16(c[r][2], vmull_s8(vget_low_s8(x), vget_low_s8(w1)));
      c[r][3] = vpadalq_s16(c[r][3], vmull_high_s8(x, w1));
    }
    values += 64, tile += 48;
  }
  const int32x4_t i0 = vld1q_s32(init), i1 = vld1q_s32(init + 4);
#pragma GCC unroll 6
  for (int r = 0; r < 6; r++) {
    vst1q_s32(acc + 16 * r, vaddq_s32(i0, vpaddq_s32(c[r][0], c[r][1])));
    vst1q_s32(acc + 16 * r + 4, vaddq_s32(i1, vpaddq_s32(c[r][2], c[r][3])));
  }
}

SQ_UNUSED static void sq_gemm_u8s8__neon_multiply(const uint8_t *tile, const int8_t *values, int64_t depth, const int32_t *init,
                                                  int32_t *acc) {
  for (int64_t r = 0; r < 12; r += 6)
    for (int64_t j = 0; j < 16; j += 8)
      sq_gemm_u8s8__neon_part(tile + 4 * r, values + 4 * j, depth, init + j, acc + 16 * r + j);
}

#endif
