/*
 * Speed of the integer kernels on one core, in 10^9 multiply-adds a second and as a share of what vpdpbusd reaches in
 * registers in the same run. A time is the sum over the units of work of each unit's least time in several passes, so that
 * what else the machine does in between counts as little as possible.
 *
 *   cc -std=c11 -O3 -ffp-contract=off -fno-math-errno -fno-trapping-math -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vbmi -mfma -mavx512vnni \
 *     -Isrc/codegen/kernels -Itests/kernels -Itests/kernels/integer bench/kernels/integer.c -o integer -lm && ./integer [part of a name]
 *
 * With -mamx-tile -mamx-int8 as well it measures the AMX kernels (beside the same peak), with -mavx2 -mfma alone the AVX2 kernels
 * (the peak is then vpmaddwd's), with -mavxvnni as well those of AVX-VNNI, without any the portable ones.
 */
#define _POSIX_C_SOURCE 199309L
#include <time.h>

#include "pack.h"
#if defined(__AMX_INT8__)
#include "sq_attention_u8__amx.c"
#include "sq_conv_u8s8__amx.c"
#include "sq_linear_u8s8__amx.c"
#define VARIANT(family) family##__amx
#define ATTENTION sq_attention_u8__amx
#define LANES 32
#elif defined(__AVX512VNNI__)
#if defined(__AVX512VBMI__)
#include "sq_attention_u8__avx512vbmi.c"
#define ATTENTION sq_attention_u8__avx512vbmi
#else
#include "sq_attention_u8__avx512vnni.c"
#define ATTENTION sq_attention_u8__avx512vnni
#endif
#include "sq_conv_u8s8__avx512vnni.c"
#include "sq_linear_u8s8__avx512vnni.c"
#define VARIANT(family) family##__avx512vnni
#define LANES 32
#elif defined(__AVXVNNI__)
#include "sq_attention_u8__avx2.c"
#include "sq_conv_u8s8__avxvnni.c"
#include "sq_linear_u8s8__avxvnni.c"
#define VARIANT(family) family##__avxvnni
#define ATTENTION sq_attention_u8__avx2
#define LANES 16
#elif defined(__AVX2__)
#include "sq_attention_u8__avx2.c"
#include "sq_conv_u8s8__avx2.c"
#include "sq_linear_u8s8__avx2.c"
#define VARIANT(family) family##__avx2
#define ATTENTION sq_attention_u8__avx2
#define LANES 16
#else
#include "sq_attention_u8.c"
#include "sq_conv_u8s8.c"
#include "sq_linear_u8s8.c"
#define VARIANT(family) family
#define ATTENTION sq_attention_u8
#define LANES 16
#endif
#include "sq_add_quantize_u8.c"
#include "sq_layer_norm_quantize_u8.c"
#include "sq_quantize_u8.c"

/* Processor time: waiting for a processor does not count. */
static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double full;
static const char *wanted = ""; /* only what has this in its name */

/* `together` units are timed at once. */
static double best(const char *what, sq_kernel kernel, const void *args, int64_t all, int64_t together) {
  if (!strstr(what, wanted)) return -1;
  const int64_t units = (all + together - 1) / together;
  double *least = (double *)check_alloc(units * (int64_t)sizeof(double)), spent = 0, sum = 0;
  for (int64_t u = 0; u < units; u++) least[u] = 1e30;
  for (int i = 0; i < 2 || (spent < 0.6 && i < 1000); i++) {
    for (int64_t u = 0; u < units; u++) {
      double start = now();
      kernel(args, u * together, (u + 1) * together < all ? (u + 1) * together : all, 0);
      double took = now() - start;
      spent += took;
      if (took < least[u]) least[u] = took;
    }
  }
  for (int64_t u = 0; u < units; u++) sum += least[u];
  free(least);
  return sum;
}

