#ifndef SQ_GEMM_U8S8__I8MM_H
#define SQ_GEMM_U8S8__I8MM_H
/*
 * Tiles of 12 rows and 16 channels with usmmla: two rows of eight unsigned codes times two channels of eight signed weights,
 * 32 products an instruction. A packed tile is [K8][12][8] codes as they are, a block [K8][16][8] weights.
 *
 * In assembly, since compilers take the 24 sums out of their registers to move loads up: 24 usmmla and three loads a step.
 */
#include <arm_neon.h>

#include "sq_gemm_panel_u8s8.h"

SQ_UNUSED static __attribute__((noinline)) void sq_gemm_u8s8__i8mm_pack(const uint8_t *x, int64_t x_stride, int64_t rows, int64_t k,
                                                                        uint8_t *tile) {
  for (int64_t pair = 0; pair < 6; pair++) {
    const uint8_t *row0 = x + sq_min_i64(pair * 2, rows - 1) * x_stride, *row1 = x + sq_min_i64(pair * 2 + 1, rows - 1) * x_stride;
    uint8_t *to = tile + pair * 16;
    int64_t p = 0;
    for (; p + 16 <= k; p += 16) {
      const uint64x2_t a = vreinterpretq_u64_u8(vld1q_u8(row0 + p)), b = vreinterpretq_u64_u8(vld1q_u8(row1 + p));
      vst1q_u8(to, vreinterpretq_u8_u64(vzip1q_u64(a, b)));
      vst1q_u8(to + 96, vreinterpretq_u8_u64(vzip2q_u64(a, b)));
      to += 192;
    }
    for (; p < k; p += 8, to += 96) {
      for (int64_t e = 0; e < 8; e++) {
        to[e] = p + e < k ? row0[p + e] : 0;
        to[8 + e] = p + e < k ? row1[p + e] : 0;
      }
    }
  }
}

SQ_UNUSED static inline void sq_gemm_u8s8__i8mm_start(const int32_t *bias, const int8_t *values, int64_t depth, int32_t *init) {
  (void)values, (void)depth;
  for (int64_t j = 0; j < 16; j++) init[j] = bias[j];
}

/* Eight codes of each row times eight channels: v8.. are the sums, squares of two rows and two channels. */
#define SQ_GEMM_U8S8__I8MM_STEP \
  "ld1 {v0.16b-v3.16b}, [%[values]], %[stride]\n" \
  "ld1 {v4.16b-v6.16b}, [%[tile]], #48\n" \
  "usmmla v8.4s, v4.16b, v0.16b\n usmmla v9.4s, v4.16b, v1.16b\n usmmla v10.4s, v4.16b, v2.16b\n usmmla v11.4s, v4.16b, v3.16b\n" \
  "usmmla v12.4s, v5.16b, v0.16b\n usmmla v13.4s, v5.16b, v1.16b\n usmmla v14.4s, v5.16b, v2.16b\n usmmla v15.4s, v5.16b, v3.16b\n" \
  "usmmla v16.4s, v6.16b, v0.16b\n usmmla v17.4s, v6.16b, v1.16b\n usmmla v18.4s, v6.16b, v2.16b\n usmmla v19.4s, v6.16b, v3.16b\n" \
  "ld1 {v4.16b-v6.16b}, [%[tile]], #48\n" \
  "usmmla v20.4s, v4.16b, v0.16b\n usmmla v21.4s, v4.16b, v1.16b\n usmmla v22.4s, v4.16b, v2.16b\n usmmla v23.4s, v4.16b, v3.16b\n" \
  "usmmla v24.4s, v5.16b, v0.16b\n usmmla v25.4s, v5.16b, v1.16b\n usmmla v26.4s, v5.16b, v2.16b\n usmmla v27.4s, v5.16b, v3.16b\n" \
  "usmmla v28.4s, v6.16b, v0.16b\n usmmla v29.4s, v6.16b, v1.16b\n usmmla v30.4s, v6.16b, v2.16b\n usmmla v31.4s, v6.16b, v3.16b\n"

