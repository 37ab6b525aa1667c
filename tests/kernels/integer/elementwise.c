/* sq_quantize_u8, sq_dequantize_u8, sq_snap_u8, sq_add_quantize_u8, sq_layer_norm_quantize_u8: values at the edges, and a digest. */
#include "check.h"
#include "sq_add_quantize_u8.c"
#include "sq_dequantize_u8.c"
#include "sq_layer_norm_quantize_u8.c"
#include "sq_quantize_u8.c"
#include "sq_snap_u8.c"
#if defined(__AVX2__)
#include "sq_snap_u8__avx2.c"
#endif
#if defined(__AVX512VBMI__)
#include "sq_snap_u8__avx512vbmi.c"
#endif
#if defined(__AVX512DQ__) && defined(__AVX512VL__)
#include "sq_layer_norm_quantize_u8__avx512.c"
#endif

static void test_quantize(void) {
  const float x[] = {NAN, INFINITY, -INFINITY, 0.0f, -0.0f, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 3e38f, -3e38f, 1e-45f, 244.5f, 245.5f};
  const uint8_t expected[] = {10, 255, 0, 10, 10, 10, 12, 12, 10, 8, 255, 0, 10, 254, 255};
  const int64_t n = (int64_t)(sizeof x / sizeof x[0]);
  float *in = check_alloc_f32(n);
  uint8_t *out = (uint8_t *)check_alloc(n);
  memcpy(in, x, sizeof x);
  sq_quantize_u8_args a = {.x = in, .y = out, .n = n, .inv_scale = 1.0f, .zp = 10, .qmax = 255};
  sq_quantize_u8(&a, 0, sq_quantize_u8_units(&a), 0);
  check_bytes("quantize, edges", expected, out, n);
  free(in), free(out);
  for (int i = 0; i < 20; i++) {
    int64_t count = i == 0 ? 0 : check_int(1, 20000);
    in = check_random_f32(count, -300.0f, 300.0f), out = (uint8_t *)check_alloc(count);
    float *back = check_alloc_f32(count);
    int32_t qmax = (1 << (4 + 2 * (i % 3))) - 1;
    sq_quantize_u8_args q = {.x = in, .y = out, .n = count, .inv_scale = 0.37f, .zp = (int32_t)check_int(0, qmax), .qmax = qmax};
    check_run(sq_quantize_u8, &q, sq_quantize_u8_units(&q));
    sq_dequantize_u8_args d = {.x = out, .y = back, .n = count, .scale = 1.0f / 0.37f, .zp = q.zp};
    check_run(sq_dequantize_u8, &d, sq_dequantize_u8_units(&d));
    int near = 1;
    for (int64_t j = 0; j < count; j++)
      if (out[j] > 0 && out[j] < qmax && fabsf(back[j] - in[j]) > 0.5001f / 0.37f) near = 0;
    check_true("a code is within half a step", near);
    check_hash(out, count), check_hash(back, 4 * count);
    free(in), free(out), free(back);
  }
}

static void test_snap(void) {
  for (int i = 0; i < 20; i++) {
    const int64_t n = i == 0 ? 0 : check_int(1, 9000);
    const int32_t count = i == 1 ? 256 : i == 2 ? 1 : (int32_t)check_int(2, i % 2 ? 16 : 64), spread = 256 / count;
    uint8_t levels[256], *x = (uint8_t *)check_alloc(n), *y = (uint8_t *)check_alloc(n);
    for (int32_t l = 0; l < count; l++) levels[l] = (uint8_t)(l * spread + check_int(0, spread - 1));
    for (int64_t j = 0; j < n; j++) x[j] = (uint8_t)check_int(0, 255);
    sq_snap_u8_args a = {.x = x, .y = y, .levels = levels, .n = n, .count = count};
    check_run(sq_snap_u8, &a, sq_snap_u8_units(&a));
    int nearest = 1;
    for (int64_t j = 0; j < n; j++) {
      int best = levels[0];
      for (int32_t l = 1; l < count; l++)
        if (abs(levels[l] - x[j]) < abs(best - x[j])) best = levels[l];
      nearest &= y[j] == best;
    }
    check_true("the nearest level", nearest);
    check_hash(y, n);
#if defined(__AVX2__)
    a.y = (uint8_t *)check_alloc(n);
    check_run(sq_snap_u8__avx2, &a, sq_snap_u8_units(&a));
    check_bytes("snap, avx2", y, a.y, n);
    free(a.y);
#endif
#if defined(__AVX512VBMI__)
    a.y = (uint8_t *)check_alloc(n);
    check_run(sq_snap_u8__avx512vbmi, &a, sq_snap_u8_units(&a));
    check_bytes("snap, avx512vbmi", y, a.y, n);
    free(a.y);
#endif
    a.y = x;
    check_run(sq_snap_u8, &a, sq_snap_u8_units(&a));
    check_bytes("in place", y, x, n);
    free(x), free(y);
  }
}

