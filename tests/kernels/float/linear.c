/* sq_linear_f32, sq_linear_f32_fast and sq_conv_f32, sq_conv_f32_fast against their scalar definitions. */
#include "../check.h"
#include "sq_conv_f32.c"
#include "sq_conv_f32_fast.c"
#include "sq_linear_f32.c"
#include "sq_linear_f32_fast.c"
#if defined(__AVX2__) && defined(__FMA__)
#include "sq_conv_f32__avx2.c"
#include "sq_conv_f32_fast__avx2.c"
#include "sq_linear_f32__avx2.c"
#include "sq_linear_f32_fast__avx2.c"
#endif
#if defined(__AVX512F__)
#include "sq_conv_f32__avx512.c"
#include "sq_conv_f32_fast__avx512.c"
#include "sq_linear_f32__avx512.c"
#include "sq_linear_f32_fast__avx512.c"
#endif
#if defined(__wasm_simd128__)
#include "sq_conv_f32__simd128.c"
#include "sq_linear_f32__simd128.c"
#endif

typedef struct variant {
  const char *name;
  sq_kernel linear, conv;
  int64_t nr;
  int exact;
} variant;

static const variant variants[] = {
    {"portable", sq_linear_f32, sq_conv_f32, 16, 1},
    {"fast portable", sq_linear_f32_fast, sq_conv_f32_fast, 16, 0},
#if defined(__AVX2__) && defined(__FMA__)
    {"avx2", sq_linear_f32__avx2, sq_conv_f32__avx2, 16, 1},
    {"fast avx2", sq_linear_f32_fast__avx2, sq_conv_f32_fast__avx2, 16, 0},
#endif
#if defined(__AVX512F__)
    {"avx512", sq_linear_f32__avx512, sq_conv_f32__avx512, 32, 1},
    {"fast avx512", sq_linear_f32_fast__avx512, sq_conv_f32_fast__avx512, 32, 0},
#endif
#if defined(__wasm_simd128__)
    {"simd128", sq_linear_f32__simd128, sq_conv_f32__simd128, 16, 1},
#endif
};

/* Blocks of nr channels: bias[nr], then k rows of nr weights; the size is exact. */
static float *pack(const float *w, const float *bias, int64_t n, int64_t k, int64_t nr) {
  int64_t blocks = sq_ceil_div_i64(n, nr);
  float *p = check_alloc_f32(blocks * nr * (k + 1)), *to = p;
  for (int64_t b = 0; b < blocks; b++)
    for (int64_t r = -1; r < k; r++)
      for (int64_t j = b * nr; j < (b + 1) * nr; j++) *to++ = j >= n ? 0.0f : r < 0 ? bias[j] : w[j * k + r];
  return p;
}

static float activate(float x, int32_t activation) {
  switch (activation) {
    case SQ_ACTIVATION_RELU: return x > 0.0f ? x : 0.0f;
    case SQ_ACTIVATION_GELU_ERF: return sq_gelu_erf_f32(x);
    case SQ_ACTIVATION_GELU_TANH: return sq_gelu_tanh_f32(x);
    case SQ_ACTIVATION_SIGMOID: return sq_sigmoid_f32(x);
    default: return x;
  }
}

static void compare(const char *what, const variant *v, const float *expected, const float *actual, int64_t count) {
  char name[160];
  snprintf(name, sizeof name, "%s: %s", v->name, what);
  if (v->exact)
    check_bytes(name, expected, actual, count * 4);
  else
    check_close(name, expected, actual, count, 2e-4, 2e-5);
}

static void test_linear(int64_t m, int64_t n, int64_t k, int64_t gap, int32_t activation, int with_residual) {
  int64_t xs = k + gap, ys = n + gap;
  float *x = check_random_f32((m - 1) * xs + k, -1, 1), *w = check_random_f32(n * k, -1, 1), *bias = check_random_f32(n, -1, 1);
  float *residual = check_random_f32((m - 1) * ys + n, -1, 1);
  float *expected = check_alloc_f32((m - 1) * ys + n), *y = check_alloc_f32((m - 1) * ys + n);
  memcpy(expected, residual, (size_t)((m - 1) * ys + n) * 4);
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < n; j++) {
      float acc = 0.0f;
      for (int64_t p = 0; p < k; p++) acc = acc + x[i * xs + p] * w[j * k + p];
      float value = activate(acc + bias[j], activation);
      expected[i * ys + j] = with_residual ? value + residual[i * ys + j] : value;
    }
  check_hash(expected, ((m - 1) * ys + n) * 4);
  for (size_t t = 0; t < sizeof variants / sizeof variants[0]; t++) {
    const variant *v = &variants[t];
    float *packed = pack(w, bias, n, k, v->nr);
    /* The residual is y itself; the gaps between rows must stay as they are. */
    memcpy(y, residual, (size_t)((m - 1) * ys + n) * 4);
    sq_linear_f32_args a = {x, xs, packed, with_residual ? y : NULL, ys, y, ys, m, n, k, activation, NULL, 0};
    a.scratch_stride = sq_linear_f32_scratch_bytes(&a);
    a.scratch = (uint8_t *)check_alloc(2 * a.scratch_stride);
    check_run(v->linear, &a, sq_linear_f32_units(&a));
    char what[96];
    snprintf(what, sizeof what, "linear m=%d n=%d k=%d act=%d", (int)m, (int)n, (int)k, (int)activation);
    compare(what, v, expected, y, (m - 1) * ys + n);
    free(a.scratch);
    free(packed);
  }
  free(x), free(w), free(bias), free(residual), free(expected), free(y);
}

