#include "sq_gemm_blocks_u8s8__simd128.h"
#include "sq_linear_u8s8.h"

static void sq_linear_u8s8__simd128(const void *args, int64_t begin, int64_t end, int64_t worker) {
  const sq_linear_u8s8_args *a = (const sq_linear_u8s8_args *)args;
  const int64_t blocks = sq_ceil_div_i64(a->n, SQ_GEMM_U8S8_NR), width = sq_gemm_blocks_u8s8__simd128_width(a->weight_bits);
  const int64_t group = SQ_LINEAR_U8S8_CHANNELS / SQ_GEMM_U8S8_NR, groups = sq_ceil_div_i64(blocks, group);
  uint8_t *unpacked = a->weight_bits == 8 ? NULL : a->scratch + worker * a->scratch_stride;
  const sq_epilogue_u8s8 epilogue = {a->y_u8,          a->y_f32,         a->residual,        a->y_u8_stride,
                                     a->y_f32_stride,  a->residual_stride, a->out_inv_scale, a->out_zp,
                                     a->out_qmax,      a->activation};
  for (int64_t unit = begin; unit < end; unit++) {
    const int64_t row0 = unit / groups * SQ_LINEAR_U8S8_ROWS, row1 = sq_min_i64(a->m, row0 + SQ_LINEAR_U8S8_ROWS);
    const int64_t block0 = unit % groups * group, block1 = sq_min_i64(blocks, block0 + group);
    for (int64_t b = block0; b < block1; b += width)
      sq_gemm_blocks_u8s8__simd128(&epilogue, a->x + row0 * a->x_stride, a->x_stride, row1 - row0, row0, a->k, a->weights,
                                   a->weight_bits, b, sq_min_i64(width, block1 - b), a->n, unpacked);
  }
}
