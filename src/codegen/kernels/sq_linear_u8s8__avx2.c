#include "sq_gemm_panel_u8s8__avx2.h"
#include "sq_linear_u8s8.h"

static void sq_linear_u8s8__avx2(const void *args, int64_t begin, int64_t end, int64_t worker) {
  const sq_linear_u8s8_args *a = (const sq_linear_u8s8_args *)args;
  const int64_t blocks = sq_ceil_div_i64(a->n, SQ_GEMM_U8S8__AVX2_NR);
  const int64_t group = SQ_LINEAR_U8S8_CHANNELS / SQ_GEMM_U8S8__AVX2_NR, groups = sq_ceil_div_i64(blocks, group);
  uint8_t *unpacked = a->weight_bits == 8 ? NULL : a->scratch + worker * a->scratch_stride;
  const sq_epilogue_u8s8 epilogue = {a->y_u8,          a->y_f32,         a->residual,        a->y_u8_stride,
                                     a->y_f32_stride,  a->residual_stride, a->out_inv_scale, a->out_zp,
                                     a->out_qmax,      a->activation};
  for (int64_t unit = begin; unit < end; unit++) {
    int64_t row0 = unit / groups * SQ_LINEAR_U8S8_ROWS, rows = sq_min_i64(a->m - row0, SQ_LINEAR_U8S8_ROWS);
    int64_t block = unit % groups * group;
    const sq_gemm_panel_u8s8__avx2 g = {a->x + row0 * a->x_stride, a->x_stride, a->k, a->weights, a->n, a->weight_bits, unpacked};
    sq_gemm_panel_u8s8__avx2_run(&g, &epilogue, row0, rows, block, sq_min_i64(blocks, block + group));
  }
}
