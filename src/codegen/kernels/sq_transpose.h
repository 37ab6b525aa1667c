#ifndef SQ_TRANSPOSE_H
#define SQ_TRANSPOSE_H
/*
 * SQ_DEFINE_TRANSPOSE(bits): kernel sq_transpose_<bits>, a strided copy as sq_copy_<bits>, for views whose last axis but
 * one is contiguous in x and whose last axis is contiguous in y (NCHW <-> NHWC and the like; rank >= 2). It goes by
 * tiles of SQ_TRANSPOSE_TILE square, so that both sides are read and written by whole cache lines, along the contiguous axis of
 * x: a processor foresees 16 streams of reads, not hundreds. Unit: a tile.
 */
#include "sq_strided.h"
#include "sq_types.h"

#define SQ_TRANSPOSE_TILE 16 /* a cache line of 32-bit elements */

typedef struct {
  const void *x;
  void *y;
  int64_t rank;
  const int64_t *dims, *strides_x, *strides_y;
} sq_transpose_args;

SQ_UNUSED static inline int64_t sq_transpose_units(const sq_transpose_args *p) {
  return sq_strided_product(p->dims, p->rank - 2) * sq_ceil_div_i64(p->dims[p->rank - 2], SQ_TRANSPOSE_TILE) *
         sq_ceil_div_i64(p->dims[p->rank - 1], SQ_TRANSPOSE_TILE);
}

/* height and width are constants where that is worth a copy of this. */
#define SQ_DEFINE_TRANSPOSE(bits) \
  static inline __attribute__((always_inline)) void sq_transpose_tile_##bits( \
      const SQ_C_##bits *x, int64_t step_x, SQ_C_##bits *restrict y, int64_t step_y, int64_t height, int64_t width) { \
    SQ_C_##bits tile[SQ_TRANSPOSE_TILE][SQ_TRANSPOSE_TILE + 64 / sizeof(SQ_C_##bits)]; \
    for (int64_t c = 0; c < width; c++) \
      for (int64_t r = 0; r < height; r++) tile[c][r] = x[c * step_x + r]; \
    for (int64_t r = 0; r < height; r++) \
      for (int64_t c = 0; c < width; c++) y[r * step_y + c] = tile[c][r]; \
  } \
  SQ_KERNEL_SIGNATURE(sq_transpose_##bits) { \
    const sq_transpose_args *p = (const sq_transpose_args *)args; \
    const int64_t outer = p->rank - 2, rows = p->dims[outer], columns = p->dims[outer + 1]; \
    const int64_t step_x = p->strides_x[outer + 1], step_y = p->strides_y[outer]; \
    const int64_t tiles_c = sq_ceil_div_i64(columns, SQ_TRANSPOSE_TILE); \
    const int64_t tiles_r = sq_ceil_div_i64(rows, SQ_TRANSPOSE_TILE); \
    (void)worker; \
    for (int64_t unit = begin; unit < end; unit++) { \
      int64_t index[SQ_STRIDED_RANK]; \
      const int64_t r0 = unit % tiles_r * SQ_TRANSPOSE_TILE, c0 = unit / tiles_r % tiles_c * SQ_TRANSPOSE_TILE; \
      const int64_t height = sq_min_i64(rows - r0, SQ_TRANSPOSE_TILE); \
      const int64_t width = sq_min_i64(columns - c0, SQ_TRANSPOSE_TILE); \
      sq_strided_unravel(unit / (tiles_c * tiles_r), p->dims, outer, index); \
      const SQ_C_##bits *x = \
          (const SQ_C_##bits *)p->x + sq_strided_dot(index, p->strides_x, outer) + r0 + c0 * step_x; \
      SQ_C_##bits *restrict y = \
          (SQ_C_##bits *)p->y + sq_strided_dot(index, p->strides_y, outer) + r0 * step_y + c0; \
      if (height == SQ_TRANSPOSE_TILE && width == SQ_TRANSPOSE_TILE) { \
        sq_transpose_tile_##bits(x, step_x, y, step_y, SQ_TRANSPOSE_TILE, SQ_TRANSPOSE_TILE); \
      } else if (height == 4 && width == SQ_TRANSPOSE_TILE) { \
        sq_transpose_tile_##bits(x, step_x, y, step_y, 4, SQ_TRANSPOSE_TILE); \
      } else if (height == SQ_TRANSPOSE_TILE && width == 4) { \
        sq_transpose_tile_##bits(x, step_x, y, step_y, SQ_TRANSPOSE_TILE, 4); \
      } else { \
        sq_transpose_tile_##bits(x, step_x, y, step_y, height, width); \
      } \
    } \
  }

#endif
