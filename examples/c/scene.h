#ifndef SCENE_H
#define SCENE_H
/* What the examples segment, and how they say what came out: the same on every machine. */
#include <stddef.h>
#include <stdint.h>

enum { SCENE_SIDE = 256, SCENE_HEIGHT = 171, SCENE_WIDTH = 256, SCENE_MASK = 64 };

/* A picture as the encoder takes it, [3, SIDE, SIDE]: a bright disc on a gradient, in numbers that binary32 has exactly. */
static inline void scene_picture(float *image) {
  for (int c = 0; c < 3; c++) {
    for (int y = 0; y < SCENE_SIDE; y++) {
      for (int x = 0; x < SCENE_SIDE; x++) {
        int dx = x - 150, dy = y - 80, inside = y < SCENE_HEIGHT;
        float value = dx * dx + dy * dy < 45 * 45 ? 1.5f - (float)c * 0.5f : (float)((x + 2 * y) % 128) / 128.0f - 1.0f;
        image[(c * SCENE_SIDE + y) * SCENE_SIDE + x] = inside ? value : 0.0f;
      }
    }
  }
}

/* FNV-1a of 64 bits. */
static inline uint64_t scene_hash(const void *data, size_t bytes) {
  const unsigned char *at = (const unsigned char *)data;
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < bytes; i++) hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
  return hash;
}

/* 16 hexadecimal digits and a zero. */
static inline void scene_hex(uint64_t hash, char text[17]) {
  for (int i = 0; i < 16; i++) text[i] = "0123456789abcdef"[hash >> (60 - 4 * i) & 15];
  text[16] = 0;
}

#endif