/* Eight channels of a tile; groups = depth / 8. */
SQ_UNUSED static __attribute__((noinline)) void sq_gemm_u8s8__i8mm_half(const uint8_t *tile, const int8_t *values, int64_t groups,
                                                                        const int32_t *init, int32_t *acc) {
  int64_t fours = groups / 4, ones = groups % 4;
  __asm__ volatile(
      "ld1 {v0.4s-v1.4s}, [%[init]]\n"
      "zip1 v8.2d, v0.2d, v0.2d\n zip2 v9.2d, v0.2d, v0.2d\n zip1 v10.2d, v1.2d, v1.2d\n zip2 v11.2d, v1.2d, v1.2d\n"
      "mov v12.16b, v8.16b\n mov v13.16b, v9.16b\n mov v14.16b, v10.16b\n mov v15.16b, v11.16b\n"
      "mov v16.16b, v8.16b\n mov v17.16b, v9.16b\n mov v18.16b, v10.16b\n mov v19.16b, v11.16b\n"
      "mov v20.16b, v8.16b\n mov v21.16b, v9.16b\n mov v22.16b, v10.16b\n mov v23.16b, v11.16b\n"
      "mov v24.16b, v8.16b\n mov v25.16b, v9.16b\n mov v26.16b, v10.16b\n mov v27.16b, v11.16b\n"
      "mov v28.16b, v8.16b\n mov v29.16b, v9.16b\n mov v30.16b, v10.16b\n mov v31.16b, v11.16b\n"
      "cbz %[fours], 2f\n"
      "1:\n.rept 4\n" SQ_GEMM_U8S8__I8MM_STEP ".endr\n"
      "subs %[fours], %[fours], #1\n"
      "b.ne 1b\n"
      "2:\n"
      "cbz %[ones], 4f\n"
      "3:\n" SQ_GEMM_U8S8__I8MM_STEP
      "subs %[ones], %[ones], #1\n"
      "b.ne 3b\n"
      "4:\n"
      "zip1 v0.2d, v8.2d, v9.2d\n zip1 v1.2d, v10.2d, v11.2d\n stp q0, q1, [%[acc], #0]\n"
      "zip2 v2.2d, v8.2d, v9.2d\n zip2 v3.2d, v10.2d, v11.2d\n stp q2, q3, [%[acc], #64]\n"
      "zip1 v0.2d, v12.2d, v13.2d\n zip1 v1.2d, v14.2d, v15.2d\n stp q0, q1, [%[acc], #128]\n"
      "zip2 v2.2d, v12.2d, v13.2d\n zip2 v3.2d, v14.2d, v15.2d\n stp q2, q3, [%[acc], #192]\n"
      "zip1 v0.2d, v16.2d, v17.2d\n zip1 v1.2d, v18.2d, v19.2d\n stp q0, q1, [%[acc], #256]\n"
      "zip2 v2.2d, v16.2d, v17.2d\n zip2 v3.2d, v18.2d, v19.2d\n stp q2, q3, [%[acc], #320]\n"
      "zip1 v0.2d, v20.2d, v21.2d\n zip1 v1.2d, v22.2d, v23.2d\n stp q0, q1, [%[acc], #384]\n"
      "zip2 v2.2d, v20.2d, v21.2d\n zip2 v3.2d, v22.2d, v23.2d\n stp q2, q3, [%[acc], #448]\n"
      "zip1 v0.2d, v24.2d, v25.2d\n zip1 v1.2d, v26.2d, v27.2d\n stp q0, q1, [%[acc], #512]\n"
      "zip2 v2.2d, v24.2d, v25.2d\n zip2 v3.2d, v26.2d, v27.2d\n stp q2, q3, [%[acc], #576]\n"
      "zip1 v0.2d, v28.2d, v29.2d\n zip1 v1.2d, v30.2d, v31.2d\n stp q0, q1, [%[acc], #640]\n"
      "zip2 v2.2d, v28.2d, v29.2d\n zip2 v3.2d, v30.2d, v31.2d\n stp q2, q3, [%[acc], #704]\n"
      : [tile] "+r"(tile), [values] "+r"(values), [fours] "+r"(fours), [ones] "+r"(ones)
      : [init] "r"(init), [acc] "r"(acc), [stride] "r"((int64_t)128)
      : "cc", "memory", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31");
}

#undef SQ_GEMM_U8S8__I8MM_STEP

SQ_UNUSED static void sq_gemm_u8s8__i8mm_multiply(const uint8_t *tile, const int8_t *values, int64_t depth, const int32_t *init,
                                                  int32_t *acc) {
  for (int64_t j = 0; j < 16; j += 8) sq_gemm_u8s8__i8mm_half(tile, values + 8 * j, depth / 8, init + j, acc + j);
}

#endif
