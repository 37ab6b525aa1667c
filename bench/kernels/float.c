/*
 * Speed of the float kernels at the sizes of SAM ViT-B (1024 x 1024 image), on one thread, as GMAC/s and as a share of the
 * multiply-add peak that a loop without memory reaches in the same run (for kernels that do not fuse, half of it is the most
 * that is possible). Prints one JSON line a measurement.
 */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sq_kernel.h"
#if defined(__AVX512F__)
#define ISA(name) name##__avx512
#define NR 32
#include "sq_attention_f32__avx512.c"
#include "sq_attention_f32_fast__avx512.c"
#include "sq_layer_norm_f32__avx512.c"
#include "sq_conv_f32__avx512.c"
#include "sq_conv_f32_fast__avx512.c"
#include "sq_linear_f32__avx512.c"
#include "sq_linear_f32_fast__avx512.c"
#elif defined(__AVX2__)
#define ISA(name) name##__avx2
#define NR 16
#include "sq_attention_f32__avx2.c"
#include "sq_attention_f32_fast__avx2.c"
#include "sq_layer_norm_f32__avx2.c"
#include "sq_conv_f32__avx2.c"
#include "sq_conv_f32_fast__avx2.c"
#include "sq_linear_f32__avx2.c"
#include "sq_linear_f32_fast__avx2.c"
#else
#define ISA(name) name
#define NR 16
#include "sq_attention_f32.c"
#include "sq_attention_f32_fast.c"
#include "sq_conv_f32.c"
#include "sq_conv_f32_fast.c"
#include "sq_linear_f32.c"
#include "sq_linear_f32_fast.c"
#endif
#if !defined(__AVX2__)
#include "sq_layer_norm_f32.c"
#endif
#include "sq_conv_nd_f32.c"
#include "sq_conv_transpose_nd_f32.c"
#include "sq_gelu_f32.c"
#include "sq_matmul_f32.c"
#include "sq_resize_bilinear_f32.c"
#include "sq_softmax_f32.c"

static double peak = 0;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static float *values(int64_t count) {
  float *p = aligned_alloc(64, ((size_t)count * sizeof *p + 63) / 64 * 64);
  uint32_t s = 1;
  for (int64_t i = 0; i < count; i++) {
    s = s * 1664525u + 1013904223u;
    p[i] = (float)(s >> 8) * (1.0f / 8388608.0f) - 1.0f;
  }
  return p;
}

enum { PIECES = 64 };

/*
 * Time of running all units, for about 1.5 seconds: in 64 pieces, the best processor time of each, so that other work on the
 * machine disturbs little.
 */
static double best(sq_kernel kernel, const void *args, int64_t units) {
  double least[PIECES], start = now(), sum = 0;
  int64_t pieces = sq_min_i64(units, PIECES);
  for (int64_t i = 0; i < pieces; i++) least[i] = 1e9;
  do {
    for (int64_t i = 0; i < pieces; i++) {
      double t = now();
      kernel(args, i * units / pieces, (i + 1) * units / pieces, 0);
      t = now() - t;
      if (t < least[i]) least[i] = t;
    }
  } while (now() - start < 1.5);
  for (int64_t i = 0; i < pieces; i++) sum += least[i];
  return sum;
}

static void report(const char *name, const char *shape, double seconds, double macs, double bytes) {
  printf("{\"kernel\": \"%s\", \"shape\": \"%s\", \"ms\": %.4f", name, shape, seconds * 1e3);
  if (macs > 0) printf(", \"gmac_s\": %.2f, \"of_peak\": %.3f", macs / seconds * 1e-9, macs / seconds * 1e-9 / peak);
  if (bytes > 0) printf(", \"gb_s\": %.2f", bytes / seconds * 1e-9);
  printf("}\n");
  fflush(stdout);
}

