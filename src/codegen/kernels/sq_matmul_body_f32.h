#ifndef SQ_MATMUL_BODY_F32_H
#define SQ_MATMUL_BODY_F32_H
/* The loops of sq_matmul_f32 around the product with few columns. */
#include "sq_matmul_f32.h"

enum { sq_matmul_f32_depth = 8 }; /* rows of a transposed b brought together at a time */

/*
 * Four rows (a missing one repeats the last) by up to SQ_MATMUL_F32_COLUMNS columns. The sums stay in the level-1 cache and
 * each row of b is read in one long run: a tile of few columns would touch a page a row where n is large.
 */
SQ_UNUSED static inline void sq_matmul_f32_rows(const sq_matmul_f32_args *m, const float *a, int64_t rows, const float *b,
                                                int64_t columns, float *y) {
  float c0[SQ_MATMUL_F32_COLUMNS], c1[SQ_MATMUL_F32_COLUMNS], c2[SQ_MATMUL_F32_COLUMNS], c3[SQ_MATMUL_F32_COLUMNS];
  float together[sq_matmul_f32_depth * SQ_MATMUL_F32_COLUMNS];
  for (int64_t j = 0; j < columns; j++) c0[j] = c1[j] = c2[j] = c3[j] = 0.0f;
  const float *a0 = a, *a1 = a + sq_min_i64(1, rows - 1) * m->a_row, *a2 = a + sq_min_i64(2, rows - 1) * m->a_row;
  const float *a3 = a + sq_min_i64(3, rows - 1) * m->a_row;
  for (int64_t p = 0; p < m->k; p++) {
    const float *row = b + p * m->b_row;
    if (m->b_col != 1) {
      int64_t q = p % sq_matmul_f32_depth, depth = sq_min_i64(sq_matmul_f32_depth, m->k - p);
      if (q == 0)
        for (int64_t j = 0; j < columns; j++)
          for (int64_t d = 0; d < depth; d++) together[d * SQ_MATMUL_F32_COLUMNS + j] = row[d * m->b_row + j * m->b_col];
      row = together + q * SQ_MATMUL_F32_COLUMNS;
    }
    const float s0 = a0[p * m->a_col], s1 = a1[p * m->a_col], s2 = a2[p * m->a_col], s3 = a3[p * m->a_col];
    for (int64_t j = 0; j < columns; j++) {
      c0[j] = c0[j] + s0 * row[j];
      c1[j] = c1[j] + s1 * row[j];
      c2[j] = c2[j] + s2 * row[j];
      c3[j] = c3[j] + s3 * row[j];
    }
  }
  for (int64_t j = 0; j < columns; j++) y[j] = c0[j];
  for (int64_t j = 0; rows > 1 && j < columns; j++) y[m->y_row + j] = c1[j];
  for (int64_t j = 0; rows > 2 && j < columns; j++) y[2 * m->y_row + j] = c2[j];
  for (int64_t j = 0; rows > 3 && j < columns; j++) y[3 * m->y_row + j] = c3[j];
}

/* Four columns in a vector: every compiler that takes the rest of this code has them. */
typedef float sq_matmul_f32_four __attribute__((vector_size(16)));

enum { sq_matmul_f32_narrow_depth = 64 }; /* rows of b brought together at a time */

/* Up to SQ_MATMUL_F32_ROWS rows by up to four columns: vectors along the columns would stay empty, so rows go side by side. */
typedef void (*sq_matmul_f32_few)(const sq_matmul_f32_args *m, const float *a, int64_t rows, const float *b, int64_t columns, float *y);

SQ_UNUSED static inline void sq_matmul_f32_narrow(const sq_matmul_f32_args *m, const float *a, int64_t rows, const float *b, int64_t columns,
                                                  float *y) {
  sq_matmul_f32_four sums[SQ_MATMUL_F32_ROWS] = {{0}}, together[sq_matmul_f32_narrow_depth] = {{0}};
  for (int64_t p0 = 0; p0 < m->k; p0 += sq_matmul_f32_narrow_depth) {
    const int64_t depth = sq_min_i64(sq_matmul_f32_narrow_depth, m->k - p0);
    for (int64_t p = 0; p < depth; p++)
      for (int64_t j = 0; j < columns; j++) together[p][j] = b[(p0 + p) * m->b_row + j * m->b_col];
    for (int64_t i = 0; i < rows; i += 4) {
      const int64_t last = rows - 1 - i; /* a missing row repeats it */
      const float *a0 = a + i * m->a_row + p0 * m->a_col, *a1 = a0 + sq_min_i64(1, last) * m->a_row;
      const float *a2 = a0 + sq_min_i64(2, last) * m->a_row, *a3 = a0 + sq_min_i64(3, last) * m->a_row;
      sq_matmul_f32_four s0 = sums[i], s1 = sums[i + 1], s2 = sums[i + 2], s3 = sums[i + 3];
      for (int64_t p = 0; p < depth; p++) {
        const int64_t at = p * m->a_col;
        s0 = s0 + a0[at] * together[p];
        s1 = s1 + a1[at] * together[p];
        s2 = s2 + a2[at] * together[p];
        s3 = s3 + a3[at] * together[p];
      }
      sums[i] = s0, sums[i + 1] = s1, sums[i + 2] = s2, sums[i + 3] = s3;
    }
  }
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++) y[i * m->y_row + j] = sums[i][j];
}

__attribute__((always_inline, unused)) static inline void sq_matmul_body_f32(const sq_matmul_f32_args *m, int64_t begin, int64_t end,
                                                                             sq_matmul_f32_few narrow) {
  int64_t row_units = sq_ceil_div_i64(m->m, SQ_MATMUL_F32_ROWS), column_units = sq_ceil_div_i64(m->n, SQ_MATMUL_F32_COLUMNS);
  for (int64_t u = begin; u < end; u++) {
    int64_t t = u / (row_units * column_units);
    int64_t i0 = u / column_units % row_units * SQ_MATMUL_F32_ROWS, i1 = sq_min_i64(m->m, i0 + SQ_MATMUL_F32_ROWS);
    int64_t j0 = u % column_units * SQ_MATMUL_F32_COLUMNS, columns = sq_min_i64(SQ_MATMUL_F32_COLUMNS, m->n - j0);
    const float *a = m->a + (m->a_offsets ? m->a_offsets[t] : t * m->a_batch);
    const float *b = m->b + (m->b_offsets ? m->b_offsets[t] : t * m->b_batch);
    if (columns <= 4) {
      narrow(m, a + i0 * m->a_row, i1 - i0, b + j0 * m->b_col, columns, m->y + t * m->y_batch + i0 * m->y_row + j0);
      continue;
    }
    for (int64_t i = i0; i < i1; i += 4)
      sq_matmul_f32_rows(m, a + i * m->a_row, sq_min_i64(4, i1 - i), b + j0 * m->b_col, columns,
                         m->y + t * m->y_batch + i * m->y_row + j0);
  }
}

#endif
