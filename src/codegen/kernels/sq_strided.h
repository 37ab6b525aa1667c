#ifndef SQ_STRIDED_H
#define SQ_STRIDED_H
/*
 * Walking the rows of strided views. A view is dims[rank] (1 <= rank <= 8) with one stride an axis, in elements; stride 0
 * repeats. A row is the last axis, cut into segments of at most SQ_STRIDED_BLOCK elements; a segment is the unit of work
 * of the elementwise and copy kernels, in row-major order.
 */
#include "sq_kernel.h"

#define SQ_STRIDED_RANK 8
#define SQ_STRIDED_BLOCK 4096

SQ_UNUSED static inline int64_t sq_strided_product(const int64_t *dims, int64_t rank) {
  int64_t product = 1;
  for (int64_t axis = 0; axis < rank; axis++) product *= dims[axis];
  return product;
}
/* Coordinates of `flat` in dims[0 .. rank). */
SQ_UNUSED static inline void sq_strided_unravel(int64_t flat, const int64_t *dims, int64_t rank, int64_t *index) {
  for (int64_t axis = rank - 1; axis >= 0; axis--) {
    index[axis] = dims[axis] > 0 ? flat % dims[axis] : 0;
    flat = dims[axis] > 0 ? flat / dims[axis] : 0;
  }
}
/* The next coordinates in row-major order. */
SQ_UNUSED static inline void sq_strided_advance(const int64_t *dims, int64_t rank, int64_t *index) {
  for (int64_t axis = rank - 1; axis >= 0; axis--) {
    if (++index[axis] < dims[axis]) return;
    index[axis] = 0;
  }
}
SQ_UNUSED static inline int64_t sq_strided_dot(const int64_t *index, const int64_t *strides, int64_t rank) {
  int64_t offset = 0;
  for (int64_t axis = 0; axis < rank; axis++) offset += index[axis] * strides[axis];
  return offset;
}

typedef struct {
  const int64_t *dims;
  int64_t rank, block;
  int64_t index[SQ_STRIDED_RANK]; /* of the segment's first element */
  int64_t count;                  /* elements of the segment */
  int64_t flat;                   /* row-major position of the segment's first element */
} sq_strided_walk;

/* The unit-th segment of at most `block` elements; `sq_strided_blocks` of them. */
SQ_UNUSED static inline int64_t sq_strided_blocks(const int64_t *dims, int64_t rank, int64_t block) {
  return sq_strided_product(dims, rank - 1) * sq_ceil_div_i64(dims[rank - 1], block);
}
SQ_UNUSED static inline sq_strided_walk sq_strided_seek(const int64_t *dims, int64_t rank, int64_t block, int64_t unit) {
  sq_strided_walk walk = {dims, rank, block, {0}, 0, 0};
  int64_t length = dims[rank - 1], blocks = sq_ceil_div_i64(length, block);
  if (blocks == 0) return walk;
  int64_t row = unit / blocks, at = (unit % blocks) * block;
  sq_strided_unravel(row, dims, rank - 1, walk.index);
  walk.index[rank - 1] = at;
  walk.count = sq_min_i64(length - at, block);
  walk.flat = row * length + at;
  return walk;
}
SQ_UNUSED static inline void sq_strided_next(sq_strided_walk *walk) {
  int64_t last = walk->rank - 1, length = walk->dims[last];
  walk->flat += walk->count;
  walk->index[last] += walk->count;
  if (walk->index[last] >= length) {
    walk->index[last] = 0;
    sq_strided_advance(walk->dims, last, walk->index);
  }
  walk->count = sq_min_i64(length - walk->index[last], walk->block);
}
SQ_UNUSED static inline int64_t sq_strided_offset(const sq_strided_walk *walk, const int64_t *strides) {
  return sq_strided_dot(walk->index, strides, walk->rank);
}

SQ_UNUSED static inline int64_t sq_strided_units(const int64_t *dims, int64_t rank) {
  return sq_strided_blocks(dims, rank, SQ_STRIDED_BLOCK);
}
SQ_UNUSED static inline sq_strided_walk sq_strided_start(const int64_t *dims, int64_t rank, int64_t unit) {
  return sq_strided_seek(dims, rank, SQ_STRIDED_BLOCK, unit);
}

#endif
