#include <immintrin.h>

#include "sq_snap_u8.h"

/* One comparison for each step between two levels; 128 codes at a time, so that a step is loaded once for all of them. */
enum { SQ_SNAP_U8_AVX2_VECTORS = 4 };

static inline __attribute__((always_inline)) void sq_snap_u8__avx2_vectors(const uint8_t *x, uint8_t *y, int vectors, const uint8_t *levels,
                                                                           int32_t count) {
  /* Comparisons are of signed numbers. */
  const __m256i bias = _mm256_set1_epi8(-128);
  __m256i in[SQ_SNAP_U8_AVX2_VECTORS], out[SQ_SNAP_U8_AVX2_VECTORS];
  for (int v = 0; v < vectors; v++) {
    in[v] = _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)(const void *)(x + 32 * v)), bias);
    out[v] = _mm256_set1_epi8((char)levels[0]);
  }
  for (int32_t l = 1; l < count; l++) {
    const __m256i middle = _mm256_set1_epi8((char)(((levels[l - 1] + levels[l]) >> 1) - 128));
    const __m256i step = _mm256_set1_epi8((char)(levels[l] - levels[l - 1]));
    for (int v = 0; v < vectors; v++) out[v] = _mm256_add_epi8(out[v], _mm256_and_si256(_mm256_cmpgt_epi8(in[v], middle), step));
  }
  for (int v = 0; v < vectors; v++) _mm256_storeu_si256((__m256i *)(void *)(y + 32 * v), out[v]);
}

static void sq_snap_u8__avx2(const void *args, int64_t begin, int64_t end, int64_t worker) {
  const sq_snap_u8_args *a = (const sq_snap_u8_args *)args;
  const int64_t first = begin * SQ_SNAP_U8_BLOCK, size = sq_min_i64(a->n, end * SQ_SNAP_U8_BLOCK) - first;
  const uint8_t *x = a->x + first;
  uint8_t *y = a->y + first;
  (void)worker;
  int64_t i = 0;
  for (; i + 128 <= size; i += 128) sq_snap_u8__avx2_vectors(x + i, y + i, 4, a->levels, a->count);
  for (; i + 32 <= size; i += 32) sq_snap_u8__avx2_vectors(x + i, y + i, 1, a->levels, a->count);
  if (i >= size) return;
  uint8_t rest[32] = {0};
  for (int64_t j = 0; j < size - i; j++) rest[j] = x[i + j];
  sq_snap_u8__avx2_vectors(rest, rest, 1, a->levels, a->count);
  for (int64_t j = 0; j < size - i; j++) y[i + j] = rest[j];
}
