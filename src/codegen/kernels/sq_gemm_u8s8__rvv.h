#ifndef SQ_GEMM_U8S8__RVV_H
#define SQ_GEMM_U8S8__RVV_H
/*
 * The register tile of the integer linear, convolution and attention for RISC-V's vectors (RVV 1.0, registers of 128 bits or
 * more): up to 6 rows times one block of 16 columns of bytes, in groups of four along k ([K4][16][4]).
 *
 * One vlseg4e8 brings the bytes of four steps of k, each widened to 16 bits once for all rows; vwmacc.vx multiplies them by a
 * row's number and adds to 32-bit sums: 16 products an instruction, exact. Six sums of four registers, a group of four and what is
 * widened are 30 of the 32. Longer registers stay part empty: a block has 16 columns.
 */
#include <riscv_vector.h>
/* It brings stdbool.h; elsewhere bool is the name of an element type, which macros paste. */
#undef bool

#include "sq_kernel.h"

#define SQ_GEMM_U8S8__RVV_MR 6
#define SQ_GEMM_U8S8__RVV_NR 16

/* Number p of row r, of 16 bits or, as codes, of 8. */
#define SQ_GEMM_U8S8__RVV_X(r, p) (wide ? ((const int16_t *)x)[(r) * x_stride + (p)] : (int16_t)((const uint8_t *)x)[(r) * x_stride + (p)])

/* Step e of the group that starts at p. */
#define SQ_GEMM_U8S8__RVV_STEP(e)                                                                             \
  do {                                                                                                        \
    const vint16m2_t w = __riscv_vsext_vf2_i16m2(__riscv_vget_v_i8m1x4_i8m1(group, e), SQ_GEMM_U8S8__RVV_NR); \
    c0 = __riscv_vwmacc_vx_i32m4(c0, SQ_GEMM_U8S8__RVV_X(0, p + (e)), w, SQ_GEMM_U8S8__RVV_NR);               \
    if (rows > 1) c1 = __riscv_vwmacc_vx_i32m4(c1, SQ_GEMM_U8S8__RVV_X(1, p + (e)), w, SQ_GEMM_U8S8__RVV_NR); \
    if (rows > 2) c2 = __riscv_vwmacc_vx_i32m4(c2, SQ_GEMM_U8S8__RVV_X(2, p + (e)), w, SQ_GEMM_U8S8__RVV_NR); \
    if (rows > 3) c3 = __riscv_vwmacc_vx_i32m4(c3, SQ_GEMM_U8S8__RVV_X(3, p + (e)), w, SQ_GEMM_U8S8__RVV_NR); \
    if (rows > 4) c4 = __riscv_vwmacc_vx_i32m4(c4, SQ_GEMM_U8S8__RVV_X(4, p + (e)), w, SQ_GEMM_U8S8__RVV_NR); \
    if (rows > 5) c5 = __riscv_vwmacc_vx_i32m4(c5, SQ_GEMM_U8S8__RVV_X(5, p + (e)), w, SQ_GEMM_U8S8__RVV_NR); \
  } while (0)

