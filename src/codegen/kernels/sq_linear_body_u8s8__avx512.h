#ifndef SQ_LINEAR_BODY_U8S8__AVX512_H
#define SQ_LINEAR_BODY_U8S8__AVX512_H
/*
 * The loops of sq_linear_u8s8 around tiles of mr rows and 32 channels: blocks of 32 channels outside, tiles inside. A block
 * stays in the first cache, the panel of x in the second.
 */
#include "sq_epilogue_u8s8__avx512.h"
#include "sq_gemm_u8s8__avx512vnni.h"
#include "sq_linear_u8s8.h"
#include "sq_unpack_s8__avx512.h"

SQ_GEMM_U8S8__AVX512VNNI_INLINE void sq_linear_body_u8s8__avx512(const sq_linear_u8s8_args *a, int64_t begin, int64_t end, int64_t worker,
                                                                 const int64_t mr, sq_gemm_u8s8__avx512vnni_products products) {
  enum { NR = SQ_GEMM_U8S8__AVX512VNNI_NR };
  const int64_t groups = sq_ceil_div_i64(a->n, SQ_LINEAR_U8S8_CHANNELS);
  const int64_t block_bytes = sq_unpack_s8__avx512_block_bytes(NR, a->k, a->weight_bits);
  uint8_t *unpacked = a->weight_bits == 8 ? NULL : a->scratch + worker * a->scratch_stride;
  const sq_epilogue_u8s8 epilogue = {a->y_u8,          a->y_f32,         a->residual,        a->y_u8_stride,
                                     a->y_f32_stride,  a->residual_stride, a->out_inv_scale, a->out_zp,
                                     a->out_qmax,      a->activation};
  for (int64_t unit = begin; unit < end; unit++) {
    const int64_t row0 = unit / groups * SQ_LINEAR_U8S8_ROWS, row1 = sq_min_i64(a->m, row0 + SQ_LINEAR_U8S8_ROWS);
    const int64_t j0 = unit % groups * SQ_LINEAR_U8S8_CHANNELS, j1 = sq_min_i64(a->n, j0 + SQ_LINEAR_U8S8_CHANNELS);
    for (int64_t j = j0; j < j1; j += NR) {
      const uint8_t *block = a->weights + j / NR * block_bytes;
      const int32_t *bias = (const int32_t *)(const void *)block;
      const float *mult = (const float *)(const void *)(block + 4 * NR);
      const int8_t *values = sq_unpack_s8__avx512(block + 8 * NR, sq_ceil_div_i64(a->k, 4) * NR, a->weight_bits, unpacked);
      const int64_t columns = sq_min_i64(NR, a->n - j);
      for (int64_t i = row0; i < row1; i += mr) {
        int32_t acc[SQ_GEMM_U8S8__AVX512VNNI_MOST_ROWS * NR];
        const int64_t rows = sq_min_i64(mr, row1 - i);
        sq_epilogue_u8s8__avx512_prefetch(&epilogue, i, rows, j, columns);
        products(rows, a->x + i * a->x_stride, a->x_stride, a->k, bias, values, acc, NR);
        sq_epilogue_u8s8__avx512_run(&epilogue, acc, mult, i, rows, j, columns);
      }
    }
  }
}

#endif
