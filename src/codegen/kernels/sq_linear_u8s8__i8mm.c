#include "sq_gemm_u8s8__i8mm.h"
#include "sq_linear_u8s8.h"

SQ_UNUSED static inline int64_t sq_linear_u8s8__i8mm_scratch_bytes(const sq_linear_u8s8_args *a) {
  return sq_linear_u8s8_scratch_bytes(a) + sq_gemm_panel_u8s8_scratch(a->k, SQ_LINEAR_U8S8_ROWS);
}

static void sq_linear_u8s8__i8mm(const void *args, int64_t begin, int64_t end, int64_t worker) {
  const sq_linear_u8s8_args *a = (const sq_linear_u8s8_args *)args;
  const sq_gemm_panel_u8s8_isa isa = {sq_gemm_u8s8__i8mm_pack, sq_gemm_u8s8__i8mm_start, sq_gemm_u8s8__i8mm_multiply, 8};
  const int64_t blocks = sq_ceil_div_i64(a->n, SQ_GEMM_PANEL_U8S8_NR), group = SQ_LINEAR_U8S8_CHANNELS / SQ_GEMM_PANEL_U8S8_NR;
  const int64_t groups = sq_ceil_div_i64(blocks, group);
  uint8_t *panel = a->scratch + worker * a->scratch_stride;
  uint8_t *unpacked = panel + sq_gemm_panel_u8s8_scratch(a->k, SQ_LINEAR_U8S8_ROWS);
  const sq_epilogue_u8s8 epilogue = {a->y_u8,          a->y_f32,         a->residual,        a->y_u8_stride,
                                     a->y_f32_stride,  a->residual_stride, a->out_inv_scale, a->out_zp,
                                     a->out_qmax,      a->activation};
  for (int64_t unit = begin; unit < end; unit++) {
    const int64_t row0 = unit / groups * SQ_LINEAR_U8S8_ROWS, rows = sq_min_i64(a->m - row0, SQ_LINEAR_U8S8_ROWS);
    const int64_t block0 = unit % groups * group, block1 = sq_min_i64(blocks, block0 + group);
    sq_gemm_panel_u8s8_run(isa, &epilogue, a->x + row0 * a->x_stride, a->x_stride, rows, a->k, row0, a->weights, a->weight_bits,
                           block0, block1, a->n, unpacked, panel);
  }
}
