/* oneDNN's bare u8 x s8 product (Debian libdnnl-dev) at the sizes of ViT-B's layers, one thread: the peer of integer.c. */
#define _POSIX_C_SOURCE 200112L
#include <oneapi/dnnl/dnnl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(void) {
  static const int SHAPES[][3] = {{4096, 2304, 768}, {4096, 768, 3072}, {4096, 3072, 768}, {4096, 768, 768}};
  setenv("OMP_NUM_THREADS", "1", 1);
  for (int i = 0; i < 4; i++) {
    const dnnl_dim_t m = SHAPES[i][0], n = SHAPES[i][1], k = SHAPES[i][2];
    uint8_t *x = (uint8_t *)malloc((size_t)(m * k));
    int8_t *w = (int8_t *)malloc((size_t)(n * k));
    int32_t *y = (int32_t *)malloc((size_t)(m * n) * sizeof(int32_t)), zero = 0;
    if (!x || !w || !y) return 1;
    for (dnnl_dim_t j = 0; j < m * k; j++) x[j] = (uint8_t)(j * 37 % 251);
    for (dnnl_dim_t j = 0; j < n * k; j++) w[j] = (int8_t)(j * 91 % 253 - 126);
    double least = 1e9;
    for (int repeat = 0; repeat < 6; repeat++) {
      const double start = now();
      if (dnnl_gemm_u8s8s32('N', 'T', 'F', m, n, k, 1.0f, x, k, 0, w, k, 0, 0.0f, y, n, &zero) != dnnl_success) return 1;
      const double took = now() - start;
      least = took < least ? took : least;
    }
    printf("{\"kernel\": \"dnnl_gemm_u8s8s32\", \"shape\": \"%dx%dx%d\", \"ms\": %.3f, \"gmac_s\": %.1f}\n", (int)m, (int)n, (int)k,
           1e3 * least, 1e-9 * (double)m * (double)n * (double)k / least);
    free(x), free(w), free(y);
  }
  return 0;
}
