#ifndef SQ_TESTS_INTEGER_PACK_H
#define SQ_TESTS_INTEGER_PACK_H
/* The layouts of sq_linear_u8s8.h and sq_attention_u8.h, written down once more in C for the tests and benchmarks. */
#include "check.h"

/* w s8 [n, k], bias s32 [n], mult f32 [n] -> packed in groups of kr; allocates exactly the bytes of the blocks. */
SQ_UNUSED static uint8_t *pack_linear_u8s8_groups(const int8_t *w, const int32_t *bias, const float *mult, int64_t n, int64_t k,
                                                  int64_t nr, int64_t kr, int bits) {
  int64_t groups = (k + kr - 1) / kr * (kr / 4), blocks = (n + nr - 1) / nr;
  int64_t block_bytes = (nr * 8 + groups * 4 * nr * bits / 8 + 63) / 64 * 64;
  uint8_t *packed = (uint8_t *)check_alloc(blocks * block_bytes);
  memset(packed, 0, (size_t)(blocks * block_bytes));
  for (int64_t j = 0; j < blocks * nr; j++) {
    uint8_t *block = packed + j / nr * block_bytes;
    int64_t lane = j % nr;
    if (j < n) memcpy(block + 4 * lane, bias + j, 4);
    if (j < n) memcpy(block + 4 * (nr + lane), mult + j, 4);
    for (int64_t g = 0; g < groups; g++) {
      uint32_t word = 0;
      for (int64_t e = 0; e < 4; e++) {
        int32_t v = j < n && 4 * g + e < k ? w[j * k + 4 * g + e] : 0;
        uint32_t field = bits == 8 ? (uint32_t)v & 255u : (uint32_t)(v + (1 << (bits - 1)));
        word |= field << (bits * e);
      }
      memcpy(block + 8 * nr + ((g * 4 / kr * nr + lane) * (kr / 4) + g % (kr / 4)) * bits / 2, &word, (size_t)(bits / 2));
    }
  }
  return packed;
}

SQ_UNUSED static uint8_t *pack_linear_u8s8(const int8_t *w, const int32_t *bias, const float *mult, int64_t n, int64_t k,
                                           int64_t nr, int bits) {
  return pack_linear_u8s8_groups(w, bias, mult, n, k, nr, 4, bits);
}

/* table s8 [slices, keys, c] -> packed with -zq * sum. */
SQ_UNUSED static int8_t *pack_relative_u8(const int8_t *table, int64_t slices, int64_t keys, int64_t c, int32_t zq) {
  int64_t padded = (keys + 15) / 16 * 16, groups = (c + 3) / 4, slice_bytes = padded * 4 * (1 + groups);
  int8_t *packed = (int8_t *)check_alloc(slices * slice_bytes);
  memset(packed, 0, (size_t)(slices * slice_bytes));
  for (int64_t s = 0; s < slices; s++) {
    for (int64_t j = 0; j < keys; j++) {
      int32_t sum = 0;
      for (int64_t ch = 0; ch < c; ch++) {
        int8_t v = table[(s * keys + j) * c + ch];
        sum += v;
        packed[s * slice_bytes + 4 * padded + (ch / 4 * padded + j) * 4 + ch % 4] = v;
      }
      sum *= -zq;
      memcpy(packed + s * slice_bytes + 4 * j, &sum, 4);
    }
  }
  return packed;
}

#endif
