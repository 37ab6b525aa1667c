/*
 * In place of src/codegen/kernels/sq_amx.h (the compiler's -include; the guard keeps the other out): AMX's tiles in plain C,
 * for machines without them. As Intel's manual defines TILELOADD, TILESTORED and TDPBUSD for tiles of 16 rows of 64 bytes.
 */
#ifndef SQ_AMX_H
#define SQ_AMX_H
#include <stdint.h>
#include <string.h>

#define SQ_AMX

static __thread uint8_t amx_tiles[8][16][64];
static __thread int amx_ready;

__attribute__((unused)) static int sq_amx_begin(void) {
  memset(amx_tiles, 0, sizeof amx_tiles);
  return amx_ready = 1;
}
__attribute__((unused)) static void sq_amx_end(void) { amx_ready = 0; }

__attribute__((unused)) static void sq_amx_load(int tile, const void *base, int64_t stride) {
  if (!amx_ready) __builtin_trap();
  for (int64_t r = 0; r < 16; r++) memcpy(amx_tiles[tile][r], (const uint8_t *)base + r * stride, 64);
}
__attribute__((unused)) static void sq_amx_store(int tile, void *base, int64_t stride) {
  if (!amx_ready) __builtin_trap();
  for (int64_t r = 0; r < 16; r++) memcpy((uint8_t *)base + r * stride, amx_tiles[tile][r], 64);
}
__attribute__((unused)) static void sq_amx_dot(int c, int a, int b) {
  for (int i = 0; i < 16; i++)
    for (int j = 0; j < 16; j++) {
      int32_t sum;
      memcpy(&sum, &amx_tiles[c][i][4 * j], 4);
      for (int g = 0; g < 16; g++)
        for (int e = 0; e < 4; e++) sum += amx_tiles[a][i][4 * g + e] * (int8_t)amx_tiles[b][g][4 * j + e];
      memcpy(&amx_tiles[c][i][4 * j], &sum, 4);
    }
}
#endif
