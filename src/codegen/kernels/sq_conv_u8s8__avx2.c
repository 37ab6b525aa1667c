#include "sq_conv_patches_u8.h"
#include "sq_conv_u8s8.h"
#include "sq_gemm_panel_u8s8__avx2.h"

static void sq_conv_u8s8__avx2(const void *args, int64_t begin, int64_t end, int64_t worker) {
  const sq_conv_u8s8_args *a = (const sq_conv_u8s8_args *)args;
  const int64_t k = a->kernel_h * a->kernel_w * a->c, pixels = a->batch * a->out_h * a->out_w, stride = sq_conv_u8s8_patch_stride(k);
  uint8_t *patches = a->scratch + worker * a->scratch_stride;
  const sq_gemm_panel_u8s8__avx2 g = {patches, stride, k, a->weights, a->n, a->weight_bits, patches + SQ_CONV_U8S8_ROWS * stride};
  const sq_epilogue_u8s8 epilogue = {a->y_u8,          a->y_f32,         a->residual,        a->y_u8_stride,
                                     a->y_f32_stride,  a->residual_stride, a->out_inv_scale, a->out_zp,
                                     a->out_qmax,      a->activation};
  for (int64_t unit = begin; unit < end; unit++) {
    int64_t row0 = unit * SQ_CONV_U8S8_ROWS, rows = sq_min_i64(SQ_CONV_U8S8_ROWS, pixels - row0);
    sq_conv_patches_u8(a, row0, rows, patches, stride);
    sq_gemm_panel_u8s8__avx2_run(&g, &epilogue, row0, rows, 0, sq_ceil_div_i64(a->n, SQ_GEMM_U8S8__AVX2_NR));
  }
}
