#include "sq_conv_body_u8s8__avx512.h"

static void sq_conv_u8s8__avx512vnni(const void *args, int64_t begin, int64_t end, int64_t worker) {
  sq_conv_body_u8s8__avx512((const sq_conv_u8s8_args *)args, begin, end, worker, SQ_GEMM_U8S8__AVX512VNNI_MR,
                            sq_gemm_u8s8__avx512vnni_tile);
}
