#ifndef SQ_GEMM_PANEL_U8S8__AVX2_H
#define SQ_GEMM_PANEL_U8S8__AVX2_H
/* What the integer linear and convolution share on AVX2: rows of codes times blocks of channels, and the epilogue. */
#include "sq_gemm_u8s8.h"
#include "sq_gemm_u8s8__avx2.h"

typedef struct {
  const uint8_t *x; /* rows of codes, x_stride apart */
  int64_t x_stride, k;
  const uint8_t *weights; /* all blocks of n channels (sq_linear_u8s8.h) */
  int64_t n;
  int32_t weight_bits;
  uint8_t *unpacked; /* room for two blocks, for fewer than 8 bits */
} sq_gemm_panel_u8s8__avx2;

/*
 * Many rows: codes and weights are widened once for all that they are multiplied with, sixteen bits [K2][16][2] for each block:
 * a register holds pairs of eight channels, and its sums need no adding up.
 */
enum {
  SQ_GEMM_PANEL_U8S8__AVX2_ROWS = 112, /* most rows */
  SQ_GEMM_PANEL_U8S8__AVX2_MANY = 18,  /* rows from which widening weights pays */
  SQ_GEMM_PANEL_U8S8__AVX2_BLOCKS = 4, /* widened together */
  SQ_GEMM_PANEL_U8S8__AVX2_NR = SQ_GEMM_U8S8__AVX2_NR * SQ_GEMM_PANEL_U8S8__AVX2_BLOCKS,
  SQ_GEMM_PANEL_U8S8__AVX2_DEPTH = 256,                                /* and so deep: 32 KB */
  SQ_GEMM_PANEL_U8S8__AVX2_STRIDE = SQ_GEMM_PANEL_U8S8__AVX2_DEPTH + 32 /* between rows of widened codes */
};

/* Groups of four of a block to pairs. */
SQ_UNUSED static inline void sq_gemm_panel_u8s8__avx2_spread(const int8_t *values, int64_t groups, int16_t *to) {
  for (int64_t g = 0; g < groups; g++, values += 64, to += 64) {
    for (int half = 0; half < 2; half++) {
      const __m128i *four = (const __m128i *)(const void *)(values + 32 * half);
      const __m256 a = _mm256_castsi256_ps(_mm256_cvtepi8_epi16(_mm_loadu_si128(four)));
      const __m256 b = _mm256_castsi256_ps(_mm256_cvtepi8_epi16(_mm_loadu_si128(four + 1)));
      const __m256i first = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0x88)), second = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0xdd));
      _mm256_storeu_si256((__m256i *)(void *)(to + 16 * half), _mm256_permute4x64_epi64(first, 0xd8));
      _mm256_storeu_si256((__m256i *)(void *)(to + 32 + 16 * half), _mm256_permute4x64_epi64(second, 0xd8));
    }
  }
}

typedef int32_t sq_gemm_panel_u8s8__avx2_pair __attribute__((aligned(1), may_alias));

/* acc[r][j] = init[r * init_stride + j] + the products of `pairs` pairs; rows is a constant where this is called. */
SQ_UNUSED static inline __attribute__((always_inline)) void sq_gemm_panel_u8s8__avx2_rows(const int rows, const int16_t *x, int64_t pairs,
                                                                                          const int32_t *init, int64_t init_stride,
                                                                                          const int16_t *wide, int32_t *acc) {
  __m256i c0[6], c1[6];
#pragma GCC unroll 6
  for (int r = 0; r < rows; r++) {
    c0[r] = _mm256_loadu_si256((const __m256i *)(const void *)(init + r * init_stride));
    c1[r] = _mm256_loadu_si256((const __m256i *)(const void *)(init + r * init_stride + 8));
  }
  for (const int16_t *end = wide + 32 * pairs; wide < end; wide += 32, x += 2) {
    const __m256i w0 = _mm256_loadu_si256((const __m256i *)(const void *)wide);
    const __m256i w1 = _mm256_loadu_si256((const __m256i *)(const void *)(wide + 16));
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++) {
      const int16_t *at = x + r * SQ_GEMM_PANEL_U8S8__AVX2_STRIDE;
      const __m256i a = _mm256_set1_epi32(*(const sq_gemm_panel_u8s8__avx2_pair *)(const void *)at);
      sq_gemm_u8s8__avx2_add(&c0[r], _mm256_madd_epi16(a, w0));
      sq_gemm_u8s8__avx2_add(&c1[r], _mm256_madd_epi16(a, w1));
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < rows; r++) {
    _mm256_storeu_si256((__m256i *)(void *)(acc + r * SQ_GEMM_PANEL_U8S8__AVX2_NR), c0[r]);
    _mm256_storeu_si256((__m256i *)(void *)(acc + r * SQ_GEMM_PANEL_U8S8__AVX2_NR + 8), c1[r]);
  }
}

