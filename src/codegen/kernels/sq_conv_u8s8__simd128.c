#include "sq_conv_patches_u8.h"
#include "sq_conv_u8s8.h"
#include "sq_gemm_blocks_u8s8__simd128.h"

static void sq_conv_u8s8__simd128(const void *args, int64_t begin, int64_t end, int64_t worker) {
  const sq_conv_u8s8_args *a = (const sq_conv_u8s8_args *)args;
  const int64_t k = a->kernel_h * a->kernel_w * a->c, pixels = a->batch * a->out_h * a->out_w, stride = sq_conv_u8s8_patch_stride(k);
  const int64_t blocks = sq_ceil_div_i64(a->n, SQ_GEMM_U8S8_NR), width = sq_gemm_blocks_u8s8__simd128_width(a->weight_bits);
  uint8_t *patches = a->scratch + worker * a->scratch_stride, *unpacked = patches + SQ_CONV_U8S8_ROWS * stride;
  const sq_epilogue_u8s8 epilogue = {a->y_u8,          a->y_f32,         a->residual,        a->y_u8_stride,
                                     a->y_f32_stride,  a->residual_stride, a->out_inv_scale, a->out_zp,
                                     a->out_qmax,      a->activation};
  for (int64_t unit = begin; unit < end; unit++) {
    const int64_t row0 = unit * SQ_CONV_U8S8_ROWS, count = sq_min_i64(SQ_CONV_U8S8_ROWS, pixels - row0);
    sq_conv_patches_u8(a, row0, count, patches, stride);
    for (int64_t b = 0; b < blocks; b += width)
      sq_gemm_blocks_u8s8__simd128(&epilogue, patches, stride, count, row0, k, a->weights, a->weight_bits, b,
                                   sq_min_i64(width, blocks - b), a->n, unpacked);
  }
}