/* rows and wide are constants after inlining. acc[r * acc_stride + j] = init[j] + sum_{p < k} x[r * x_stride + p] * w(p, j). */
__attribute__((always_inline, unused)) static inline void sq_gemm_u8s8__rvv_rows(const int rows, const int wide, const void *x,
                                                                                 int64_t x_stride, int64_t k, const int32_t *init,
                                                                                 const int8_t *values, int32_t *acc,
                                                                                 int64_t acc_stride) {
  vint32m4_t c0 = __riscv_vle32_v_i32m4(init, SQ_GEMM_U8S8__RVV_NR), c1 = c0, c2 = c0, c3 = c0, c4 = c0, c5 = c0;
  int64_t p = 0;
  for (; p + 4 <= k; p += 4, values += 64) {
    const vint8m1x4_t group = __riscv_vlseg4e8_v_i8m1x4(values, SQ_GEMM_U8S8__RVV_NR);
    SQ_GEMM_U8S8__RVV_STEP(0);
    SQ_GEMM_U8S8__RVV_STEP(1);
    SQ_GEMM_U8S8__RVV_STEP(2);
    SQ_GEMM_U8S8__RVV_STEP(3);
  }
  if (p < k) {
    const vint8m1x4_t group = __riscv_vlseg4e8_v_i8m1x4(values, SQ_GEMM_U8S8__RVV_NR);
    SQ_GEMM_U8S8__RVV_STEP(0);
    if (p + 1 < k) SQ_GEMM_U8S8__RVV_STEP(1);
    if (p + 2 < k) SQ_GEMM_U8S8__RVV_STEP(2);
  }
  __riscv_vse32_v_i32m4(acc, c0, SQ_GEMM_U8S8__RVV_NR);
  if (rows > 1) __riscv_vse32_v_i32m4(acc + acc_stride, c1, SQ_GEMM_U8S8__RVV_NR);
  if (rows > 2) __riscv_vse32_v_i32m4(acc + 2 * acc_stride, c2, SQ_GEMM_U8S8__RVV_NR);
  if (rows > 3) __riscv_vse32_v_i32m4(acc + 3 * acc_stride, c3, SQ_GEMM_U8S8__RVV_NR);
  if (rows > 4) __riscv_vse32_v_i32m4(acc + 4 * acc_stride, c4, SQ_GEMM_U8S8__RVV_NR);
  if (rows > 5) __riscv_vse32_v_i32m4(acc + 5 * acc_stride, c5, SQ_GEMM_U8S8__RVV_NR);
}
#undef SQ_GEMM_U8S8__RVV_STEP
#undef SQ_GEMM_U8S8__RVV_X

#define SQ_GEMM_U8S8__RVV_CASE(ROWS, WIDE, K, STRIDE) \
  case ROWS: sq_gemm_u8s8__rvv_rows(ROWS, WIDE, x, x_stride, K, init, values, acc, STRIDE); break;

/* Of 16-bit numbers, in whole groups. */
__attribute__((noinline, unused)) static void sq_gemm_u8s8__rvv_tile(int64_t rows, const int16_t *x, int64_t x_stride, int64_t groups,
                                                                     const int32_t *init, const int8_t *values, int32_t *acc,
                                                                     int64_t acc_stride) {
  switch (rows) {
    SQ_GEMM_U8S8__RVV_CASE(1, 1, 4 * groups, acc_stride)
    SQ_GEMM_U8S8__RVV_CASE(2, 1, 4 * groups, acc_stride)
    SQ_GEMM_U8S8__RVV_CASE(3, 1, 4 * groups, acc_stride)
    SQ_GEMM_U8S8__RVV_CASE(4, 1, 4 * groups, acc_stride)
    default: break;
  }
}

/* acc [rows][16] of rows x k codes of 8 bits and a block, for any k. */
__attribute__((noinline, unused)) static void sq_gemm_u8s8__rvv_codes(int64_t rows, const uint8_t *x, int64_t x_stride, int64_t k,
                                                                      const int32_t *init, const int8_t *values, int32_t *acc) {
  switch (rows) {
    SQ_GEMM_U8S8__RVV_CASE(1, 0, k, SQ_GEMM_U8S8__RVV_NR)
    SQ_GEMM_U8S8__RVV_CASE(2, 0, k, SQ_GEMM_U8S8__RVV_NR)
    SQ_GEMM_U8S8__RVV_CASE(3, 0, k, SQ_GEMM_U8S8__RVV_NR)
    SQ_GEMM_U8S8__RVV_CASE(4, 0, k, SQ_GEMM_U8S8__RVV_NR)
    SQ_GEMM_U8S8__RVV_CASE(5, 0, k, SQ_GEMM_U8S8__RVV_NR)
    SQ_GEMM_U8S8__RVV_CASE(6, 0, k, SQ_GEMM_U8S8__RVV_NR)
    default: break;
  }
}
#undef SQ_GEMM_U8S8__RVV_CASE

#endif
