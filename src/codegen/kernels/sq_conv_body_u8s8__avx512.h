#ifndef SQ_CONV_BODY_U8S8__AVX512_H
#define SQ_CONV_BODY_U8S8__AVX512_H
/* The loops of sq_conv_u8s8 around tiles of mr patches and 32 channels. */
#include "sq_conv_patches_u8.h"
#include "sq_conv_u8s8.h"
#include "sq_epilogue_u8s8__avx512.h"
#include "sq_gemm_u8s8__avx512vnni.h"
#include "sq_unpack_s8__avx512.h"

SQ_GEMM_U8S8__AVX512VNNI_INLINE void sq_conv_body_u8s8__avx512(const sq_conv_u8s8_args *a, int64_t begin, int64_t end, int64_t worker,
                                                               const int64_t mr, sq_gemm_u8s8__avx512vnni_products products) {
  enum { NR = SQ_GEMM_U8S8__AVX512VNNI_NR };
  const int64_t k = a->kernel_h * a->kernel_w * a->c, pixels = a->batch * a->out_h * a->out_w;
  const int64_t block_bytes = sq_unpack_s8__avx512_block_bytes(NR, k, a->weight_bits), stride = sq_conv_u8s8_patch_stride(k);
  uint8_t *patches = a->scratch + worker * a->scratch_stride, *unpacked = patches + SQ_CONV_U8S8_ROWS * stride;
  const sq_epilogue_u8s8 epilogue = {a->y_u8,          a->y_f32,         a->residual,        a->y_u8_stride,
                                     a->y_f32_stride,  a->residual_stride, a->out_inv_scale, a->out_zp,
                                     a->out_qmax,      a->activation};
  for (int64_t unit = begin; unit < end; unit++) {
    const int64_t row0 = unit * SQ_CONV_U8S8_ROWS, count = sq_min_i64(SQ_CONV_U8S8_ROWS, pixels - row0);
    sq_conv_patches_u8(a, row0, count, patches, stride);
    for (int64_t j = 0; j < a->n; j += NR) {
      const uint8_t *block = a->weights + j / NR * block_bytes;
      const int32_t *bias = (const int32_t *)(const void *)block;
      const float *mult = (const float *)(const void *)(block + 4 * NR);
      const int8_t *values = sq_unpack_s8__avx512(block + 8 * NR, sq_ceil_div_i64(k, 4) * NR, a->weight_bits, unpacked);
      const int64_t columns = sq_min_i64(NR, a->n - j);
      for (int64_t i = 0; i < count; i += mr) {
        int32_t acc[SQ_GEMM_U8S8__AVX512VNNI_MOST_ROWS * NR];
        const int64_t rows = sq_min_i64(mr, count - i);
        products(rows, patches + i * stride, stride, k, bias, values, acc, NR);
        sq_epilogue_u8s8__avx512_run(&epilogue, acc, mult, row0 + i, rows, j, columns);
      }
    }
  }
}

#endif
