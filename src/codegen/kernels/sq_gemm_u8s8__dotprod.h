#ifndef SQ_GEMM_U8S8__DOTPROD_H
#define SQ_GEMM_U8S8__DOTPROD_H
/*
 * Tiles of 12 rows and 16 channels with sdot: 16 products an instruction. Codes minus 128, as in sq_gemm_u8s8__neon.h.
 *
 * In assembly, since compilers take the 24 sums out of their registers to move loads up: 24 sdot and two loads a step.
 */
#include "sq_gemm_u8s8__neon.h"

/* Four codes of each row times eight channels: v8.. are the sums, two registers a row. */
#define SQ_GEMM_U8S8__DOTPROD_STEP \
  "ld1 {v4.16b-v6.16b}, [%[tile]], #48\n" \
  "ld1 {v0.16b-v1.16b}, [%[values]], %[stride]\n" \
  "sdot v8.4s, v0.16b, v4.4b[0]\n sdot v9.4s, v1.16b, v4.4b[0]\n" \
  "sdot v10.4s, v0.16b, v4.4b[1]\n sdot v11.4s, v1.16b, v4.4b[1]\n" \
  "sdot v12.4s, v0.16b, v4.4b[2]\n sdot v13.4s, v1.16b, v4.4b[2]\n" \
  "sdot v14.4s, v0.16b, v4.4b[3]\n sdot v15.4s, v1.16b, v4.4b[3]\n" \
  "sdot v16.4s, v0.16b, v5.4b[0]\n sdot v17.4s, v1.16b, v5.4b[0]\n" \
  "sdot v18.4s, v0.16b, v5.4b[1]\n sdot v19.4s, v1.16b, v5.4b[1]\n" \
  "sdot v20.4s, v0.16b, v5.4b[2]\n sdot v21.4s, v1.16b, v5.4b[2]\n" \
  "sdot v22.4s, v0.16b, v5.4b[3]\n sdot v23.4s, v1.16b, v5.4b[3]\n" \
  "sdot v24.4s, v0.16b, v6.4b[0]\n sdot v25.4s, v1.16b, v6.4b[0]\n" \
  "sdot v26.4s, v0.16b, v6.4b[1]\n sdot v27.4s, v1.16b, v6.4b[1]\n" \
  "sdot v28.4s, v0.16b, v6.4b[2]\n sdot v29.4s, v1.16b, v6.4b[2]\n" \
  "sdot v30.4s, v0.16b, v6.4b[3]\n sdot v31.4s, v1.16b, v6.4b[3]\n"

/* Eight channels of a tile; groups = depth / 4. */
SQ_UNUSED static __attribute__((noinline)) void sq_gemm_u8s8__dotprod_half(const uint8_t *tile, const int8_t *values, int64_t groups,
                                                                           const int32_t *init, int32_t *acc) {
  int64_t fours = groups / 4, ones = groups % 4;
  __asm__ volatile(
      "ld1 {v8.4s-v9.4s}, [%[init]]\n"
      "mov v10.16b, v8.16b\n mov v11.16b, v9.16b\n"
      "mov v12.16b, v8.16b\n mov v13.16b, v9.16b\n"
      "mov v14.16b, v8.16b\n mov v15.16b, v9.16b\n"
      "mov v16.16b, v8.16b\n mov v17.16b, v9.16b\n"
      "mov v18.16b, v8.16b\n mov v19.16b, v9.16b\n"
      "mov v20.16b, v8.16b\n mov v21.16b, v9.16b\n"
      "mov v22.16b, v8.16b\n mov v23.16b, v9.16b\n"
      "mov v24.16b, v8.16b\n mov v25.16b, v9.16b\n"
      "mov v26.16b, v8.16b\n mov v27.16b, v9.16b\n"
      "mov v28.16b, v8.16b\n mov v29.16b, v9.16b\n"
      "mov v30.16b, v8.16b\n mov v31.16b, v9.16b\n"
      "cbz %[fours], 2f\n"
      "1:\n.rept 4\n" SQ_GEMM_U8S8__DOTPROD_STEP ".endr\n"
      "subs %[fours], %[fours], #1\n"
      "b.ne 1b\n"
      "2:\n"
      "cbz %[ones], 4f\n"
      "3:\n" SQ_GEMM_U8S8__DOTPROD_STEP
      "subs %[ones], %[ones], #1\n"
      "b.ne 3b\n"
      "4:\n"
      "stp q8, q9, [%[acc], #0]\n"
      "stp q10, q11, [%[acc], #64]\n"
      "stp q12, q13, [%[acc], #128]\n"
      "stp q14, q15, [%[acc], #192]\n"
      "stp q16, q17, [%[acc], #256]\n"
      "stp q18, q19, [%[acc], #320]\n"
      "stp q20, q21, [%[acc], #384]\n"
      "stp q22, q23, [%[acc], #448]\n"
      "stp q24, q25, [%[acc], #512]\n"
      "stp q26, q27, [%[acc], #576]\n"
      "stp q28, q29, [%[acc], #640]\n"
      "stp q30, q31, [%[acc], #704]\n"
      : [tile] "+r"(tile), [values] "+r"(values), [fours] "+r"(fours), [ones] "+r"(ones)
      : [init] "r"(init), [acc] "r"(acc), [stride] "r"((int64_t)64)
      : "cc", "memory", "v0", "v1", "v4", "v5", "v6", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31");
}

#undef SQ_GEMM_U8S8__DOTPROD_STEP

SQ_UNUSED static void sq_gemm_u8s8__dotprod_multiply(const uint8_t *tile, const int8_t *values, int64_t depth, const int32_t *init,
                                                     int32_t *acc) {
  for (int64_t j = 0; j < 16; j += 8) sq_gemm_u8s8__dotprod_half(tile, values + 4 * j, depth / 4, init + j, acc + j);
}

#endif
