#ifndef SQ_ATTENTION_LOOK_UP_U8__AVX512BW_H
#define SQ_ATTENTION_LOOK_UP_U8__AVX512BW_H
/*
 * As sq_attention_look_up_u8__avx512vbmi.h, for processors that permute words only: half a code finds the word that holds its
 * byte, once for the codes in even places and once for those in odd ones.
 */
#include <immintrin.h>

#include "sq_kernel.h"

/* Words code / 2 of the table; bit 5 of each index is the place of bit 6 of its code, `upper` says where bit 7 is set. */
SQ_UNUSED static inline __attribute__((always_inline)) __m512i sq_attention_look_up_u8__avx512bw_words(const __m512i table[4],
                                                                                                       __m512i half, __mmask32 upper,
                                                                                                       int small) {
  if (small) return _mm512_permutexvar_epi16(half, table[0]);
  const __m512i first = _mm512_permutex2var_epi16(table[0], half, table[1]);
  return _mm512_mask_mov_epi16(first, upper, _mm512_permutex2var_epi16(table[2], half, table[3]));
}

SQ_UNUSED static inline __attribute__((always_inline)) __m512i sq_attention_look_up_u8__avx512(const __m512i table[4], __m512i codes,
                                                                                               int small) {
  const __mmask32 even_upper = _mm512_test_epi16_mask(codes, _mm512_set1_epi16(0x80)), odd_upper = _mm512_movepi16_mask(codes);
  const __m512i even = sq_attention_look_up_u8__avx512bw_words(table, _mm512_srli_epi16(codes, 1), even_upper, small);
  const __m512i odd = sq_attention_look_up_u8__avx512bw_words(table, _mm512_srli_epi16(codes, 9), odd_upper, small);
  const __mmask32 even_high = _mm512_test_epi16_mask(codes, _mm512_set1_epi16(1));
  const __mmask32 odd_low = _mm512_testn_epi16_mask(codes, _mm512_set1_epi16(0x100));
  const __m512i low = _mm512_mask_srli_epi16(even, even_high, even, 8), high = _mm512_mask_slli_epi16(odd, odd_low, odd, 8);
  return _mm512_ternarylogic_epi64(_mm512_set1_epi16(0xff), low, high, 0xca);
}

#endif
