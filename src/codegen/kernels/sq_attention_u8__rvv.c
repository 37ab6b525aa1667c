#include "sq_attention_body_u8.h"
#include "sq_gemm_u8s8__rvv.h"

static void sq_attention_u8__rvv(const void *args, int64_t begin, int64_t end, int64_t worker) {
  sq_attention_body_u8((const sq_attention_u8_args *)args, begin, end, worker, sq_gemm_u8s8__rvv_tile, sq_attention_body_u8_pack_key,
                       sq_attention_body_u8_pack_values);
}
