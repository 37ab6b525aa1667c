/*
 * sq_linear_u8s8 and sq_conv_u8s8, a variant against the portable kernel by bytes. Compiled with -DLINEAR, -DCONV (the
 * variant's functions), -DLINEAR_FILE, -DCONV_FILE, -DTEST_NR, -DTEST_KR, -DTEST_PANEL where it packs x; without them the
 * portable kernels run against themselves with another split of the units, and the digest is what other compilers must match.
 */
#include "pack.h"
#include "sq_conv_u8s8.c"
#include "sq_linear_u8s8.c"
#ifdef LINEAR
#include LINEAR_FILE
#include CONV_FILE
#else
#define LINEAR sq_linear_u8s8
#define CONV sq_conv_u8s8
#define TEST_NR 16
#define TEST_KR 4
#endif

/* Scratch that the variant wants besides, for its panel of x. */
static int64_t panel_bytes(int64_t k, int64_t rows) {
#ifdef TEST_PANEL
  return sq_gemm_panel_u8s8_scratch(k, rows);
#else
  return (void)k, (void)rows, 0;
#endif
}

typedef struct {
  uint8_t *u8;
  float *f32;
  int64_t u8_bytes, f32_bytes;
} result;

static result result_alloc(int64_t rows, int64_t n, int64_t u8_stride, int64_t f32_stride, int u8, int f32) {
  result r = {NULL, NULL, 0, 0};
  r.u8_bytes = u8 ? (rows - 1) * u8_stride + n : 0;
  r.f32_bytes = f32 ? 4 * ((rows - 1) * f32_stride + n) : 0;
  if (u8) r.u8 = (uint8_t *)check_alloc(r.u8_bytes);
  if (f32) r.f32 = (float *)check_alloc(r.f32_bytes);
  return r;
}

static void result_compare(const char *what, result e, result a) {
  if (e.u8) check_bytes(what, e.u8, a.u8, e.u8_bytes);
  if (e.f32) check_bytes(what, e.f32, a.f32, e.f32_bytes);
  check_hash(e.u8, e.u8_bytes);
  check_hash(e.f32, e.f32_bytes);
  free(e.u8), free(e.f32), free(a.u8), free(a.f32);
}

typedef struct {
  int8_t *w;
  int32_t *bias;
  float *mult, *residual;
  uint8_t *packed16, *packed;
  int bits;
} weights;

static weights weights_random(int64_t n, int64_t k, int bits, int extreme) {
  weights s;
  int limit = (1 << (bits - 1)) - 1;
  s.bits = bits;
  s.w = (int8_t *)check_alloc(n * k);
  for (int64_t i = 0; i < n * k; i++) s.w[i] = (int8_t)(extreme ? (check_u32() & 1 ? limit : -limit - 1) : check_int(-limit, limit));
  s.bias = check_random_s32(n, -100000, 100000);
  s.mult = check_random_f32(n, 1e-6f, 40.0f / (float)(limit * 128 * (k > 0 ? k : 1)) + 2e-6f);
  /* The rows of some channels are mirrored. */
  for (int64_t j = 0; j < n; j += 3) s.mult[j] = -s.mult[j];
  s.packed16 = pack_linear_u8s8(s.w, s.bias, s.mult, n, k, 16, bits);
  s.packed = pack_linear_u8s8_groups(s.w, s.bias, s.mult, n, k, TEST_NR, TEST_KR, bits);
  return s;
}

static void weights_free(weights s) { free(s.w), free(s.bias), free(s.mult), free(s.packed16), free(s.packed); }

static const int BITS[3] = {8, 6, 4};

static void test_linear(int64_t m, int64_t n, int64_t k, int variety) {
  int bits = BITS[variety % 3], x_bits = BITS[check_int(0, 2)], u8 = variety % 4 != 1, f32 = variety % 4 >= 1 && variety % 4 <= 2;
  int extreme = variety % 5 == 4, x_max = (1 << x_bits) - 1;
  int64_t x_stride = k + check_int(0, 9), u8_stride = n + check_int(0, 9), f32_stride = n + check_int(0, 9);
  int64_t residual_stride = n + check_int(0, 3);
  uint8_t *x = check_random_u8((m - 1) * x_stride + k, extreme ? x_max : 0, x_max);
  float *residual = check_u32() % 2 ? check_random_f32((m - 1) * residual_stride + n, -20.0f, 20.0f) : NULL;
  weights s = weights_random(n, k, bits, extreme);
  int64_t scratch_bytes = sq_linear_u8s8_block_scratch(k, bits) + panel_bytes(k, SQ_LINEAR_U8S8_ROWS);
  uint8_t *scratch = (uint8_t *)check_alloc(2 * scratch_bytes + 64);
  result e = result_alloc(m, n, u8_stride, f32_stride, u8, f32), a = result_alloc(m, n, u8_stride, f32_stride, u8, f32);
  if (residual && extreme) residual[0] = NAN, residual[n - 1] = INFINITY;
  sq_linear_u8s8_args args = {.x = x, .x_stride = x_stride, .weights = s.packed16, .m = m, .n = n, .k = k, .weight_bits = bits,
                              .activation = variety % 7 % 3, .y_u8 = e.u8, .y_f32 = e.f32, .residual = residual,
                              .y_u8_stride = u8_stride, .y_f32_stride = f32_stride, .residual_stride = residual_stride,
                              .out_inv_scale = check_u32() % 3 ? check_f32(0.5f, 8.0f) : 1.0f, .out_zp = (int32_t)check_int(0, x_max),
                              .out_qmax = x_max, .scratch = (uint8_t *)(((uintptr_t)scratch + 63) & ~(uintptr_t)63),
                              .scratch_stride = scratch_bytes};
  sq_linear_u8s8(&args, 0, sq_linear_u8s8_units(&args), 0);
  args.weights = s.packed, args.y_u8 = a.u8, args.y_f32 = a.f32;
  check_run(LINEAR, &args, sq_linear_u8s8_units(&args));
  char what[128];
  snprintf(what, sizeof what, "linear %lldx%lldx%lld variety %d", (long long)m, (long long)n, (long long)k, variety);
  result_compare(what, e, a);
  free(x), free(residual), free(scratch), weights_free(s);
}

