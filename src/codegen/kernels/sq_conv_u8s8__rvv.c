#include "sq_gemm_u8s8__rvv.h"
#include "sq_conv_body_u8s8.h"

static void sq_conv_u8s8__rvv(const void *args, int64_t begin, int64_t end, int64_t worker) {
  sq_conv_body_u8s8((const sq_conv_u8s8_args *)args, begin, end, worker, SQ_GEMM_U8S8__RVV_MR, sq_gemm_u8s8__rvv_codes);
}