static void test_conv(int64_t batch, int64_t h, int64_t w, int64_t c, int64_t oc, int64_t kh, int64_t kw, int64_t stride,
                      int64_t dilation, int64_t pad, int32_t activation) {
  sq_conv_f32_args a = {0};
  a.batch = batch, a.in_h = h, a.in_w = w, a.in_c = c, a.out_c = oc, a.kernel_h = kh, a.kernel_w = kw;
  a.stride_h = stride, a.stride_w = stride, a.dilation_h = dilation, a.dilation_w = dilation, a.pad_top = pad, a.pad_left = pad;
  a.out_h = (h + 2 * pad - dilation * (kh - 1) - 1) / stride + 1, a.out_w = (w + 2 * pad - dilation * (kw - 1) - 1) / stride + 1;
  a.activation = activation;
  int64_t k = kh * kw * c, count = batch * a.out_h * a.out_w * oc;
  float *x = check_random_f32(batch * h * w * c, -1, 1), *weight = check_random_f32(oc * k, -1, 1), *bias = check_random_f32(oc, -1, 1);
  float *expected = check_alloc_f32(count), *y = check_alloc_f32(count), *to = expected;
  for (int64_t b = 0; b < batch; b++)
    for (int64_t oy = 0; oy < a.out_h; oy++)
      for (int64_t ox = 0; ox < a.out_w; ox++)
        for (int64_t o = 0; o < oc; o++) {
          float acc = 0.0f;
          for (int64_t ky = 0; ky < kh; ky++)
            for (int64_t kx = 0; kx < kw; kx++)
              for (int64_t ch = 0; ch < c; ch++) {
                int64_t iy = oy * stride + ky * dilation - pad, ix = ox * stride + kx * dilation - pad;
                float in = iy >= 0 && iy < h && ix >= 0 && ix < w ? x[((b * h + iy) * w + ix) * c + ch] : 0.0f;
                acc = acc + in * weight[o * k + (ky * kw + kx) * c + ch];
              }
          *to++ = activate(acc + bias[o], activation);
        }
  check_hash(expected, count * 4);
  for (size_t t = 0; t < sizeof variants / sizeof variants[0]; t++) {
    const variant *v = &variants[t];
    float *packed = pack(weight, bias, oc, k, v->nr);
    memset(y, 0xff, (size_t)count * 4);
    a.x = x, a.y = y, a.packed = packed;
    a.scratch_stride = sq_conv_f32_scratch_bytes(&a);
    a.scratch = (uint8_t *)check_alloc(2 * a.scratch_stride);
    check_run(v->conv, &a, sq_conv_f32_units(&a));
    char what[96];
    snprintf(what, sizeof what, "conv %dx%dx%d -> %d, %dx%d", (int)h, (int)w, (int)c, (int)oc, (int)kh, (int)kw);
    compare(what, v, expected, y, count);
    free(a.scratch);
    free(packed);
  }
  free(x), free(weight), free(bias), free(expected), free(y);
}

int main(void) {
  check_seed(1);
  for (int64_t m = 1; m <= 16; m++) test_linear(m, 33, 17, 0, SQ_ACTIVATION_NONE, m % 2 == 0);
  for (int64_t n = 1; n <= 34; n += 3) test_linear(15, n, 9, 3, SQ_ACTIVATION_RELU, n % 2 == 0);
  test_linear(1, 1, 1, 0, SQ_ACTIVATION_NONE, 0);
  test_linear(3, 5, 7, 1, SQ_ACTIVATION_NONE, 1);
  test_linear(84, 256, 64, 0, SQ_ACTIVATION_NONE, 1);
  test_linear(85, 257, 65, 0, SQ_ACTIVATION_GELU_ERF, 0);
  test_linear(97, 300, 512, 0, SQ_ACTIVATION_GELU_TANH, 1);
  test_linear(200, 40, 1024, 0, SQ_ACTIVATION_SIGMOID, 0);
  test_linear(5, 520, 130, 2, SQ_ACTIVATION_GELU_ERF, 1);
  test_conv(1, 1, 1, 1, 1, 1, 1, 1, 1, 0, SQ_ACTIVATION_NONE);
  test_conv(2, 9, 11, 3, 5, 3, 3, 1, 1, 1, SQ_ACTIVATION_RELU);
  test_conv(1, 16, 16, 3, 33, 8, 8, 8, 1, 0, SQ_ACTIVATION_NONE);
  test_conv(1, 13, 12, 20, 31, 3, 3, 2, 1, 1, SQ_ACTIVATION_GELU_ERF);
  test_conv(1, 11, 10, 7, 16, 3, 2, 1, 2, 2, SQ_ACTIVATION_NONE);
  return check_finish();
}