static void measure_peak(void) {
  double macs = 0;
  for (int repeat = 0; repeat < 20; repeat++) {
    const int64_t steps = 2000000;
    double t = now(), lanes = 1;
#if defined(__AVX512F__)
    lanes = 16;
    __m512 a[24], x = _mm512_set1_ps(0.5f), y = _mm512_set1_ps(0.25f);
    for (int i = 0; i < 24; i++) a[i] = _mm512_set1_ps((float)i);
    for (int64_t s = 0; s < steps; s++) {
#pragma GCC unroll 24
      for (int i = 0; i < 24; i++) a[i] = _mm512_fmadd_ps(a[i], x, y);
    }
    for (int i = 1; i < 24; i++) a[0] = _mm512_add_ps(a[0], a[i]);
    volatile float sink = _mm512_cvtss_f32(a[0]);
#elif defined(__AVX2__)
    lanes = 8;
    __m256 a[12], x = _mm256_set1_ps(0.5f), y = _mm256_set1_ps(0.25f);
    for (int i = 0; i < 12; i++) a[i] = _mm256_set1_ps((float)i);
    for (int64_t s = 0; s < 2 * steps; s++) {
#pragma GCC unroll 12
      for (int i = 0; i < 12; i++) a[i] = _mm256_fmadd_ps(a[i], x, y);
    }
    for (int i = 1; i < 12; i++) a[0] = _mm256_add_ps(a[0], a[i]);
    volatile float sink = _mm256_cvtss_f32(a[0]);
#else
    lanes = 4; /* the base instruction set: a multiply and an add */
    float a[96] = {0};
    for (int64_t s = 0; s < steps / 4; s++)
      for (int i = 0; i < 24; i++) a[i] = a[i] * 0.5f + 0.25f;
    volatile float sink = a[3];
    lanes = 0.25;
#endif
    (void)sink;
    t = now() - t;
    double rate = 24.0 * lanes * (double)steps / t;
    if (rate > macs) macs = rate;
  }
  peak = macs * 1e-9;
  printf("{\"peak_gmac_s\": %.2f}\n", peak);
}

static void linear(int64_t m, int64_t n, int64_t k, int32_t activation, int with_residual) {
  float *x = values(m * k), *packed = values((n + NR) * (k + 1)), *y = values(m * n);
  sq_linear_f32_args a = {x, k, packed, with_residual ? y : NULL, n, y, n, m, n, k, activation, NULL, 0};
  a.scratch = malloc((size_t)sq_linear_f32_scratch_bytes(&a) + 1);
  char shape[64];
  snprintf(shape, sizeof shape, "%dx%dx%d%s", (int)m, (int)n, (int)k, activation ? " gelu" : with_residual ? " residual" : "");
  double macs = (double)m * (double)n * (double)k;
  report("linear_f32_fast", shape, best(ISA(sq_linear_f32_fast), &a, sq_linear_f32_units(&a)), macs, 0);
  report("linear_f32", shape, best(ISA(sq_linear_f32), &a, sq_linear_f32_units(&a)), macs, 0);
  free(x), free(packed), free(y), free(a.scratch);
}

static void conv(int64_t size, int64_t c, int64_t oc, int64_t kernel, int64_t stride, int64_t pad) {
  sq_conv_f32_args a = {0};
  a.batch = 1, a.in_h = a.in_w = size, a.in_c = c, a.out_c = oc, a.kernel_h = a.kernel_w = kernel;
  a.stride_h = a.stride_w = stride, a.dilation_h = a.dilation_w = 1, a.pad_top = a.pad_left = pad;
  a.out_h = a.out_w = (size + 2 * pad - kernel) / stride + 1;
  float *x = values(size * size * c), *packed = values((oc + NR) * (kernel * kernel * c + 1)), *y = values(a.out_h * a.out_w * oc);
  a.x = x, a.packed = packed, a.y = y, a.scratch = malloc((size_t)sq_conv_f32_scratch_bytes(&a));
  char shape[64];
  snprintf(shape, sizeof shape, "%dx%dx%d -> %d, %dx%d/%d", (int)size, (int)size, (int)c, (int)oc, (int)kernel, (int)kernel, (int)stride);
  double macs = (double)(a.out_h * a.out_w) * (double)(oc * kernel * kernel * c);
  report("conv_f32_fast", shape, best(ISA(sq_conv_f32_fast), &a, sq_conv_f32_units(&a)), macs, 0);
  report("conv_f32", shape, best(ISA(sq_conv_f32), &a, sq_conv_f32_units(&a)), macs, 0);
  free(x), free(packed), free(y), free(a.scratch);
}

static void attention(int64_t heads, int64_t m, int64_t n, int64_t c, int64_t rel, int64_t window) {
  sq_attention_f32_args a = {0};
  int64_t tokens = window ? 4096 : n > m ? n : m, channels = heads * c;
  float *qkv = values(tokens * 3 * channels), *out = values(tokens * channels), *pad = values(channels);
  float *table = values(rel * rel * c + 1);
  a.q = qkv, a.k = qkv + channels, a.v = qkv + 2 * channels, a.q_row = a.k_row = a.v_row = 3 * channels;
  a.out = out, a.out_row = channels, a.batch = 1, a.heads = heads, a.m = m, a.n = n, a.c = a.cv = c, a.scale = 0.125f;
  if (rel) a.rel_h = a.rel_w = table, a.rel_qw = a.rel_kh = a.rel_kw = rel;
  if (window) a.grid_h = a.grid_w = 64, a.win_h = a.win_w = window, a.k_pad = a.v_pad = pad;
  a.scratch = malloc((size_t)sq_attention_f32_scratch_bytes(&a));
  char shape[64];
  snprintf(shape, sizeof shape, "%d heads %dx%dx%d%s%s", (int)heads, (int)m, (int)n, (int)c, rel ? " rel" : "", window ? " windows" : "");
  double macs = 2.0 * (double)sq_attention_f32_windows(&a) * (double)heads * (double)m * (double)n * (double)c;
  report("attention_f32_fast", shape, best(ISA(sq_attention_f32_fast), &a, sq_attention_f32_units(&a)), macs, 0);
  report("attention_f32", shape, best(ISA(sq_attention_f32), &a, sq_attention_f32_units(&a)), macs, 0);
  free(qkv), free(out), free(pad), free(table), free(a.scratch);
}