static void test_add(void) {
  for (int i = 0; i < 20; i++) {
    int64_t m = check_int(1, 70), n = check_int(1, 600), b_rows = i % 3 == 0 ? 1 : i % 3 == 1 ? m : check_int(1, m);
    int64_t a_stride = n + check_int(0, 3), b_stride = n + check_int(0, 3), u8_stride = n + check_int(0, 3);
    float *a = check_random_f32((m - 1) * a_stride + n, -9.0f, 9.0f), *b = check_random_f32((b_rows - 1) * b_stride + n, -9.0f, 9.0f);
    float *f = check_alloc_f32(m * n);
    uint8_t *u = (uint8_t *)check_alloc((m - 1) * u8_stride + n);
    sq_add_quantize_u8_args args = {.a = a, .b = i % 5 == 4 ? NULL : b, .a_stride = a_stride, .b_stride = b_stride, .b_rows = b_rows,
                                    .m = m, .n = n, .inv_scale = 7.5f, .zp = 120, .qmax = 255, .y_u8 = u, .y_f32 = i % 2 ? f : NULL,
                                    .y_u8_stride = u8_stride, .y_f32_stride = n};
    check_run(sq_add_quantize_u8, &args, sq_add_quantize_u8_units(&args));
    int equal = 1;
    for (int64_t r = 0; r < m; r++) {
      for (int64_t j = 0; j < n; j++) {
        float v = a[r * a_stride + j];
        if (args.b) v += b[r % b_rows * b_stride + j];
        if (args.y_f32 && f[r * n + j] != v) equal = 0;
        if (u[r * u8_stride + j] != sq_code_u8(v * 7.5f, 120, 255)) equal = 0;
      }
    }
    check_true("add", equal);
    check_hash(u, (m - 1) * u8_stride + n);
    free(a), free(b), free(f), free(u);
  }
}

static void test_layer_norm(void) {
  for (int i = 0; i < 30; i++) {
    int64_t m = check_int(1, 40), k = i % 4 == 0 ? 768 : check_int(1, 300), stride = k + check_int(0, 5);
    float *x = check_random_f32((m - 1) * stride + k, -3.0f, 5.0f), *gamma = check_random_f32(k, -2.0f, 2.0f);
    float *beta = check_random_f32(k, -1.0f, 1.0f), *f = check_alloc_f32(m * k);
    uint8_t *u = (uint8_t *)check_alloc(m * k);
    sq_layer_norm_quantize_u8_args a = {.x = x, .x_stride = stride, .gamma = gamma, .beta = beta, .m = m, .k = k, .eps = 1e-6f,
                                        .inv_scale = 30.0f, .zp = 128, .qmax = 255, .y_u8 = u, .y_f32 = f, .y_u8_stride = k,
                                        .y_f32_stride = k, .gelu = i % 3 == 0};
    check_run(sq_layer_norm_quantize_u8, &a, sq_layer_norm_quantize_u8_units(&a));
    for (int64_t r = 0; r < m; r++) {
      double mean = 0, var = 0;
      float *expected = check_alloc_f32(k);
      for (int64_t j = 0; j < k; j++) mean += x[r * stride + j];
      mean /= (double)k;
      for (int64_t j = 0; j < k; j++) var += (x[r * stride + j] - mean) * (x[r * stride + j] - mean);
      for (int64_t j = 0; j < k; j++)
        expected[j] = (float)((x[r * stride + j] - mean) / sqrt(var / (double)k + 1e-6) * gamma[j] + beta[j]);
      for (int64_t j = 0; a.gelu && j < k; j++) expected[j] *= 0.5f * erfcf(-expected[j] * 0.707106781f);
      check_close("layer norm", expected, f + r * k, k, 2e-5, 1e-5);
      free(expected);
    }
    int equal = 1;
    for (int64_t j = 0; j < m * k; j++) equal &= u[j] == sq_code_u8(f[j] * 30.0f, 128, 255);
    check_true("layer norm, codes", equal);
#if defined(__AVX512DQ__) && defined(__AVX512VL__)
    float *floats = check_alloc_f32(m * k);
    uint8_t *codes = (uint8_t *)check_alloc(m * k);
    sq_layer_norm_quantize_u8_args vectors = a;
    vectors.y_u8 = codes, vectors.y_f32 = floats;
    check_run(sq_layer_norm_quantize_u8__avx512, &vectors, sq_layer_norm_quantize_u8_units(&vectors));
    check_bytes("layer norm, AVX-512", f, floats, 4 * m * k);
    check_bytes("layer norm, codes, AVX-512", u, codes, m * k);
    free(floats), free(codes);
#endif
    check_hash(f, 4 * m * k);
    free(x), free(gamma), free(beta), free(f), free(u);
  }
}

int main(void) {
  check_seed(2);
  test_quantize();
  test_snap();
  test_add();
  test_layer_norm();
  return check_finish();
}
