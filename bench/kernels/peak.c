/*
 * The most multiply-adds a second that one core reaches in registers, in the 8-bit and the float form of AVX-512 or AVX2: sums
 * that do not wait for each other, no memory. Prints one JSON line a form; processor time, best of 60 pieces of some 4 ms.
 */
#define _POSIX_C_SOURCE 199309L
#include <stdint.h>
#include <stdio.h>
#include <time.h>

enum { PIECES = 60, STEPS = 1000000 };

/* STEPS times `body` for each of the registers. In assembly: a compiler may keep the sums in memory. */
#define PIECE(registers, body)                                                                                          \
  __asm__ volatile("movl %0, %%eax\n"                                                                                   \
                   "1:\n"                                                                                               \
                   ".irp r, " registers "\n" body "\n"                                                                  \
                   ".endr\n"                                                                                            \
                   "decl %%eax\n"                                                                                       \
                   "jnz 1b\n"                                                                                           \
                   "vzeroupper" ::"i"(STEPS)                                                                            \
                   : "eax", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",    \
                     "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "cc")

#if defined(__AVX512VNNI__)
#define ALL "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15"
static void integers(void) { PIECE(ALL, "vpdpbusd %%zmm31, %%zmm30, %%zmm\\r"); }
static void floats(void) { PIECE(ALL, "vfmadd231ps %%zmm31, %%zmm30, %%zmm\\r"); }
static const struct {
  const char *name;
  void (*run)(void);
  double macs; /* of a step */
} FORMS[] = {{"vpdpbusd", integers, 16 * 64}, {"vfmadd231ps", floats, 16 * 16}};
#elif defined(__AVX2__) && defined(__FMA__)
#define ALL "0,1,2,3,4,5,6,7,8,9,10,11"
static void integers(void) { PIECE(ALL, "vpmaddwd %%ymm13, %%ymm14, %%ymm15\nvpaddd %%ymm15, %%ymm\\r, %%ymm\\r"); }
static void floats(void) { PIECE(ALL, "vfmadd231ps %%ymm13, %%ymm14, %%ymm\\r"); }
static const struct {
  const char *name;
  void (*run)(void);
  double macs;
} FORMS[] = {{"vpmaddwd", integers, 12 * 16}, {"vfmadd231ps", floats, 12 * 8}};
#else
#error "for AVX-512 VNNI or AVX2"
#endif

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(void) {
  for (int form = 0; form < 2; form++) {
    double least = 1e9;
    for (int piece = 0; piece < PIECES; piece++) {
      const double start = now();
      FORMS[form].run();
      const double took = now() - start;
      least = took < least ? took : least;
    }
    printf("{\"loop\": \"%s\", \"gmac_s\": %.2f}\n", FORMS[form].name, 1e-9 * FORMS[form].macs * STEPS / least);
  }
  return 0;
}