SQ_UNUSED static __attribute__((noinline)) void sq_gemm_panel_u8s8__avx2_tile(int64_t rows, const int16_t *x, int64_t pairs,
                                                                              const int32_t *init, int64_t init_stride,
                                                                              const int16_t *wide, int32_t *acc) {
#define SQ_GEMM_PANEL_U8S8__AVX2_CASE(ROWS) \
  case ROWS: sq_gemm_panel_u8s8__avx2_rows(ROWS, x, pairs, init, init_stride, wide, acc); break;
  switch (rows) {
    SQ_GEMM_PANEL_U8S8__AVX2_CASE(1)
    SQ_GEMM_PANEL_U8S8__AVX2_CASE(2)
    SQ_GEMM_PANEL_U8S8__AVX2_CASE(3)
    SQ_GEMM_PANEL_U8S8__AVX2_CASE(4)
    SQ_GEMM_PANEL_U8S8__AVX2_CASE(5)
    SQ_GEMM_PANEL_U8S8__AVX2_CASE(6)
    default: break;
  }
#undef SQ_GEMM_PANEL_U8S8__AVX2_CASE
}

/* acc [rows][NR] of `blocks` blocks: values[b] those of a block, init [NR] what its sums start with. */
SQ_UNUSED static __attribute__((noinline)) void sq_gemm_panel_u8s8__avx2_many(const sq_gemm_panel_u8s8__avx2 *g, int64_t rows, int64_t blocks,
                                                                              const int8_t *const *values, const int32_t *init,
                                                                              int32_t *acc) {
  enum { DEPTH = SQ_GEMM_PANEL_U8S8__AVX2_DEPTH, STRIDE = SQ_GEMM_PANEL_U8S8__AVX2_STRIDE, PANEL = SQ_GEMM_PANEL_U8S8__AVX2_NR };
  enum { MR = SQ_GEMM_U8S8__AVX2_MR, NR = SQ_GEMM_U8S8__AVX2_NR };
  int16_t wide[DEPTH * PANEL], codes[MR * STRIDE];
  for (int64_t p = 0; p == 0 || p < g->k; p += DEPTH) {
    const int64_t count = sq_min_i64(DEPTH, g->k - p), groups = sq_ceil_div_i64(count, 4);
    for (int64_t b = 0; b < blocks; b++) sq_gemm_panel_u8s8__avx2_spread(values[b] + p * NR, groups, wide + b * DEPTH * NR);
    for (int64_t i = 0; i < rows; i += MR) {
      const int64_t some = sq_min_i64(MR, rows - i);
      sq_gemm_u8s8__avx2_widen(some, g->x + i * g->x_stride + p, g->x_stride, count, codes, STRIDE);
      for (int64_t b = 0; b < blocks; b++) {
        int32_t *to = acc + i * PANEL + b * NR;
        sq_gemm_panel_u8s8__avx2_tile(some, codes, 2 * groups, p == 0 ? init + b * NR : to, p == 0 ? 0 : PANEL, wide + b * DEPTH * NR, to);
      }
    }
  }
}

/* Rows [row0, row0 + rows) of the result, rows <= ROWS, of blocks [block, block_end); g->x is the first row. */
SQ_UNUSED static void sq_gemm_panel_u8s8__avx2_run(const sq_gemm_panel_u8s8__avx2 *g, const sq_epilogue_u8s8 *epilogue, int64_t row0,
                                                   int64_t rows, int64_t block, int64_t block_end) {
  enum { MR = SQ_GEMM_U8S8__AVX2_MR, NR = SQ_GEMM_U8S8__AVX2_NR, PANEL = SQ_GEMM_PANEL_U8S8__AVX2_NR };
  const int64_t block_bytes = sq_gemm_u8s8_block_bytes(NR, g->k, g->weight_bits), unpacked_bytes = sq_ceil_div_i64(g->k, 4) * 4 * NR;
  const int64_t together = rows < SQ_GEMM_PANEL_U8S8__AVX2_MANY ? 1 : g->weight_bits == 8 ? SQ_GEMM_PANEL_U8S8__AVX2_BLOCKS : 2;
  int32_t init[PANEL], acc[SQ_GEMM_PANEL_U8S8__AVX2_ROWS * PANEL];
  float mult[PANEL];
  for (; block < block_end; block += together) {
    const int64_t blocks = sq_min_i64(together, block_end - block), channels = sq_min_i64(blocks * NR, g->n - block * NR);
    const int8_t *values[SQ_GEMM_PANEL_U8S8__AVX2_BLOCKS];
    for (int64_t b = 0; b < blocks; b++) {
      const uint8_t *packed = g->weights + (block + b) * block_bytes;
      values[b] = sq_gemm_u8s8_values(packed, NR, g->k, g->weight_bits, g->unpacked ? g->unpacked + b * unpacked_bytes : NULL);
      for (int j = 0; j < NR; j++) init[b * NR + j] = ((const int32_t *)(const void *)packed)[j];
      for (int j = 0; j < NR; j++) mult[b * NR + j] = ((const float *)(const void *)packed)[NR + j];
    }
    if (together == 1) {
      for (int64_t i = 0; i < rows; i += MR)
        sq_gemm_u8s8__avx2_codes(sq_min_i64(MR, rows - i), g->x + i * g->x_stride, g->x_stride, g->k, init, values[0], acc + i * NR);
    } else {
      sq_gemm_panel_u8s8__avx2_many(g, rows, blocks, values, init, acc);
    }
    const int64_t stride = together == 1 ? NR : PANEL;
    for (int64_t j = 0; j < channels; j += NR)
      sq_epilogue_u8s8_run(epilogue, acc + j, stride, mult + j, row0, rows, block * NR + j, sq_min_i64(NR, channels - j));
  }
}

#endif
