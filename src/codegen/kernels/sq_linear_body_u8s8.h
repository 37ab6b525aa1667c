#ifndef SQ_LINEAR_BODY_U8S8_H
#define SQ_LINEAR_BODY_U8S8_H
/* The loops of sq_linear_u8s8 around a register tile of mr rows and 16 channels. */
#include "sq_gemm_body_u8s8.h"
#include "sq_linear_u8s8.h"

__attribute__((always_inline, unused)) static inline void sq_linear_body_u8s8(const sq_linear_u8s8_args *a, int64_t begin, int64_t end,
                                                                              int64_t worker, int64_t mr,
                                                                              sq_gemm_body_u8s8_codes codes) {
  const int64_t nr = SQ_GEMM_U8S8_NR, blocks = sq_ceil_div_i64(a->n, nr);
  const int64_t group = SQ_LINEAR_U8S8_CHANNELS / nr, groups = sq_ceil_div_i64(blocks, group);
  const int64_t block_bytes = sq_gemm_u8s8_block_bytes(nr, a->k, a->weight_bits);
  uint8_t *unpacked = a->weight_bits == 8 ? NULL : a->scratch + worker * a->scratch_stride;
  const sq_epilogue_u8s8 epilogue = {a->y_u8,          a->y_f32,         a->residual,        a->y_u8_stride,
                                     a->y_f32_stride,  a->residual_stride, a->out_inv_scale, a->out_zp,
                                     a->out_qmax,      a->activation};
  for (int64_t unit = begin; unit < end; unit++) {
    int64_t row0 = unit / groups * SQ_LINEAR_U8S8_ROWS, row1 = sq_min_i64(a->m, row0 + SQ_LINEAR_U8S8_ROWS);
    int64_t block0 = unit % groups * group, block1 = sq_min_i64(blocks, block0 + group);
    for (int64_t b = block0; b < block1; b++) {
      const uint8_t *block = a->weights + b * block_bytes;
      const int32_t *bias = (const int32_t *)(const void *)block;
      const float *mult = (const float *)(const void *)(block + 4 * nr);
      const int8_t *values = sq_gemm_u8s8_values(block, nr, a->k, a->weight_bits, unpacked);
      for (int64_t i = row0; i < row1; i += mr) {
        int32_t acc[SQ_GEMM_BODY_U8S8_MR * SQ_GEMM_U8S8_NR];
        int64_t rows = sq_min_i64(mr, row1 - i);
        codes(rows, a->x + i * a->x_stride, a->x_stride, a->k, bias, values, acc);
        sq_epilogue_u8s8_run(&epilogue, acc, nr, mult, i, rows, b * nr, sq_min_i64(nr, a->n - b * nr));
      }
    }
  }
}

#endif
