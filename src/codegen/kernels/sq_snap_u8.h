#ifndef SQ_SNAP_U8_H
#define SQ_SNAP_U8_H
/*
 * sq_snap_u8:  y[i] = the nearest of levels[0 .. count) to x[i]; of two as near the lower
 *
 * x, y u8 [n], contiguous; y may be x. levels ascending, 1 <= count <= 256. So few levels as b bits can name are what a
 * b-bit code of uneven steps stands for, decoded: the integer products read them as they read any 8-bit codes.
 * A unit is a block of 4096 elements.
 */
#include "sq_kernel.h"

#define SQ_SNAP_U8_BLOCK 4096

typedef struct {
  const uint8_t *x;
  uint8_t *y;
  const uint8_t *levels;
  int64_t n;
  int32_t count;
} sq_snap_u8_args;

/* The level of every code. */
SQ_UNUSED static inline void sq_snap_u8_table(const uint8_t *levels, int32_t count, uint8_t table[256]) {
  for (int32_t code = 0, l = 0; code < 256; code++) {
    while (l + 1 < count && code > (levels[l] + levels[l + 1]) >> 1) l++;
    table[code] = levels[l];
  }
}

SQ_UNUSED static inline int64_t sq_snap_u8_units(const sq_snap_u8_args *a) { return sq_ceil_div_i64(a->n, SQ_SNAP_U8_BLOCK); }

#endif