/* Multiply-adds a second of independent dot products in registers; 0 for the portable kernels. */
static double peak(void) {
  double most = 0;
#if defined(__AVX512VNNI__) || defined(__AVX2__)
  for (int repeat = 0; repeat < 20; repeat++) {
    double start = now();
#if defined(__AVX512VNNI__)
    const double macs = 16e6 * 64;
    __asm__ volatile("movl $1000000, %%eax\n"
                     "1:\n"
                     ".irp r, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
                     "vpdpbusd %%zmm31, %%zmm30, %%zmm\\r\n"
                     ".endr\n"
                     "decl %%eax\n"
                     "jnz 1b\n"
                     "vzeroupper" ::
                         : "eax", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
                           "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "cc");
#else
    /* vpmaddwd and the addition of its result. */
    const double macs = 12e6 * 16;
    __asm__ volatile("movl $1000000, %%eax\n"
                     "1:\n"
                     ".irp r, 0,1,2,3,4,5,6,7,8,9,10,11\n"
                     "vpmaddwd %%ymm13, %%ymm14, %%ymm15\n"
                     "vpaddd %%ymm15, %%ymm\\r, %%ymm\\r\n"
                     ".endr\n"
                     "decl %%eax\n"
                     "jnz 1b\n"
                     "vzeroupper" ::
                         : "eax", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
                           "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "cc");
#endif
    double rate = macs / (now() - start);
    if (rate > most) most = rate;
  }
#endif
  return most;
}

static void report(const char *what, double macs, double seconds) {
  if (seconds < 0) return;
  printf("{\"kernel\": \"%s\", \"ms\": %.3f, \"gmac_s\": %.1f", what, 1e3 * seconds, 1e-9 * macs / seconds);
  if (full > 0) printf(", \"of_peak\": %.3f", macs / seconds / full);
  printf("}\n");
}

static void *scratch(int64_t bytes) { return (void *)(((uintptr_t)check_alloc(bytes + 64) + 63) & ~(uintptr_t)63); }

static uint8_t *aligned(uint8_t *p, int64_t bytes) {
  uint8_t *to = (uint8_t *)scratch(bytes);
  memcpy(to, p, (size_t)bytes);
  free(p);
  return to;
}

static void linear(int64_t m, int64_t n, int64_t k, int bits, int activation, int f32) {
  int8_t *w = (int8_t *)check_random_u8(n * k, 0, 255);
  if (bits < 8)
    for (int64_t i = 0; i < n * k; i++) w[i] = (int8_t)(w[i] % (1 << (bits - 1)));
  int32_t *bias = check_random_s32(n, -1000, 1000);
  float *mult = check_random_f32(n, 1e-4f, 2e-4f);
  int64_t bytes = (n + LANES - 1) / LANES * ((LANES * 8 + (k + 3) / 4 * 4 * LANES * bits / 8 + 63) / 64 * 64);
  uint8_t *packed = aligned(pack_linear_u8s8(w, bias, mult, n, k, LANES, bits), bytes), *x = check_random_u8(m * k, 0, 255);
  sq_linear_u8s8_args a = {.x = x, .x_stride = k, .weights = packed, .m = m, .n = n, .k = k, .weight_bits = bits,
                           .activation = activation, .y_u8_stride = n, .y_f32_stride = n, .residual_stride = n,
                           .out_inv_scale = 1, .out_zp = 128, .out_qmax = 255};
  float *y = f32 ? check_random_f32(m * n, 0, 1) : NULL;
  uint8_t *codes = (uint8_t *)check_alloc(m * n);
  if (f32) a.y_f32 = y, a.residual = y;
  else a.y_u8 = codes;
  a.scratch = (uint8_t *)scratch(sq_linear_u8s8_scratch_bytes(&a));
  char what[96];
  snprintf(what, sizeof what, "linear %lldx%lldx%lld w%d%s%s", (long long)m, (long long)n, (long long)k, bits,
           activation == SQ_EPILOGUE_GELU ? " gelu" : "", f32 ? " + f32" : "");
  report(what, (double)m * (double)n * (double)k, best(what, VARIANT(sq_linear_u8s8), &a, sq_linear_u8s8_units(&a), 1));
  free(w), free(bias), free(mult), free(x), free(y), free(codes);
}

static void conv(int64_t size, int64_t c, int64_t n, int64_t kernel) {
  int64_t k = kernel * kernel * c;
  int8_t *w = (int8_t *)check_random_u8(n * k, 0, 255);
  int32_t *bias = check_random_s32(n, -1000, 1000);
  float *mult = check_random_f32(n, 1e-4f, 2e-4f);
  sq_conv_u8s8_args a = {.x_stride = c, .batch = 1, .h = size, .w = size, .c = c, .out_h = size, .out_w = size, .n = n, .kernel_h = kernel,
                         .kernel_w = kernel, .stride_h = 1, .stride_w = 1, .dilation_h = 1, .dilation_w = 1, .pad_top = kernel / 2,
                         .pad_left = kernel / 2, .zp_x = 3, .weight_bits = 8, .y_u8_stride = n, .out_inv_scale = 1, .out_zp = 9,
                         .out_qmax = 255};
  a.x = check_random_u8(size * size * c, 0, 255), a.weights = pack_linear_u8s8(w, bias, mult, n, k, LANES, 8);
  a.y_u8 = (uint8_t *)check_alloc(size * size * n), a.scratch = (uint8_t *)scratch(sq_conv_u8s8_scratch_bytes(&a));
  char what[96];
  snprintf(what, sizeof what, "conv %lldx%lldx%lld -> %lld, %lldx%lld", (long long)size, (long long)size, (long long)c, (long long)n,
           (long long)kernel, (long long)kernel);
  report(what, (double)(size * size * n) * (double)k, best(what, VARIANT(sq_conv_u8s8), &a, sq_conv_u8s8_units(&a), 1));
  free(w), free(bias), free(mult);
}

/* One attention of ViT-B: global (window 0) or in windows; or any other without relative positions (grid 0). */
static void attention(const char *name, int64_t heads, int64_t m, int64_t n, int64_t c, int64_t grid, int64_t window, int kind,
                      int codes) {
  int64_t side = window > 0 ? window : grid, tokens_q = grid > 0 ? grid * grid : m, tokens_k = grid > 0 ? grid * grid : n;
  if (side > 0) m = n = side * side;
  sq_attention_u8_args a = {.batch = 1, .heads = heads, .m = m, .n = n, .c = c, .cv = c, .zq = 120, .k_offset = 128, .zv = 131,
                            .kind = kind, .logit_scale = 2e-5f, .t_scale = 16 * 1.44269502f, .tau = 16, .levels = 1 << codes,
                            .agq_scale = 1e-5f, .out_mul = 1, .v_scale = 1, .out_zp = 128, .out_qmax = 255, .rel_h_scale = 1e-5f,
                            .rel_w_scale = 1e-5f, .rel_qw = side, .rel_kh = side, .rel_kw = side};
  int16_t *table = (int16_t *)check_alloc(2 * a.levels);
  for (int i = 0; i < a.levels; i++) table[i] = (int16_t)(kind == SQ_ATTENTION_ROW_UNIFORM ? i : lrint(32767 * pow(2, -i / 16.0)));
  if (kind != SQ_ATTENTION_ROW_UNIFORM) table[a.levels - 1] = 0;
  a.table = table;
  /* As after one fused qkv projection. */
  int64_t row = 3 * heads * c;
  uint8_t *q = check_random_u8(tokens_q * row, 0, 255), *k = tokens_q == tokens_k ? q + heads * c : check_random_u8(tokens_k * row, 0, 255);
  a.q = q, a.k = k, a.v = k + heads * c, a.q_row = a.k_row = a.v_row = row, a.out_row = heads * c;
  a.q_batch = tokens_q * row, a.k_batch = a.v_batch = tokens_k * row, a.out_batch = tokens_q * heads * c;
  a.k_pad = check_random_u8(heads * c, 0, 255), a.v_pad = check_random_u8(heads * c, 0, 255);
  if (side > 0) {
    int8_t *table_s8 = (int8_t *)check_random_u8(side * side * c, 0, 255);
    a.rel_h = pack_relative_u8(table_s8, side, side, c, a.zq), a.rel_w = pack_relative_u8(table_s8, side, side, c, a.zq);
    free(table_s8);
  }
  if (window > 0) a.grid_h = a.grid_w = grid, a.win_h = a.win_w = window;
  a.out_u8 = (uint8_t *)check_alloc(tokens_q * heads * c), a.scratch = (uint8_t *)scratch(sq_attention_u8_scratch_bytes(&a));
  double pairs = (double)heads * (double)m * (double)n * (double)sq_attention_u8_windows(&a);
  report(name, pairs * (double)(2 * c), best(name, ATTENTION, &a, sq_attention_u8_units(&a), sq_attention_u8_groups(&a)));
}

/* Passes over memory: GB/s of float32 read. */
static void elementwise(void) {
  int64_t m = 4096, k = 768;
  float *x = check_random_f32(m * k, -3, 3), *gamma = check_random_f32(k, 0, 1);
  uint8_t *y = (uint8_t *)check_alloc(m * k);
  sq_quantize_u8_args q = {.x = x, .y = y, .n = m * k, .inv_scale = 30, .zp = 100, .qmax = 255};
  sq_layer_norm_quantize_u8_args l = {.x = x, .x_stride = k, .gamma = gamma, .beta = gamma, .m = m, .k = k, .eps = 1e-6f, .inv_scale = 30,
                                      .zp = 100, .qmax = 255, .y_u8 = y, .y_u8_stride = k};
  sq_add_quantize_u8_args a = {.a = x, .b = gamma, .a_stride = k, .b_rows = 1, .m = m, .n = k, .inv_scale = 30, .zp = 100, .qmax = 255,
                               .y_u8 = y, .y_u8_stride = k};
  double bytes = 4.0 * (double)(m * k);
  const struct {
    const char *name;
    sq_kernel kernel;
    const void *args;
    int64_t units;
  } passes[] = {{"quantize", sq_quantize_u8, &q, sq_quantize_u8_units(&q)},
                {"add and quantize", sq_add_quantize_u8, &a, sq_add_quantize_u8_units(&a)},
                {"LayerNorm and quantize", sq_layer_norm_quantize_u8, &l, sq_layer_norm_quantize_u8_units(&l)}};
  for (int i = 0; i < 3; i++) {
    double took = best(passes[i].name, passes[i].kernel, passes[i].args, passes[i].units, 1);
    if (took > 0) printf("{\"kernel\": \"%s 4096x768\", \"ms\": %.3f, \"gb_s\": %.1f}\n", passes[i].name, 1e3 * took, 1e-9 * bytes / took);
  }
}

#if defined(__AVX512VNNI__)
/* q k^T alone, K = 64: 4096 queries of one head in tiles of 14 against 4096 packed keys. */
static void scores(void) {
  const char *what = "q k^T 14x4096x64, 32-bit sums";
  if (!strstr(what, wanted)) return;
  uint8_t *q = check_random_u8(14 * 64, 0, 255);
  int8_t *k = (int8_t *)aligned(check_random_u8(4096 * 64, 0, 255), 4096 * 64);
  int32_t terms[32] = {0}, acc[14 * 32];
  volatile int64_t depth = 64; /* not a constant to the compiler, as in the kernel */
  double least = 1e30;
  for (int repeat = 0; repeat < 2000; repeat++) {
    double start = now();
    for (int64_t j = 0; j < 4096; j += 32) sq_gemm_u8s8__avx512vnni_tile(14, q, depth, depth, terms, k + j * depth, acc, 32);
    double took = now() - start;
    if (took < least) least = took;
    check_hash(acc, sizeof acc);
  }
  report(what, 14.0 * 4096 * 64, least);
}
#endif

int main(int argc, char **argv) {
  if (argc > 1) wanted = argv[1];
  full = peak();
  if (full > 0) printf("{\"kernel\": \"dot products in registers\", \"gmac_s\": %.1f, \"of_peak\": 1}\n", 1e-9 * full);
  linear(4096, 2304, 768, 8, 0, 0);
  linear(4096, 768, 3072, 8, 0, 1);
  linear(4096, 3072, 768, 8, SQ_EPILOGUE_GELU, 0);
  linear(4096, 3072, 768, 8, 0, 0);
  linear(4096, 768, 768, 8, 0, 1);
  linear(4096, 768, 768, 6, 0, 0);
  linear(4096, 768, 768, 4, 0, 0);
  for (int64_t m = 1; m <= 13; m += 3) linear(m, 2048, 256, 8, 0, 0);
  conv(64, 256, 256, 3);
#if defined(__AVX512VNNI__)
  scores();
#endif
  attention("attention ViT-B global, row_log2, 8-bit codes", 12, 0, 0, 64, 64, 0, SQ_ATTENTION_ROW_LOG2, 8);
  attention("attention ViT-B global, row_log2, 4-bit codes", 12, 0, 0, 64, 64, 0, SQ_ATTENTION_ROW_LOG2, 4);
  attention("attention ViT-B global, row_uniform, 8-bit codes", 12, 0, 0, 64, 64, 0, SQ_ATTENTION_ROW_UNIFORM, 8);
  attention("attention ViT-B global, agq, 8-bit codes", 12, 0, 0, 64, 64, 0, SQ_ATTENTION_AGQ, 8);
  attention("attention ViT-B windows, row_log2, 8-bit codes", 12, 0, 0, 64, 64, 14, SQ_ATTENTION_ROW_LOG2, 8);
  attention("attention decoder, 7 tokens to 4096, row_log2", 8, 7, 4096, 16, 0, 0, SQ_ATTENTION_ROW_LOG2, 8);
  attention("attention decoder, 4096 to 7 tokens, row_log2", 8, 4096, 7, 16, 0, 0, SQ_ATTENTION_ROW_LOG2, 8);
  elementwise();
  return 0;
}
