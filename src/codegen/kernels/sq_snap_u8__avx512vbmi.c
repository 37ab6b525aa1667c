#include <immintrin.h>

#include "sq_snap_u8.h"

/* A table of all codes fits four registers; it is made there, which for the few codes of a decoder's tokens is most of the work. */
static void sq_snap_u8__avx512vbmi(const void *args, int64_t begin, int64_t end, int64_t worker) {
  const sq_snap_u8_args *a = (const sq_snap_u8_args *)args;
  const int64_t first = begin * SQ_SNAP_U8_BLOCK, size = sq_min_i64(a->n, end * SQ_SNAP_U8_BLOCK) - first;
  (void)worker;
  uint8_t lanes_of[64];
  for (int c = 0; c < 64; c++) lanes_of[c] = (uint8_t)c;
  __m512i codes_of[4], parts[4];
  for (int p = 0; p < 4; p++) {
    codes_of[p] = _mm512_add_epi8(_mm512_loadu_si512(lanes_of), _mm512_set1_epi8((char)(64 * p)));
    parts[p] = _mm512_set1_epi8((char)a->levels[0]);
  }
  for (int32_t l = 1; l < a->count; l++) {
    const __m512i middle = _mm512_set1_epi8((char)((a->levels[l - 1] + a->levels[l]) >> 1)), level = _mm512_set1_epi8((char)a->levels[l]);
    for (int p = 0; p < 4; p++) parts[p] = _mm512_mask_mov_epi8(parts[p], _mm512_cmpgt_epu8_mask(codes_of[p], middle), level);
  }
  for (int64_t i = 0; i < size; i += 64) {
    const __mmask64 lanes = size - i < 64 ? ((__mmask64)1 << (size - i)) - 1 : ~(__mmask64)0;
    const __m512i codes = _mm512_maskz_loadu_epi8(lanes, a->x + first + i);
    const __m512i low = _mm512_permutex2var_epi8(parts[0], codes, parts[1]);
    const __m512i high = _mm512_permutex2var_epi8(parts[2], codes, parts[3]);
    _mm512_mask_storeu_epi8(a->y + first + i, lanes, _mm512_mask_mov_epi8(low, _mm512_movepi8_mask(codes), high));
  }
}
