#include "sq_attention_panel_u8.h"
#include "sq_gemm_u8s8__i8mm.h"

static void sq_attention_u8__i8mm(const void *args, int64_t begin, int64_t end, int64_t worker) {
  const sq_gemm_panel_u8s8_isa isa = {sq_gemm_u8s8__i8mm_pack, sq_gemm_u8s8__i8mm_start, sq_gemm_u8s8__i8mm_multiply, 8};
  sq_attention_panel_u8((const sq_attention_u8_args *)args, begin, end, worker, isa);
}
