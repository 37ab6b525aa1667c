#include "sq_gemm_u8s8__amx.h"
#include "sq_linear_body_u8s8__avx512.h"

static void sq_linear_u8s8__amx(const void *args, int64_t begin, int64_t end, int64_t worker) {
  const sq_linear_u8s8_args *a = (const sq_linear_u8s8_args *)args;
  if (sq_amx_begin()) {
    sq_linear_body_u8s8__avx512(a, begin, end, worker, SQ_GEMM_U8S8__AMX_MR, sq_gemm_u8s8__amx_tile);
    sq_amx_end();
  } else {
    sq_linear_body_u8s8__avx512(a, begin, end, worker, SQ_GEMM_U8S8__AVX512VNNI_MR, sq_gemm_u8s8__avx512vnni_tile);
  }
}
