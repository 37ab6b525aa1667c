#ifndef SQ_ATTENTION_LOOK_UP_U8__AVX512VBMI_H
#define SQ_ATTENTION_LOOK_UP_U8__AVX512VBMI_H
/*
 * sq_attention_look_up_u8__avx512(table, codes, small): table[code] for 64 codes of a table of 256 bytes, of which the first
 * 64 matter where small. One of the two files that define it comes before what calls it.
 */
#include <immintrin.h>

#include "sq_kernel.h"

SQ_UNUSED static inline __attribute__((always_inline)) __m512i sq_attention_look_up_u8__avx512(const __m512i table[4], __m512i codes,
                                                                                               int small) {
  if (small) return _mm512_permutexvar_epi8(codes, table[0]);
  const __m512i first = _mm512_permutex2var_epi8(table[0], codes, table[1]);
  const __m512i second = _mm512_permutex2var_epi8(table[2], codes, table[3]);
  return _mm512_mask_mov_epi8(first, _mm512_movepi8_mask(codes), second);
}

#endif
