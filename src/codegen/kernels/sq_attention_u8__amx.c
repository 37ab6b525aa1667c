#include "sq_attention_look_up_u8__avx512vbmi.h"

#include "sq_attention_body_u8__avx512.h"
#include "sq_gemm_u8s8__amx.h"

static void sq_attention_u8__amx(const void *args, int64_t begin, int64_t end, int64_t worker) {
  enum { MR = SQ_GEMM_U8S8__AVX512VNNI_MR };
  const sq_attention_body_u8__avx512_tiles amx = {sq_gemm_u8s8__amx_tile, 16, SQ_GEMM_U8S8__AMX_MR, 64};
  const sq_attention_body_u8__avx512_tiles vectors = {sq_gemm_u8s8__avx512vnni_tile, MR, MR, 4};
  const sq_attention_u8_args *a = (const sq_attention_u8_args *)args;
  /* Few queries, or few keys of few channels, do not fill a tile. */
  const int lent = a->m >= 16 && (a->c >= 64 || a->n >= 64) && sq_amx_begin();
  sq_attention_body_u8__avx512(a, begin, end, worker, lent ? &amx : &vectors);
  if (lent) sq_amx_end();
}