static void rows(void) {
  int64_t count = 4096 * 768;
  float *x = values(count), *y = values(count), *g = values(768);
  sq_layer_norm_f32_args norm = {x, 768, g, g, y, 768, 4096, 768, 1e-6f};
  report("layer_norm_f32", "4096x768", best(ISA(sq_layer_norm_f32), &norm, sq_layer_norm_f32_units(&norm)), 0, (double)count * 8);
  sq_gelu_f32_args gelu = {x, y, count, SQ_GELU_F32_ERF};
  report("gelu_f32", "4096x768", best(sq_gelu_f32, &gelu, sq_gelu_f32_units(&gelu)), 0, (double)count * 8);
  sq_softmax_f32_args soft = {x, 4096, y, 4096, 768, 4096};
  report("softmax_f32", "768x4096", best(sq_softmax_f32, &soft, sq_softmax_f32_units(&soft)), 0, (double)count * 8);
  sq_resize_bilinear_f32_args resize = {x, y, 3, 256, 256, 1000, 1000, 1, 0.256f, 0.5f, -0.5f, 0.256f, 0.5f, -0.5f,
                                        (uint8_t *)values(4000), 0};
  report("resize_bilinear_f32", "3x256x256 -> 1000x1000", best(sq_resize_bilinear_f32, &resize, sq_resize_bilinear_f32_units(&resize)), 0, 3 * 4e6);
  sq_matmul_f32_args product = {x, NULL, 0, 32, 1, y, NULL, 0, 65536, 1, x + 4096, 0, 65536, 1, 4, 65536, 32};
  float *wide = values(4 * 65536);
  product.y = wide;
  report("matmul_f32", "4x65536x32", best(sq_matmul_f32, &product, sq_matmul_f32_units(&product)), 4.0 * 65536 * 32, 0);
  sq_conv_transpose_nd_f32_args up = {x, g, g, y, 1, 64, 32, 1, {1, 128, 128}, {1, 256, 256}, {1, 2, 2}, {1, 2, 2}, {1, 1, 1}, {0}, 0};
  float *w = values(4 * 64 * 32);
  up.weight = w;
  report("conv_transpose_nd_f32", "128x128x64 -> 32, 2x2/2", best(sq_conv_transpose_nd_f32, &up, sq_conv_transpose_nd_f32_units(&up)), 65536.0 * 64 * 32, 0);
  sq_conv_nd_f32_args depthwise = {x, g, g, y, 1, 64, 64, 64, {1, 128, 128}, {1, 128, 128}, {1, 3, 3}, {1, 1, 1}, {1, 1, 1}, {0, 1, 1}, 0};
  report("conv_nd_f32", "128x128x64 depthwise 3x3", best(sq_conv_nd_f32, &depthwise, sq_conv_nd_f32_units(&depthwise)), 128.0 * 128 * 64 * 9, 0);
  free(x), free(y), free(g), free(w), free(wide);
}

int main(int argc, char **argv) {
  char only = argc > 1 ? argv[1][0] : 0;
  measure_peak();
  if (!only || only == 'l') {
    linear(4096, 2304, 768, SQ_ACTIVATION_NONE, 0);
    linear(4096, 768, 768, SQ_ACTIVATION_NONE, 1);
    linear(4096, 3072, 768, SQ_ACTIVATION_GELU_ERF, 0);
    linear(4096, 768, 3072, SQ_ACTIVATION_NONE, 1);
    linear(4096, 256, 256, SQ_ACTIVATION_NONE, 0);
    linear(7, 2048, 256, SQ_ACTIVATION_RELU, 0);
    linear(1, 256, 256, SQ_ACTIVATION_NONE, 0);
  }
  if (!only || only == 'c') {
    conv(1024, 3, 768, 16, 16, 0);
    conv(64, 256, 256, 3, 1, 1);
  }
  if (!only || only == 'a') {
    attention(12, 4096, 4096, 64, 64, 0);
    attention(12, 4096, 4096, 64, 0, 0);
    attention(12, 196, 196, 64, 14, 14);
    attention(8, 7, 4096, 16, 0, 0);
    attention(8, 4096, 7, 16, 0, 0);
  }
  if (!only || only == 'r') rows();
  return 0;
}
