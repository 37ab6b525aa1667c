#include "sq_matmul_body_f32.h"
#include "sq_transpose_tile_32__avx512.h"

/* Up to 16 rows by up to four columns: a vector of rows for each column, 16 elements of each row turned at a time. */
static inline void sq_matmul_f32__avx512_narrow(const sq_matmul_f32_args *m, const float *a, int64_t rows, const float *b, int64_t columns,
                                                float *y) {
  if (m->a_col != 1) {
    sq_matmul_f32_narrow(m, a, rows, b, columns, y);
    return;
  }
  __m512 sums[4];
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++) sums[j] = _mm512_setzero_ps();
  for (int64_t p0 = 0; p0 < m->k; p0 += 16) {
    const int64_t depth = sq_min_i64(16, m->k - p0);
    const __mmask16 mask = (__mmask16)(0xffffu >> (16 - depth));
    __m512i tile[16];
#pragma GCC unroll 16
    for (int r = 0; r < 16; r++) tile[r] = _mm512_maskz_loadu_epi32(mask, a + (r < rows ? r : 0) * m->a_row + p0);
    sq_transpose_tile_32__avx512(tile);
    float columnwise[16][16], together[16][4] = {{0}};
    for (int64_t p = 0; p < depth; p++)
      for (int64_t j = 0; j < columns; j++) together[p][j] = b[(p0 + p) * m->b_row + j * m->b_col];
#pragma GCC unroll 16
    for (int p = 0; p < 16; p++) _mm512_storeu_si512(columnwise[p], tile[p]);
    for (int64_t p = 0; p < depth; p++) {
      const __m512 x = _mm512_loadu_ps(columnwise[p]);
#pragma GCC unroll 4
      for (int j = 0; j < 4; j++) sums[j] = _mm512_add_ps(sums[j], _mm512_mul_ps(x, _mm512_set1_ps(together[p][j])));
    }
  }
  const __m512 low01 = _mm512_unpacklo_ps(sums[0], sums[1]), high01 = _mm512_unpackhi_ps(sums[0], sums[1]);
  const __m512 low23 = _mm512_unpacklo_ps(sums[2], sums[3]), high23 = _mm512_unpackhi_ps(sums[2], sums[3]);
  /* Lane l of turned[i]: the columns of row 4l + i. */
  float turned[4][16];
  _mm512_storeu_ps(turned[0], _mm512_shuffle_ps(low01, low23, 0x44));
  _mm512_storeu_ps(turned[1], _mm512_shuffle_ps(low01, low23, 0xee));
  _mm512_storeu_ps(turned[2], _mm512_shuffle_ps(high01, high23, 0x44));
  _mm512_storeu_ps(turned[3], _mm512_shuffle_ps(high01, high23, 0xee));
  const __mmask8 kept = (__mmask8)((1u << columns) - 1u);
  for (int64_t r = 0; r < rows; r++) _mm_mask_storeu_ps(y + r * m->y_row, kept, _mm_loadu_ps(turned[r & 3] + (r & ~(int64_t)3)));
}

static void sq_matmul_f32__avx512(const void *args, int64_t begin, int64_t end, int64_t worker) {
  (void)worker;
  sq_matmul_body_f32((const sq_matmul_f32_args *)args, begin, end, sq_matmul_f32__avx512_narrow);
}
