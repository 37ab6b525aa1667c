#include <immintrin.h>

#include "sq_snap_u8.h"

/* 128 codes at a time: a step or a part of the table is loaded once for all of them. */
enum { SQ_SNAP_U8_AVX2_VECTORS = 4, SQ_SNAP_U8_AVX2_STEPS = 16 };

/* How `count` levels are looked up: at most 16 by the number of steps below a code, more by a table of all codes. */
typedef struct {
  int32_t count;
  /* Of 16 codes each; of few levels the first part holds these. */
  uint8_t table[256];
  int8_t middles[SQ_SNAP_U8_AVX2_STEPS];
} sq_snap_u8_avx2_lookup;

static inline __attribute__((always_inline)) __m256i sq_snap_u8__avx2_part(const sq_snap_u8_avx2_lookup *lookup, int part) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)(lookup->table + 16 * part)));
}

static inline __attribute__((always_inline)) void sq_snap_u8__avx2_vectors(const uint8_t *x, uint8_t *y, int vectors,
                                                                           const sq_snap_u8_avx2_lookup *lookup) {
  __m256i in[SQ_SNAP_U8_AVX2_VECTORS], out[SQ_SNAP_U8_AVX2_VECTORS];
  for (int v = 0; v < vectors; v++) {
    in[v] = _mm256_loadu_si256((const __m256i *)(const void *)(x + 32 * v));
    out[v] = _mm256_setzero_si256();
  }
  if (lookup->count <= SQ_SNAP_U8_AVX2_STEPS) {
    /* Comparisons are of signed numbers. */
    for (int v = 0; v < vectors; v++) in[v] = _mm256_xor_si256(in[v], _mm256_set1_epi8(-128));
    for (int32_t l = 1; l < lookup->count; l++) {
      const __m256i middle = _mm256_set1_epi8(lookup->middles[l]);
      for (int v = 0; v < vectors; v++) out[v] = _mm256_sub_epi8(out[v], _mm256_cmpgt_epi8(in[v], middle));
    }
    const __m256i levels = sq_snap_u8__avx2_part(lookup, 0);
    for (int v = 0; v < vectors; v++) out[v] = _mm256_shuffle_epi8(levels, out[v]);
  } else {
    /* A code of another part has an index of 16 or more, whose upper bit is set here: a shuffle gives 0 for it. */
    const __m256i others = _mm256_set1_epi8(0x70);
    for (int part = 0; part < 16; part++) {
      const __m256i values = sq_snap_u8__avx2_part(lookup, part), base = _mm256_set1_epi8((char)(16 * part));
      for (int v = 0; v < vectors; v++) {
        const __m256i at = _mm256_adds_epu8(_mm256_xor_si256(in[v], base), others);
        out[v] = _mm256_or_si256(out[v], _mm256_shuffle_epi8(values, at));
      }
    }
  }
  for (int v = 0; v < vectors; v++) _mm256_storeu_si256((__m256i *)(void *)(y + 32 * v), out[v]);
}

static void sq_snap_u8__avx2(const void *args, int64_t begin, int64_t end, int64_t worker) {
  const sq_snap_u8_args *a = (const sq_snap_u8_args *)args;
  const int64_t first = begin * SQ_SNAP_U8_BLOCK, size = sq_min_i64(a->n, end * SQ_SNAP_U8_BLOCK) - first;
  const uint8_t *x = a->x + first;
  uint8_t *y = a->y + first;
  (void)worker;
  sq_snap_u8_avx2_lookup lookup = {.count = a->count};
  if (a->count > SQ_SNAP_U8_AVX2_STEPS) sq_snap_u8_table(a->levels, a->count, lookup.table);
  else
    for (int32_t l = 0; l < a->count; l++) {
      lookup.table[l] = a->levels[l];
      if (l > 0) lookup.middles[l] = (int8_t)(((a->levels[l - 1] + a->levels[l]) >> 1) - 128);
    }
  int64_t i = 0;
  for (; i + 128 <= size; i += 128) sq_snap_u8__avx2_vectors(x + i, y + i, 4, &lookup);
  for (; i + 32 <= size; i += 32) sq_snap_u8__avx2_vectors(x + i, y + i, 1, &lookup);
  if (i >= size) return;
  uint8_t rest[32] = {0};
  for (int64_t j = 0; j < size - i; j++) rest[j] = x[i + j];
  sq_snap_u8__avx2_vectors(rest, rest, 1, &lookup);
  for (int64_t j = 0; j < size - i; j++) y[i + j] = rest[j];
}
