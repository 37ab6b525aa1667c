#include "sq_attention_look_up_u8__avx512vbmi.h"

#include "sq_attention_body_u8__avx512.h"

static void sq_attention_u8__avx512vbmi(const void *args, int64_t begin, int64_t end, int64_t worker) {
  enum { MR = SQ_GEMM_U8S8__AVX512VNNI_MR };
  const sq_attention_body_u8__avx512_tiles tiles = {sq_gemm_u8s8__avx512vnni_tile, MR, MR, 4};
  sq_attention_body_u8__avx512((const sq_attention_u8_args *)args, begin, end, worker, &tiles);
}
