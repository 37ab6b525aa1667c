#include <wasm_simd128.h>
/* It brings stdbool.h; elsewhere bool is the name of an element type, which macros paste. */
#undef bool

#include "sq_matmul_body_f32.h"

/* Four rows: each number of a is spread over a vector as it is loaded. The steps of k are in `columns4`. */
static inline void sq_matmul_f32__simd128_rows(const float *a, intptr_t a_row, intptr_t depth, const v128_t *columns4, v128_t sums[4]) {
  const float *a1 = a + a_row, *a2 = a1 + a_row, *a3 = a2 + a_row;
  v128_t s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];
  for (intptr_t p = 0; p < depth; p++) {
    const v128_t b = columns4[p];
    s0 = wasm_f32x4_add(s0, wasm_f32x4_mul(wasm_v128_load32_splat(a + p), b));
    s1 = wasm_f32x4_add(s1, wasm_f32x4_mul(wasm_v128_load32_splat(a1 + p), b));
    s2 = wasm_f32x4_add(s2, wasm_f32x4_mul(wasm_v128_load32_splat(a2 + p), b));
    s3 = wasm_f32x4_add(s3, wasm_f32x4_mul(wasm_v128_load32_splat(a3 + p), b));
  }
  sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
}

/* Whole groups of four contiguous rows; what else there is goes through the portable form. */
static void sq_matmul_f32__simd128_narrow(const sq_matmul_f32_args *m, const float *a, int64_t rows, const float *b, int64_t columns,
                                          float *y) {
  if (m->a_col != 1 || columns != 4) {
    sq_matmul_f32_narrow(m, a, rows, b, columns, y);
    return;
  }
  const int64_t whole = rows / 4 * 4;
  v128_t sums[SQ_MATMUL_F32_ROWS], together[sq_matmul_f32_narrow_depth];
  for (int64_t i = 0; i < whole; i++) sums[i] = wasm_f32x4_const_splat(0.0f);
  for (int64_t p0 = 0; p0 < m->k; p0 += sq_matmul_f32_narrow_depth) {
    const int64_t depth = sq_min_i64(sq_matmul_f32_narrow_depth, m->k - p0);
    for (int64_t p = 0; p < depth; p++) {
      const float *from = b + (p0 + p) * m->b_row;
      together[p] = wasm_f32x4_make(from[0], from[m->b_col], from[2 * m->b_col], from[3 * m->b_col]);
    }
    for (int64_t i = 0; i < whole; i += 4)
      sq_matmul_f32__simd128_rows(a + i * m->a_row + p0, (intptr_t)m->a_row, (intptr_t)depth, together, sums + i);
  }
  for (int64_t i = 0; i < whole; i++) wasm_v128_store(y + i * m->y_row, sums[i]);
  if (whole < rows) sq_matmul_f32_narrow(m, a + whole * m->a_row, rows - whole, b, columns, y + whole * m->y_row);
}

static void sq_matmul_f32__simd128(const void *args, int64_t begin, int64_t end, int64_t worker) {
  (void)worker;
  sq_matmul_body_f32((const sq_matmul_f32_args *)args, begin, end, sq_matmul_f32__simd128_narrow);
}
