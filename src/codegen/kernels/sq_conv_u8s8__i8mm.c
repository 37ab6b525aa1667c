#include "sq_conv_patches_u8.h"
#include "sq_conv_u8s8.h"
#include "sq_gemm_u8s8__i8mm.h"

SQ_UNUSED static inline int64_t sq_conv_u8s8__i8mm_scratch_bytes(const sq_conv_u8s8_args *a) {
  return sq_conv_u8s8_scratch_bytes(a) + sq_gemm_panel_u8s8_scratch(a->kernel_h * a->kernel_w * a->c, SQ_CONV_U8S8_ROWS);
}

static void sq_conv_u8s8__i8mm(const void *args, int64_t begin, int64_t end, int64_t worker) {
  const sq_conv_u8s8_args *a = (const sq_conv_u8s8_args *)args;
  const sq_gemm_panel_u8s8_isa isa = {sq_gemm_u8s8__i8mm_pack, sq_gemm_u8s8__i8mm_start, sq_gemm_u8s8__i8mm_multiply, 8};
  const int64_t k = a->kernel_h * a->kernel_w * a->c, pixels = a->batch * a->out_h * a->out_w;
  const int64_t blocks = sq_ceil_div_i64(a->n, SQ_GEMM_PANEL_U8S8_NR), stride = sq_conv_u8s8_patch_stride(k);
  uint8_t *patches = a->scratch + worker * a->scratch_stride, *panel = patches + SQ_CONV_U8S8_ROWS * stride;
  uint8_t *unpacked = panel + sq_gemm_panel_u8s8_scratch(k, SQ_CONV_U8S8_ROWS);
  const sq_epilogue_u8s8 epilogue = {a->y_u8,          a->y_f32,         a->residual,        a->y_u8_stride,
                                     a->y_f32_stride,  a->residual_stride, a->out_inv_scale, a->out_zp,
                                     a->out_qmax,      a->activation};
  for (int64_t unit = begin; unit < end; unit++) {
    const int64_t row0 = unit * SQ_CONV_U8S8_ROWS, rows = sq_min_i64(SQ_CONV_U8S8_ROWS, pixels - row0);
    sq_conv_patches_u8(a, row0, rows, patches, stride);
    sq_gemm_panel_u8s8_run(isa, &epilogue, patches, stride, rows, k, row0, a->weights, a->weight_bits, 0, blocks, a->n, unpacked, panel);
  }
}
