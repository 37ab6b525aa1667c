#include "sq_transpose_32.h"
#include "sq_transpose_tile_32__avx512.h"

static void sq_transpose_32__avx512(const void *args, int64_t begin, int64_t end, int64_t worker) {
  const sq_transpose_args *p = (const sq_transpose_args *)args;
  const int64_t outer = p->rank - 2, rows = p->dims[outer], columns = p->dims[outer + 1];
  const int64_t step_x = p->strides_x[outer + 1], step_y = p->strides_y[outer];
  const int64_t tiles_c = sq_ceil_div_i64(columns, SQ_TRANSPOSE_TILE), tiles_r = sq_ceil_div_i64(rows, SQ_TRANSPOSE_TILE);
  (void)worker;
  for (int64_t unit = begin; unit < end; unit++) {
    int64_t index[SQ_STRIDED_RANK];
    const int64_t r0 = unit % tiles_r * SQ_TRANSPOSE_TILE, c0 = unit / tiles_r % tiles_c * SQ_TRANSPOSE_TILE;
    const int64_t height = sq_min_i64(rows - r0, SQ_TRANSPOSE_TILE), width = sq_min_i64(columns - c0, SQ_TRANSPOSE_TILE);
    sq_strided_unravel(unit / (tiles_c * tiles_r), p->dims, outer, index);
    const int32_t *x = (const int32_t *)p->x + sq_strided_dot(index, p->strides_x, outer) + r0 + c0 * step_x;
    int32_t *y = (int32_t *)p->y + sq_strided_dot(index, p->strides_y, outer) + r0 * step_y + c0;
    const __mmask16 down = (__mmask16)(0xffffu >> (16 - height)), across = (__mmask16)(0xffffu >> (16 - width));
    __m512i tile[16];
    if (width == SQ_TRANSPOSE_TILE) {
#pragma GCC unroll 16
      for (int c = 0; c < 16; c++) tile[c] = _mm512_maskz_loadu_epi32(down, x + c * step_x);
    } else {
#pragma GCC unroll 16
      for (int c = 0; c < 16; c++) tile[c] = _mm512_maskz_loadu_epi32(c < width ? down : 0, x + (c < width ? c : 0) * step_x);
    }
    sq_transpose_tile_32__avx512(tile);
    if (height == SQ_TRANSPOSE_TILE) {
#pragma GCC unroll 16
      for (int r = 0; r < 16; r++) _mm512_mask_storeu_epi32(y + r * step_y, across, tile[r]);
    } else {
#pragma GCC unroll 16
      for (int r = 0; r < 16; r++)
        if (r < height) _mm512_mask_storeu_epi32(y + r * step_y, across, tile[r]);
    }
  }
}
