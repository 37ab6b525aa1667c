#include "sq_matmul_f32.h"

/* Up to 4 rows by 16 columns whose b elements are contiguous. */
static inline void sq_matmul_f32_tile(int64_t k, const float *restrict a, int64_t a_row, int64_t a_col,
                                      const float *restrict b, int64_t b_row, float *restrict y, int64_t y_row) {
  float c0[16] = {0}, c1[16] = {0}, c2[16] = {0}, c3[16] = {0};
  for (int64_t p = 0; p < k; p++) {
    const float *ap = a + p * a_col, *bp = b + p * b_row;
    for (int j = 0; j < 16; j++) c0[j] = c0[j] + ap[0] * bp[j];
    for (int j = 0; j < 16; j++) c1[j] = c1[j] + ap[a_row] * bp[j];
    for (int j = 0; j < 16; j++) c2[j] = c2[j] + ap[2 * a_row] * bp[j];
    for (int j = 0; j < 16; j++) c3[j] = c3[j] + ap[3 * a_row] * bp[j];
  }
  for (int j = 0; j < 16; j++) {
    y[j] = c0[j];
    y[y_row + j] = c1[j];
    y[2 * y_row + j] = c2[j];
    y[3 * y_row + j] = c3[j];
  }
}

static inline void sq_matmul_f32_row(int64_t k, const float *restrict a, int64_t a_col, const float *restrict b,
                                     int64_t b_row, float *restrict y) {
  float c[16] = {0};
  for (int64_t p = 0; p < k; p++)
    for (int j = 0; j < 16; j++) c[j] = c[j] + a[p * a_col] * b[p * b_row + j];
  for (int j = 0; j < 16; j++) y[j] = c[j];
}

static void sq_matmul_f32(const void *args, int64_t begin, int64_t end, int64_t worker) {
  const sq_matmul_f32_args *m = (const sq_matmul_f32_args *)args;
  (void)worker;
  int64_t row_units = sq_ceil_div_i64(m->m, SQ_MATMUL_F32_ROWS), column_units = sq_ceil_div_i64(m->n, SQ_MATMUL_F32_COLUMNS);
  for (int64_t u = begin; u < end; u++) {
    int64_t t = u / (row_units * column_units);
    int64_t i0 = u / column_units % row_units * SQ_MATMUL_F32_ROWS, i1 = sq_min_i64(m->m, i0 + SQ_MATMUL_F32_ROWS);
    int64_t j0 = u % column_units * SQ_MATMUL_F32_COLUMNS, j1 = sq_min_i64(m->n, j0 + SQ_MATMUL_F32_COLUMNS);
    const float *a = m->a + (m->a_offsets ? m->a_offsets[t] : t * m->a_batch);
    const float *b = m->b + (m->b_offsets ? m->b_offsets[t] : t * m->b_batch);
    float *y = m->y + t * m->y_batch;
    int64_t j = j0;
    for (; m->b_col == 1 && j + 16 <= j1; j += 16) {
      int64_t i = i0;
      for (; i + 4 <= i1; i += 4)
        sq_matmul_f32_tile(m->k, a + i * m->a_row, m->a_row, m->a_col, b + j, m->b_row, y + i * m->y_row + j, m->y_row);
      for (; i < i1; i++) sq_matmul_f32_row(m->k, a + i * m->a_row, m->a_col, b + j, m->b_row, y + i * m->y_row + j);
    }
    for (; j < j1; j++)
      for (int64_t i = i0; i < i1; i++) {
        float c = 0.0f;
        for (int64_t p = 0; p < m->k; p++) c = c + a[i * m->a_row + p * m->a_col] * b[p * m->b_row + j * m->b_col];
        y[i * m->y_row + j] = c;
      }
  }
}
