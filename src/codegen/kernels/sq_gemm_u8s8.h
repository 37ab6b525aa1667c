#ifndef SQ_GEMM_U8S8_H
#define SQ_GEMM_U8S8_H
/*
 * What the portable integer linear and convolution share: the definition of the product of rows of codes with one packed
 * block of SQ_GEMM_U8S8_NR channels (layout: sq_linear_u8s8.h), and of the epilogue.
 */
#include "sq_epilogue_u8s8.h"
#include "sq_math.h"

#define SQ_GEMM_U8S8_NR 16
#define SQ_GEMM_U8S8_ROWS 4 /* rows that share one pass over a block */

/* Bytes of one packed block of nr channels. */
SQ_UNUSED static inline int64_t sq_gemm_u8s8_block_bytes(int64_t nr, int64_t k, int32_t weight_bits) {
  int64_t values = sq_ceil_div_i64(k, 4) * 4 * nr;
  return sq_ceil_div_i64(nr * 8 + values * weight_bits / 8, 64) * 64;
}

/* The values of a block as bytes: where they are, for 8 bits; else unpacked to `unpacked` [K4 * 4 * nr]. */
SQ_UNUSED static inline const int8_t *sq_gemm_u8s8_values(const uint8_t *block, int64_t nr, int64_t k, int32_t weight_bits,
                                                          uint8_t *unpacked) {
  const uint8_t *packed = block + nr * 8;
  int64_t groups = sq_ceil_div_i64(k, 4) * nr;
  if (weight_bits == 8) return (const int8_t *)packed;
  if (weight_bits == 4) {
    for (int64_t i = 0; i < 2 * groups; i++) {
      unpacked[2 * i] = (uint8_t)((packed[i] & 15) - 8);
      unpacked[2 * i + 1] = (uint8_t)((packed[i] >> 4) - 8);
    }
  } else {
    for (int64_t i = 0; i < groups; i++) {
      uint32_t bits = packed[3 * i] | (uint32_t)packed[3 * i + 1] << 8 | (uint32_t)packed[3 * i + 2] << 16;
      for (int64_t e = 0; e < 4; e++) unpacked[4 * i + e] = (uint8_t)((bits >> (6 * e) & 63) - 32);
    }
  }
  return (const int8_t *)unpacked;
}

/* acc[r][j] = bias[j] + sum_p x[r * x_stride + p] * w(p, j), r < rows, p < k. */
SQ_UNUSED static inline void sq_gemm_u8s8_tile(const uint8_t *x, int64_t x_stride, int64_t rows, int64_t k,
                                               const int32_t *bias, const int8_t *values,
                                               int32_t acc[SQ_GEMM_U8S8_ROWS][SQ_GEMM_U8S8_NR]) {
  for (int64_t r = 0; r < rows; r++) {
    const uint8_t *row = x + r * x_stride;
    int32_t sum[SQ_GEMM_U8S8_NR];
    for (int j = 0; j < SQ_GEMM_U8S8_NR; j++) sum[j] = bias[j];
    for (int64_t p = 0; p < k; p += 4) {
      const int8_t *w = values + p * SQ_GEMM_U8S8_NR;
      int64_t left = k - p;
      int32_t x0 = row[p], x1 = left > 1 ? row[p + 1] : 0, x2 = left > 2 ? row[p + 2] : 0, x3 = left > 3 ? row[p + 3] : 0;
      for (int j = 0; j < SQ_GEMM_U8S8_NR; j++)
        sum[j] += (x0 * w[4 * j] + x1 * w[4 * j + 1]) + (x2 * w[4 * j + 2] + x3 * w[4 * j + 3]);
    }
    for (int j = 0; j < SQ_GEMM_U8S8_NR; j++) acc[r][j] = sum[j];
  }
}

/* `columns` is a constant where this is called for a whole block: the loops over it become a few vectors. */
__attribute__((always_inline, unused)) static inline void sq_epilogue_u8s8_rows(const sq_epilogue_u8s8 *e, const int32_t *acc,
                                                                                int64_t acc_stride, const float *mult, int64_t i,
                                                                                int64_t rows, int64_t j, const int64_t columns) {
  for (int64_t r = 0; r < rows; r++) {
    float v[32];
    const int32_t *sum = acc + r * acc_stride;
    for (int64_t c = 0; c < columns; c++) v[c] = (float)sum[c] * mult[c];
    if (e->activation == SQ_EPILOGUE_RELU) {
      for (int64_t c = 0; c < columns; c++) v[c] = v[c] > 0.0f ? v[c] : 0.0f;
    } else if (e->activation == SQ_EPILOGUE_GELU) {
      for (int64_t c = 0; c < columns; c++) v[c] = sq_gelu_near_f32(v[c]);
    }
    if (e->residual) {
      const float *residual = e->residual + (i + r) * e->residual_stride + j;
      for (int64_t c = 0; c < columns; c++) v[c] = v[c] + residual[c];
    }
    if (e->y_f32) {
      float *y = e->y_f32 + (i + r) * e->y_f32_stride + j;
      for (int64_t c = 0; c < columns; c++) y[c] = v[c];
    }
    if (e->y_u8) {
      uint8_t *y = e->y_u8 + (i + r) * e->y_u8_stride + j;
      for (int64_t c = 0; c < columns; c++) y[c] = sq_code_u8(v[c] * e->out_inv_scale, e->out_zp, e->out_qmax);
    }
  }
}

/* The epilogue of rows [i, i + rows) and channels [j, j + columns); acc rows are acc_stride apart. */
SQ_UNUSED static void sq_epilogue_u8s8_run(const sq_epilogue_u8s8 *e, const int32_t *acc, int64_t acc_stride, const float *mult, int64_t i,
                                           int64_t rows, int64_t j, int64_t columns) {
  if (columns == SQ_GEMM_U8S8_NR) sq_epilogue_u8s8_rows(e, acc, acc_stride, mult, i, rows, j, SQ_GEMM_U8S8_NR);
  else sq_epilogue_u8s8_rows(e, acc, acc_stride, mult, i, rows, j, columns);
}

#endif
