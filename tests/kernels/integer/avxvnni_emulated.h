/* AVX-VNNI's vpdpbusd by AVX2 (the compiler's -include), for machines without it: c + the products of four bytes of a and b. */
#ifndef AVXVNNI_EMULATED_H
#define AVXVNNI_EMULATED_H
#include <immintrin.h>

__attribute__((unused)) static inline __m256i avxvnni_emulated(__m256i c, __m256i a, __m256i b) {
  const __m256i even = _mm256_madd_epi16(_mm256_and_si256(a, _mm256_set1_epi16(255)), _mm256_srai_epi16(_mm256_slli_epi16(b, 8), 8));
  const __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(a, 8), _mm256_srai_epi16(b, 8));
  return _mm256_add_epi32(c, _mm256_add_epi32(even, odd));
}
#undef _mm256_dpbusd_avx_epi32
#define _mm256_dpbusd_avx_epi32 avxvnni_emulated
#endif
