#ifndef SQ_ATTENTION_PACK_U8__SIMD128_H
#define SQ_ATTENTION_PACK_U8__SIMD128_H
/* Keys and values of a head in the layout of the register tile (sq_attention_body_u8.h), 16 channels at a time. */
#include <wasm_simd128.h>
/* It brings stdbool.h; elsewhere bool is the name of an element type, which macros paste. */
#undef bool

#include "sq_attention_body_u8.h"

static int32_t sq_attention_pack_u8__simd128_key(const uint8_t *key, int64_t c, uint8_t offset, int8_t *to) {
  const v128_t offsets = wasm_u8x16_splat(offset);
  v128_t sums = wasm_i32x4_const_splat(0);
  int64_t ch = 0;
  for (; ch + 16 <= c; ch += 16, to += 256) {
    const v128_t codes = wasm_i8x16_sub(wasm_v128_load(key + ch), offsets);
    wasm_v128_store32_lane(to, codes, 0), wasm_v128_store32_lane(to + 64, codes, 1);
    wasm_v128_store32_lane(to + 128, codes, 2), wasm_v128_store32_lane(to + 192, codes, 3);
    sums = wasm_i32x4_add(sums, wasm_i32x4_extadd_pairwise_i16x8(wasm_i16x8_extadd_pairwise_i8x16(codes)));
  }
  const int32_t sum = wasm_i32x4_extract_lane(sums, 0) + wasm_i32x4_extract_lane(sums, 1) + wasm_i32x4_extract_lane(sums, 2) +
                      wasm_i32x4_extract_lane(sums, 3);
  return sum + sq_attention_body_u8_pack_key(key + ch, c - ch, offset, to);
}

static void sq_attention_pack_u8__simd128_values(const uint8_t *const value[4], int64_t cv, int8_t *to, int64_t block) {
  const v128_t flip = wasm_u8x16_const_splat(128);
  int64_t ch = 0;
  for (; ch + 16 <= cv; ch += 16, to += block) {
    const v128_t a = wasm_v128_xor(wasm_v128_load(value[0] + ch), flip), b = wasm_v128_xor(wasm_v128_load(value[1] + ch), flip);
    const v128_t c = wasm_v128_xor(wasm_v128_load(value[2] + ch), flip), d = wasm_v128_xor(wasm_v128_load(value[3] + ch), flip);
    const v128_t ab = wasm_i8x16_shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const v128_t cd = wasm_i8x16_shuffle(c, d, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const v128_t ab8 = wasm_i8x16_shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    const v128_t cd8 = wasm_i8x16_shuffle(c, d, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    wasm_v128_store(to, wasm_i16x8_shuffle(ab, cd, 0, 8, 1, 9, 2, 10, 3, 11));
    wasm_v128_store(to + 16, wasm_i16x8_shuffle(ab, cd, 4, 12, 5, 13, 6, 14, 7, 15));
    wasm_v128_store(to + 32, wasm_i16x8_shuffle(ab8, cd8, 0, 8, 1, 9, 2, 10, 3, 11));
    wasm_v128_store(to + 48, wasm_i16x8_shuffle(ab8, cd8, 4, 12, 5, 13, 6, 14, 7, 15));
  }
  const uint8_t *const rest[4] = {value[0] + ch, value[1] + ch, value[2] + ch, value[3] + ch};
  sq_attention_body_u8_pack_values(rest, cv - ch, to, block);
}

#endif
