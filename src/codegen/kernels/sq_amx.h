#ifndef SQ_AMX_H
#define SQ_AMX_H
/*
 * The tile registers of Intel's AMX, all eight with 16 rows of 64 bytes. Linux lends them to a process that asks; where it
 * does not (the processor has none, an old kernel, a sandbox, another system), sq_amx_begin is 0 and they must not be touched.
 */
#include <immintrin.h>

#include "sq_kernel.h"

/* Of every function that uses tiles: the file is compiled for processors that may not have them. */
#define SQ_AMX __attribute__((target("amx-tile,amx-int8")))

/* Tile numbers are literals. The intrinsics do not all tell the compiler that they read or write memory. */
#define sq_amx_load(tile, base, stride) \
  do { \
    __asm__ volatile("" ::: "memory"); \
    _tile_loadd(tile, base, stride); \
  } while (0)
#define sq_amx_store(tile, base, stride) \
  do { \
    _tile_stored(tile, base, stride); \
    __asm__ volatile("" ::: "memory"); \
  } while (0)
/* c[i][j] += sum_{g < 16, e < 4} a[i][4g + e] * b[g][4j + e], a unsigned, b signed, c 32 bits. */
#define sq_amx_dot(c, a, b) _tile_dpbusd(c, a, b)

SQ_UNUSED static int sq_amx_ask(void) {
#if defined(__linux__)
  long result = 158; /* arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) */
  __asm__ volatile("syscall" : "+a"(result) : "D"(0x1023L), "S"(18L) : "rcx", "r11", "memory");
  return result == 0;
#else
  return 0;
#endif
}

/* Makes the tiles ready for this thread; 0 where it may not use them. */
SQ_UNUSED SQ_AMX static __attribute__((noinline)) int sq_amx_begin(void) {
  static int answer; /* 0: nobody has asked yet; 1: no; 2: yes */
  int known = __atomic_load_n(&answer, __ATOMIC_RELAXED);
  if (known == 0) {
    known = 1 + sq_amx_ask();
    __atomic_store_n(&answer, known, __ATOMIC_RELAXED);
  }
  if (known == 1) return 0;
  static const uint8_t config[64] = {1,  0, 0,  0, 0,  0, 0,  0, 0,  0, 0,  0, 0,  0, 0,  0, 64, 0, 64, 0, 64, 0, 64, 0, 64, 0, 64, 0, 64, 0, 64, 0,
                                     0,  0, 0,  0, 0,  0, 0,  0, 0,  0, 0,  0, 0,  0, 0,  0, 16, 16, 16, 16, 16, 16, 16, 16};
  _tile_loadconfig(config);
  return 1;
}

SQ_UNUSED SQ_AMX static __attribute__((noinline)) void sq_amx_end(void) { _tile_release(); }

#endif