static void test_conv(int variety) {
  int bits = BITS[variety % 3], x_bits = BITS[check_int(0, 2)], x_max = (1 << x_bits) - 1, f32 = variety % 4 == 1;
  sq_conv_u8s8_args a = {.batch = check_int(1, 2), .h = check_int(1, 11), .w = check_int(1, 11), .c = check_int(1, 19),
                         .n = check_int(1, 70), .kernel_h = check_int(1, 3), .kernel_w = check_int(1, 3),
                         .stride_h = check_int(1, 2), .stride_w = check_int(1, 2), .dilation_h = check_int(1, 2),
                         .dilation_w = check_int(1, 2), .pad_top = check_int(0, 2), .pad_left = check_int(0, 2),
                         .zp_x = (int32_t)check_int(0, x_max), .weight_bits = bits, .activation = variety % 3,
                         .out_inv_scale = check_f32(0.5f, 8.0f), .out_zp = (int32_t)check_int(0, x_max), .out_qmax = x_max};
  a.out_h = (a.h + a.pad_top + check_int(0, 2) + a.stride_h - 1) / a.stride_h;
  a.out_w = (a.w + a.pad_left + check_int(0, 2) + a.stride_w - 1) / a.stride_w;
  a.x_stride = a.c + (check_u32() % 2 ? check_int(1, 5) : 0);
  int64_t k = a.kernel_h * a.kernel_w * a.c, rows = a.batch * a.out_h * a.out_w;
  a.y_u8_stride = a.n + check_int(0, 5), a.y_f32_stride = a.n, a.residual_stride = a.n;
  uint8_t *x = check_random_u8((a.batch * a.h * a.w - 1) * a.x_stride + a.c, 0, x_max);
  float *residual = check_u32() % 2 ? check_random_f32(rows * a.n, -20.0f, 20.0f) : NULL;
  weights s = weights_random(a.n, k, bits, 0);
  a.weights = s.packed16;
  int64_t scratch_bytes = sq_conv_u8s8_scratch_bytes(&a) + panel_bytes(k, SQ_CONV_U8S8_ROWS);
  uint8_t *scratch = (uint8_t *)check_alloc(2 * scratch_bytes + 64);
  result e = result_alloc(rows, a.n, a.y_u8_stride, a.n, !f32, f32), r = result_alloc(rows, a.n, a.y_u8_stride, a.n, !f32, f32);
  a.x = x, a.residual = residual, a.scratch = (uint8_t *)(((uintptr_t)scratch + 63) & ~(uintptr_t)63), a.scratch_stride = scratch_bytes;
  a.weights = s.packed16, a.y_u8 = e.u8, a.y_f32 = e.f32;
  sq_conv_u8s8(&a, 0, sq_conv_u8s8_units(&a), 0);
  a.weights = s.packed, a.y_u8 = r.u8, a.y_f32 = r.f32;
  check_run(CONV, &a, sq_conv_u8s8_units(&a));
  char what[64];
  snprintf(what, sizeof what, "conv variety %d", variety);
  result_compare(what, e, r);
  free(x), free(residual), free(scratch), weights_free(s);
}

int main(void) {
  static const int64_t M[] = {1, 2, 3, 5, 7, 13, 14, 15, 28, 29, 230}, N[] = {1, 5, 15, 16, 17, 31, 32, 33, 64, 257};
  static const int64_t K[] = {1, 2, 3, 4, 5, 7, 8, 16, 31, 64, 65, 200};
  check_seed(1);
  for (int variety = 0; variety < 300; variety++) {
    int64_t m = M[check_int(0, 10)], n = N[check_int(0, 9)], k = K[check_int(0, 11)];
    test_linear(m, n, k, variety);
  }
  test_linear(3, 5, 7, 1);
  test_linear(14, 32, 3072, 4); /* largest sums */
  test_linear(230, 17, 1200, 5);
  for (int variety = 0; variety < 60; variety++) test_conv(variety);
  sq_linear_u8s8_args none = {.m = 0, .n = 8, .k = 8, .weight_bits = 8};
  check_true("no rows, no units", sq_linear_u8s8_units(&none) == 0);
  return check_finish();
}
