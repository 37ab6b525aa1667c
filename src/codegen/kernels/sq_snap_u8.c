#include "sq_snap_u8.h"

enum { SQ_SNAP_U8_CHUNK = 64, SQ_SNAP_U8_STEPS = 24 };

/* Few levels: one comparison for each step between two, over a chunk at a time, which compilers turn into vector code. */
static void sq_snap_u8_by_steps(const uint8_t *x, uint8_t *y, int64_t n, const uint8_t *levels, int32_t count) {
  for (int64_t i = 0; i < n; i += SQ_SNAP_U8_CHUNK) {
    const int64_t size = sq_min_i64(SQ_SNAP_U8_CHUNK, n - i);
    uint8_t in[SQ_SNAP_U8_CHUNK] = {0}, out[SQ_SNAP_U8_CHUNK];
    for (int64_t j = 0; j < size; j++) in[j] = x[i + j];
    for (int j = 0; j < SQ_SNAP_U8_CHUNK; j++) out[j] = levels[0];
    for (int32_t l = 1; l < count; l++) {
      const uint8_t middle = (uint8_t)((levels[l - 1] + levels[l]) >> 1), step = (uint8_t)(levels[l] - levels[l - 1]);
      for (int j = 0; j < SQ_SNAP_U8_CHUNK; j++) out[j] = (uint8_t)(out[j] + (in[j] > middle ? step : 0));
    }
    for (int64_t j = 0; j < size; j++) y[i + j] = out[j];
  }
}

/* Many levels: a table. */
static void sq_snap_u8_by_table(const uint8_t *x, uint8_t *y, int64_t n, const uint8_t *levels, int32_t count) {
  uint8_t table[256];
  sq_snap_u8_table(levels, count, table);
  for (int64_t i = 0; i < n; i++) y[i] = table[x[i]];
}

static void sq_snap_u8(const void *args, int64_t begin, int64_t end, int64_t worker) {
  const sq_snap_u8_args *a = (const sq_snap_u8_args *)args;
  const int64_t first = begin * SQ_SNAP_U8_BLOCK, size = sq_min_i64(a->n, end * SQ_SNAP_U8_BLOCK) - first;
  (void)worker;
  if (a->count <= SQ_SNAP_U8_STEPS) sq_snap_u8_by_steps(a->x + first, a->y + first, size, a->levels, a->count);
  else sq_snap_u8_by_table(a->x + first, a->y + first, size, a->levels, a->count);
}
