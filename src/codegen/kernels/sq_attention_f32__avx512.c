#include "sq_attention_body_f32.h"
#include "sq_attention_pack_f32_avx512.h"
#include "sq_tile_f32_avx512.h"

static void sq_attention_f32__avx512(const void *args, int64_t begin, int64_t end, int64_t worker) {
  static const sq_attention_f32_ops ops = {
      14, 32, 16, 1, sq_tile_f32_avx512, sq_attention_f32_pack_avx512, sq_attention_f32_logits, sq_attention_f32_weights};
  sq_attention_f32_body((const sq_attention_f32_args *)args, begin, end, worker, &ops);
}
