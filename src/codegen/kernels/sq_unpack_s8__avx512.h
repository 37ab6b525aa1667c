#ifndef SQ_UNPACK_S8__AVX512_H
#define SQ_UNPACK_S8__AVX512_H
/* Weights of 4 and 6 bits (layout: sq_linear_u8s8.h) to bytes. */
#include <immintrin.h>

#include "sq_kernel.h"

/* Bytes of one packed block of nr channels. */
SQ_UNUSED static inline int64_t sq_unpack_s8__avx512_block_bytes(int64_t nr, int64_t k, int32_t weight_bits) {
  int64_t values = sq_ceil_div_i64(k, 4) * 4 * nr;
  return sq_ceil_div_i64(nr * 8 + values * weight_bits / 8, 64) * 64;
}

/*
 * `groups` groups of four values, a multiple of 16: as they are for 8 bits, else to `unpacked` [groups * 4]. Reads whole
 * groups only: 32 bytes for 16 groups of 4 bits, 48 of 6.
 */
SQ_UNUSED static __attribute__((noinline)) const int8_t *sq_unpack_s8__avx512(const uint8_t *packed, int64_t groups,
                                                                              int32_t weight_bits, uint8_t *unpacked) {
  if (weight_bits == 8) return (const int8_t *)(const void *)packed;
  if (weight_bits == 4) {
    const __m512i nibble = _mm512_set1_epi16(0x0f0f), eight = _mm512_set1_epi8(8);
    for (int64_t g = 0; g < groups; g += 16) {
      /* Byte b becomes the 16-bit word b | b << 4: the low nibble is in its low byte, the high one in its high byte. */
      const __m512i words = _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)(const void *)(packed + 2 * g)));
      const __m512i v = _mm512_and_si512(_mm512_or_si512(words, _mm512_slli_epi16(words, 4)), nibble);
      _mm512_storeu_si512(unpacked + 4 * g, _mm512_sub_epi8(v, eight));
    }
  } else {
    /* Twelve bytes to each lane, three of them to each 32-bit word, then field e of 6 bits to byte e. */
    const __m512i lanes = _mm512_set_epi32(0, 11, 10, 9, 0, 8, 7, 6, 0, 5, 4, 3, 0, 2, 1, 0);
    const __m512i spread = _mm512_set4_epi32(0x000b0a09, 0x00080706, 0x00050403, 0x00020100);
    const __m512i field = _mm512_set1_epi32(0x3f), offset = _mm512_set1_epi8(32);
    for (int64_t g = 0; g < groups; g += 16) {
      const __m512i bytes = _mm512_maskz_loadu_epi8(0xffffffffffffull, packed + 3 * g);
      const __m512i w = _mm512_shuffle_epi8(_mm512_permutexvar_epi32(lanes, bytes), spread);
      __m512i v = _mm512_and_si512(w, field);
      v = _mm512_or_si512(v, _mm512_slli_epi32(_mm512_and_si512(_mm512_srli_epi32(w, 6), field), 8));
      v = _mm512_or_si512(v, _mm512_slli_epi32(_mm512_and_si512(_mm512_srli_epi32(w, 12), field), 16));
      v = _mm512_or_si512(v, _mm512_slli_epi32(_mm512_and_si512(_mm512_srli_epi32(w, 18), field), 24));
      _mm512_storeu_si512(unpacked + 4 * g, _mm512_sub_epi8(v, offset));
    }
  }
  return (const int8_t *)(const void *)unpacked;
}

#endif
