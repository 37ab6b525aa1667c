#include "sq_attention_body_u8.h"
#include "sq_attention_few_u8__simd128.h"
#include "sq_attention_pack_u8__simd128.h"
#include "sq_gemm_u8s8__simd128.h"

static void sq_attention_u8__simd128(const void *args, int64_t begin, int64_t end, int64_t worker) {
  const sq_attention_u8_args *a = (const sq_attention_u8_args *)args;
  if (sq_attention_few_u8__simd128_takes(a)) {
    sq_attention_few_u8__simd128(a, begin, end, worker);
    return;
  }
  sq_attention_body_u8(a, begin, end, worker, sq_gemm_u8s8__simd128_tile, sq_attention_pack_u8__simd128_key,
                       sq_attention_pack_u8__simd128_values);
}
