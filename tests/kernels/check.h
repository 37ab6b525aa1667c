#ifndef SQ_TESTS_CHECK_H
#define SQ_TESTS_CHECK_H
/*
 * What every kernel test needs: seeded random data, buffers of exactly the asked size (so that AddressSanitizer sees a
 * read one element too far), comparison by bytes and within a tolerance, and a runner that splits the units of a kernel
 * at random. A test ends with `return check_finish();`.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sq_kernel.h"

static uint64_t check_state = 0x9e3779b97f4a7c15u;
static int check_failures = 0;
static int64_t check_comparisons = 0;
static uint64_t check_digest = 0xcbf29ce484222325u;

SQ_UNUSED static void check_seed(uint64_t seed) { check_state = seed * 0x9e3779b97f4a7c15u + 1; }

/* xorshift64*, the upper 32 bits. */
SQ_UNUSED static uint32_t check_u32(void) {
  check_state ^= check_state >> 12;
  check_state ^= check_state << 25;
  check_state ^= check_state >> 27;
  return (uint32_t)((check_state * 0x2545f4914f6cdd1du) >> 32);
}

/* Uniform in [low, high], both ends included. */
SQ_UNUSED static int64_t check_int(int64_t low, int64_t high) {
  return low + (int64_t)(check_u32() % (uint64_t)(high - low + 1));
}

SQ_UNUSED static float check_f32(float low, float high) {
  return low + (high - low) * ((float)(check_u32() >> 8) * (1.0f / 16777216.0f));
}

/* Exactly `bytes` bytes (malloc, so that the sanitizer guards both ends); filled with a pattern that is NaN as float. */
SQ_UNUSED static void *check_alloc(int64_t bytes) {
  void *p = malloc(bytes > 0 ? (size_t)bytes : 1);
  if (!p) {
    fprintf(stderr, "check_alloc: out of memory (%lld bytes)\n", (long long)bytes);
    exit(2);
  }
  memset(p, 0xff, bytes > 0 ? (size_t)bytes : 1);
  return p;
}

SQ_UNUSED static float *check_alloc_f32(int64_t count) { return (float *)check_alloc(count * (int64_t)sizeof(float)); }

SQ_UNUSED static float *check_random_f32(int64_t count, float low, float high) {
  float *p = check_alloc_f32(count);
  for (int64_t i = 0; i < count; i++) p[i] = check_f32(low, high);
  return p;
}

/* Bytes in [low, high], to be read as u8 or s8. */
SQ_UNUSED static uint8_t *check_random_u8(int64_t count, int low, int high) {
  uint8_t *p = (uint8_t *)check_alloc(count);
  for (int64_t i = 0; i < count; i++) p[i] = (uint8_t)check_int(low, high);
  return p;
}

SQ_UNUSED static int32_t *check_random_s32(int64_t count, int32_t low, int32_t high) {
  int32_t *p = (int32_t *)check_alloc(count * (int64_t)sizeof(int32_t));
  for (int64_t i = 0; i < count; i++) p[i] = (int32_t)check_int(low, high);
  return p;
}

SQ_UNUSED static void check_true(const char *what, int condition) {
  check_comparisons++;
  if (!condition) {
    check_failures++;
    printf("FAIL %s\n", what);
  }
}

/* FNV-1a of everything compared so far; the driver holds it equal over compilers and ISAs for exact kernels. */
SQ_UNUSED static void check_hash(const void *data, int64_t bytes) {
  const uint8_t *p = (const uint8_t *)data;
  for (int64_t i = 0; i < bytes; i++) check_digest = (check_digest ^ p[i]) * 0x100000001b3u;
}

SQ_UNUSED static void check_bytes(const char *what, const void *expected, const void *actual, int64_t bytes) {
  check_comparisons++;
  const uint8_t *e = (const uint8_t *)expected, *a = (const uint8_t *)actual;
  for (int64_t i = 0; i < bytes; i++) {
    if (e[i] != a[i]) {
      check_failures++;
      printf("FAIL %s: byte %lld of %lld is %u, expected %u\n", what, (long long)i, (long long)bytes, a[i], e[i]);
      return;
    }
  }
}

/* |actual - expected| <= absolute + relative * |expected| everywhere; NaN equals only NaN. */
SQ_UNUSED static void check_close(const char *what, const float *expected, const float *actual, int64_t count,
                                  double absolute, double relative) {
  check_comparisons++;
  for (int64_t i = 0; i < count; i++) {
    double e = (double)expected[i], a = (double)actual[i];
    if (e == a || (isnan(e) && isnan(a))) continue;
    if (!(fabs(a - e) <= absolute + relative * fabs(e))) {
      check_failures++;
      printf("FAIL %s: element %lld of %lld is %.9g, expected %.9g\n", what, (long long)i, (long long)count, a, e);
      return;
    }
  }
}

/*
 * Runs units [0, units) of a kernel in up to four ranges cut at random, last range first, on the workers 0 and 1. Leaves the
 * generator as it was: the data of a test do not depend on how many variants this CPU can run.
 */
SQ_UNUSED static void check_run(sq_kernel kernel, const void *args, int64_t units) {
  uint64_t state = check_state;
  int64_t end = units;
  for (int piece = 0; piece < 4 && end > 0; piece++) {
    int64_t begin = piece == 3 ? 0 : check_int(0, end);
    kernel(args, begin, end, piece & 1);
    end = begin;
  }
  check_state = state;
}

SQ_UNUSED static int check_finish(void) {
  printf("comparisons %lld failures %d digest %016llx\n", (long long)check_comparisons, check_failures,
         (unsigned long long)check_digest);
  return check_failures == 0 && check_comparisons > 0 ? 0 : 1;
}

#endif
