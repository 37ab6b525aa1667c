#include "sq_gemm_u8s8__avxvnni.h"
#include "sq_linear_body_u8s8.h"

static void sq_linear_u8s8__avxvnni(const void *args, int64_t begin, int64_t end, int64_t worker) {
  sq_linear_body_u8s8((const sq_linear_u8s8_args *)args, begin, end, worker, SQ_GEMM_BODY_U8S8_MR, sq_gemm_u8s8__avxvnni_codes);
}
