/* Direct convolutions, layer normalization, GELU, softmax, matrix product and resize against their scalar definitions. */
#include "../check.h"
#include "sq_conv_nd_f32.c"
#include "sq_conv_transpose_nd_f32.c"
#include "sq_gelu_f32.c"
#include "sq_layer_norm_f32.c"
#include "sq_matmul_f32.c"
#include "sq_resize_bilinear_f32.c"
#include "sq_resize_twice_f32.c"
#include "sq_softmax_f32.c"
#include "sq_copy.h"
#include "sq_permute.h"
#include "sq_transpose_32.c"
#if defined(__AVX2__) && defined(__FMA__)
#include "sq_layer_norm_f32__avx2.c"
#endif
#if defined(__wasm_simd128__)
#include "sq_gelu_f32__simd128.c"
#include "sq_matmul_f32__simd128.c"
#include "sq_resize_bilinear_f32__simd128.c"
#include "sq_resize_twice_f32__simd128.c"
#endif
#if defined(__AVX512F__)
#include "sq_layer_norm_f32__avx512.c"
#include "sq_matmul_f32__avx512.c"
#include "sq_transpose_32__avx512.c"
#include "sq_resize_bilinear_f32__avx512.c"
#include "sq_resize_twice_f32__avx512.c"
#endif

/* Both convolutions, as the definition: sums over taps in order. `transposed` swaps the roles of the index map. */
static void test_conv(int transposed, int64_t batch, int64_t in_c, int64_t out_c, int64_t groups, const int64_t *in,
                      const int64_t *kernel, int64_t stride, int64_t dilation, int64_t pad, int64_t out_pad) {
  sq_conv_nd_f32_args a = {0};
  a.batch = batch, a.in_c = in_c, a.out_c = out_c, a.groups = groups;
  int64_t taps = 1, ins = 1, outs = 1;
  for (int d = 0; d < 3; d++) {
    a.in[d] = in[d], a.kernel[d] = kernel[d];
    int64_t used = kernel[d] > 1 || in[d] > 1;
    a.stride[d] = used ? stride : 1, a.dilation[d] = used ? dilation : 1, a.pad[d] = used ? pad : 0;
    a.out[d] = transposed ? (in[d] - 1) * a.stride[d] + (used ? out_pad : 0) + a.dilation[d] * (kernel[d] - 1) + 1 - 2 * a.pad[d]
                          : (in[d] + 2 * a.pad[d] - a.dilation[d] * (kernel[d] - 1) - 1) / a.stride[d] + 1;
    taps *= kernel[d], ins *= in[d], outs *= a.out[d];
  }
  int64_t icg = in_c / groups, ocg = out_c / groups, count = batch * outs * out_c;
  float *x = check_random_f32(batch * ins * in_c, -1, 1), *w = check_random_f32(taps * icg * out_c, -1, 1);
  float *bias = check_random_f32(out_c, -1, 1), *y = check_alloc_f32(count), *expected = check_alloc_f32(count), *to = expected;
  for (int64_t i = 0; i < batch * outs; i++)
    for (int64_t o = 0; o < out_c; o++) {
      int64_t at[3] = {i / a.out[2] / a.out[1] % a.out[0], i / a.out[2] % a.out[1], i % a.out[2]};
      float acc = 0.0f;
      for (int64_t t = 0; t < taps; t++) {
        int64_t tap[3] = {t / kernel[2] / kernel[1], t / kernel[2] % kernel[1], t % kernel[2]}, pos = i / outs;
        int inside = 1;
        for (int d = 0; d < 3; d++) {
          int64_t p = transposed ? at[d] + a.pad[d] - tap[d] * a.dilation[d] : at[d] * a.stride[d] - a.pad[d] + tap[d] * a.dilation[d];
          if (transposed) inside = inside && p >= 0 && p % a.stride[d] == 0, p = p / a.stride[d];
          inside = inside && p >= 0 && p < in[d];
          pos = pos * in[d] + p;
        }
        for (int64_t c = 0; inside && c < icg; c++) acc = acc + x[pos * in_c + o / ocg * icg + c] * w[(t * icg + c) * out_c + o];
      }
      acc = acc + bias[o];
      *to++ = acc > 0.0f ? acc : 0.0f;
    }
  a.x = x, a.weight = w, a.bias = bias, a.y = y, a.activation = SQ_ACTIVATION_RELU;
  sq_conv_transpose_nd_f32_args b = {a.x, a.weight, a.bias, a.y, a.batch, a.in_c, a.out_c, a.groups, {0}, {0}, {0}, {0}, {0}, {0}, a.activation};
  for (int d = 0; d < 3; d++) {
    b.in[d] = a.in[d], b.out[d] = a.out[d], b.kernel[d] = a.kernel[d];
    b.stride[d] = a.stride[d], b.dilation[d] = a.dilation[d], b.pad[d] = a.pad[d];
  }
  if (transposed)
    check_run(sq_conv_transpose_nd_f32, &b, sq_conv_transpose_nd_f32_units(&b));
  else
    check_run(sq_conv_nd_f32, &a, sq_conv_nd_f32_units(&a));
  check_hash(y, count * 4);
  check_bytes(transposed ? "conv_transpose_nd" : "conv_nd", expected, y, count * 4);
  free(x), free(w), free(bias), free(y), free(expected);
}

static float sum16(const float *x, int64_t n) {
  float lanes[16] = {0};
  for (int64_t i = 0; i < n; i++) lanes[i % 16] = lanes[i % 16] + x[i];
  return sq_tree16_f32(lanes);
}

static void test_rows(int64_t rows, int64_t n, int64_t gap) {
  int64_t stride = n + gap, count = (rows - 1) * stride + n;
  float *x = check_random_f32(count, -6, 6), *y = check_alloc_f32(count), *expected = check_alloc_f32(count);
  float *gamma = check_random_f32(n, -2, 2), *beta = check_random_f32(n, -2, 2), *t = check_alloc_f32(n);
  memcpy(expected, x, (size_t)count * 4), memcpy(y, x, (size_t)count * 4);
  for (int64_t i = 0; i < rows; i++) {
    const float *row = x + i * stride;
    float mean = sum16(row, n) / (float)n;
    for (int64_t j = 0; j < n; j++) t[j] = (row[j] - mean) * (row[j] - mean);
    float r = 1.0f / sqrtf(sum16(t, n) / (float)n + 1e-6f);
    for (int64_t j = 0; j < n; j++) expected[i * stride + j] = ((row[j] - mean) * r) * gamma[j] + beta[j];
  }
  check_hash(expected, count * 4);
  static const sq_kernel norms[] = {
      sq_layer_norm_f32,
#if defined(__AVX2__) && defined(__FMA__)
      sq_layer_norm_f32__avx2,
#endif
#if defined(__AVX512F__)
      sq_layer_norm_f32__avx512,
#endif
  };
  for (size_t v = 0; v < sizeof norms / sizeof norms[0]; v++) {
    memcpy(y, x, (size_t)count * 4);
    sq_layer_norm_f32_args a = {y, stride, gamma, beta, y, stride, rows, n, 1e-6f};
    check_run(norms[v], &a, sq_layer_norm_f32_units(&a));
    check_bytes(v == 0 ? "layer_norm in place" : v == 1 ? "layer_norm avx2" : "layer_norm avx512", expected, y, count * 4);
  }

  memcpy(expected, x, (size_t)count * 4), memcpy(y, x, (size_t)count * 4);
  for (int64_t i = 0; i < rows; i++) {
    const float *row = x + i * stride;
    float top = row[0];
    for (int64_t j = 1; j < n; j++) top = row[j] > top ? row[j] : top;
    for (int64_t j = 0; j < n; j++) t[j] = sq_exp_softmax_f32(row[j] - top);
    for (int64_t j = 0; j < n; j++) expected[i * stride + j] = t[j] / sum16(t, n);
  }
  sq_softmax_f32_args s = {y, stride, y, stride, rows, n};
  check_run(sq_softmax_f32, &s, sq_softmax_f32_units(&s));
  check_bytes("softmax in place", expected, y, count * 4);
  check_hash(y, count * 4);

  for (int32_t form = SQ_GELU_F32_ERF; form <= SQ_GELU_F32_TANH; form++) {
    for (int64_t i = 0; i < count; i++) expected[i] = form == SQ_GELU_F32_TANH ? sq_gelu_tanh_f32(x[i]) : sq_gelu_erf_f32(x[i]);
    sq_gelu_f32_args g = {x, y, count, form};
    check_run(sq_gelu_f32, &g, sq_gelu_f32_units(&g));
    check_bytes("gelu", expected, y, count * 4);
#if defined(__wasm_simd128__)
    memset(y, 0, (size_t)count * 4);
    check_run(sq_gelu_f32__simd128, &g, sq_gelu_f32_units(&g));
    check_bytes("gelu simd128", expected, y, count * 4);
#endif
    check_hash(y, count * 4);
  }
  free(x), free(y), free(expected), free(gamma), free(beta), free(t);
}

static void test_matmul(int64_t batch, int64_t m, int64_t n, int64_t k, int a_transposed, int b_transposed, int offsets) {
  int64_t a_row = a_transposed ? 1 : k, a_col = a_transposed ? m : 1, b_row = b_transposed ? 1 : n, b_col = b_transposed ? k : 1;
  int64_t order[4] = {m * k, 0, m * k, 0};
  float *a = check_random_f32(batch * m * k, -1, 1), *b = check_random_f32(k * n, -1, 1);
  float *y = check_alloc_f32(batch * m * n), *expected = check_alloc_f32(batch * m * n);
  for (int64_t t = 0; t < batch; t++)
    for (int64_t i = 0; i < m; i++)
      for (int64_t j = 0; j < n; j++) {
        const float *at = a + (offsets ? order[t] : t * m * k);
        float acc = 0.0f;
        for (int64_t p = 0; p < k; p++) acc = acc + at[i * a_row + p * a_col] * b[p * b_row + j * b_col];
        expected[(t * m + i) * n + j] = acc;
      }
  sq_matmul_f32_args args = {a, offsets ? order : NULL, m * k, a_row, a_col, b, NULL, 0, b_row, b_col, y, m * n, n, batch, m, n, k};
  check_run(sq_matmul_f32, &args, sq_matmul_f32_units(&args));
  check_bytes("matmul", expected, y, batch * m * n * 4);
#if defined(__AVX512F__)
  memset(y, 0xff, (size_t)(batch * m * n * 4));
  check_run(sq_matmul_f32__avx512, &args, sq_matmul_f32_units(&args));
  check_bytes("matmul, AVX-512", expected, y, batch * m * n * 4);
#endif
#if defined(__wasm_simd128__)
  memset(y, 0, (size_t)(batch * m * n) * 4);
  check_run(sq_matmul_f32__simd128, &args, sq_matmul_f32_units(&args));
  check_bytes("matmul simd128", expected, y, batch * m * n * 4);
#endif
  check_hash(y, batch * m * n * 4);
  free(a), free(b), free(y), free(expected);
}

/* Nothing resized is zeros, in one step and in two. */
static void test_resize_nothing(int64_t inner) {
  float x[1] = {7.0f}, y[24], zeros[24] = {0};
  uint8_t scratch[1024];
  const sq_resize_bilinear_f32_args none = {x, y, 1, 0, 3, 4, 2, inner, 0.0f, 0.5f, -0.5f, 1.5f, 0.5f, -0.5f, scratch, 0};
  const sq_resize_bilinear_f32_args first = {x, NULL, 1, 1, 1, 0, 3, 1, 0.0f, 0.5f, -0.5f, 0.3f, 0.5f, -0.5f, NULL, 0};
  const sq_resize_twice_f32_args twice = {first, {NULL, y, 1, 0, 3, 4, 2, 1, 0.0f, 0.5f, -0.5f, 1.5f, 0.5f, -0.5f, NULL, 0}, scratch, 0};
  memset(y, 1, sizeof y);
  sq_resize_bilinear_f32(&none, 0, sq_resize_bilinear_f32_units(&none), 0);
  check_bytes("nothing, resized", zeros, y, 8 * inner * 4);
  memset(y, 1, sizeof y);
  sq_resize_twice_f32(&twice, 0, sq_resize_twice_f32_units(&twice), 0);
  check_bytes("nothing, resized twice", zeros, y, 8 * 4);
}

static void test_resize(int64_t outer, int64_t ih, int64_t iw, int64_t oh, int64_t ow, int64_t inner, float shift, float offset) {
  float *x = check_random_f32(outer * ih * iw * inner, -1, 1), *y = check_alloc_f32(outer * oh * ow * inner);
  float *expected = check_alloc_f32(outer * oh * ow * inner), *to = expected;
  float scale_h = (float)ih / (float)oh, scale_w = (float)iw / (float)ow;
  for (int64_t u = 0; u < outer * oh; u++)
    for (int64_t o = 0; o < ow; o++)
      for (int64_t c = 0; c < inner; c++) {
        float sy = ((float)(u % oh) + shift) * scale_h + offset, sx = ((float)o + shift) * scale_w + offset;
        sy = sy < 0.0f ? 0.0f : sy > (float)(ih - 1) ? (float)(ih - 1) : sy;
        sx = sx < 0.0f ? 0.0f : sx > (float)(iw - 1) ? (float)(iw - 1) : sx;
        int64_t y0 = (int64_t)floorf(sy), x0 = (int64_t)floorf(sx), y1 = y0 + 1 < ih ? y0 + 1 : y0, x1 = x0 + 1 < iw ? x0 + 1 : x0;
        float wy = sy - (float)y0, wx = sx - (float)x0;
        const float *p = x + u / oh * ih * iw * inner + c;
        float top = p[(y0 * iw + x0) * inner] * (1.0f - wx) + p[(y0 * iw + x1) * inner] * wx;
        float bottom = p[(y1 * iw + x0) * inner] * (1.0f - wx) + p[(y1 * iw + x1) * inner] * wx;
        *to++ = top * (1.0f - wy) + bottom * wy;
      }
  sq_resize_bilinear_f32_args a = {x, y, outer, ih, iw, oh, ow, inner, scale_h, shift, offset, scale_w, shift, offset, NULL, 0};
  a.scratch_stride = sq_resize_bilinear_f32_scratch_bytes(&a);
  a.scratch = (uint8_t *)check_alloc(2 * a.scratch_stride);
  check_run(sq_resize_bilinear_f32, &a, sq_resize_bilinear_f32_units(&a));
  check_bytes("resize", expected, y, outer * oh * ow * inner * 4);
#if defined(__AVX512F__)
  check_run(sq_resize_bilinear_f32__avx512, &a, sq_resize_bilinear_f32_units(&a));
  check_bytes("resize, AVX-512", expected, y, outer * oh * ow * inner * 4);
#endif
#if defined(__wasm_simd128__)
  memset(y, 0, (size_t)(outer * oh * ow * inner) * 4);
  check_run(sq_resize_bilinear_f32__simd128, &a, sq_resize_bilinear_f32_units(&a));
  check_bytes("resize simd128", expected, y, outer * oh * ow * inner * 4);
#endif
  free(a.scratch);
  check_hash(y, outer * oh * ow * inner * 4);
  free(x), free(y), free(expected);
}

/* Byte for byte what two resizes give. */
static void test_resize_twice(int64_t outer, int64_t ih, int64_t iw, int64_t mh, int64_t mw, int64_t oh, int64_t ow, float shift,
                              float offset) {
  float *x = check_random_f32(outer * ih * iw, -1, 1), *middle = check_alloc_f32(outer * mh * mw);
  float *expected = check_alloc_f32(outer * oh * ow), *y = check_alloc_f32(outer * oh * ow);
  const float sh = (float)ih / (float)mh, sw = (float)iw / (float)mw, th = (float)mh / (float)oh, tw = (float)mw / (float)ow;
  sq_resize_twice_f32_args a = {
      {x, middle, outer, ih, iw, mh, mw, 1, sh, shift, offset, sw, shift, offset, check_alloc(16 * mw), 0},
      {middle, expected, outer, mh, mw, oh, ow, 1, th, shift, offset, tw, shift, offset, check_alloc(16 * ow), 0}, NULL, 0};
  sq_resize_bilinear_f32(&a.first, 0, sq_resize_bilinear_f32_units(&a.first), 0);
  sq_resize_bilinear_f32(&a.second, 0, sq_resize_bilinear_f32_units(&a.second), 0);
  free(a.first.scratch), free(a.second.scratch);
  a.first.y = NULL, a.first.scratch = a.second.scratch = NULL, a.second.x = NULL, a.second.y = y;
  a.scratch_stride = sq_resize_twice_f32_scratch_bytes(&a);
  a.scratch = (uint8_t *)check_alloc(2 * a.scratch_stride);
  check_run(sq_resize_twice_f32, &a, sq_resize_twice_f32_units(&a));
  check_bytes("resize twice", expected, y, outer * oh * ow * 4);
#if defined(__AVX512F__)
  check_run(sq_resize_twice_f32__avx512, &a, sq_resize_twice_f32_units(&a));
  check_bytes("resize twice, AVX-512", expected, y, outer * oh * ow * 4);
#endif
#if defined(__wasm_simd128__)
  memset(y, 0, (size_t)(outer * oh * ow) * 4);
  check_run(sq_resize_twice_f32__simd128, &a, sq_resize_twice_f32_units(&a));
  check_bytes("resize twice simd128", expected, y, outer * oh * ow * 4);
#endif
  check_hash(y, outer * oh * ow * 4);
  free(a.scratch), free(x), free(middle), free(expected), free(y);
}

SQ_DEFINE_COPY(32)
SQ_DEFINE_PERMUTE(32)

/* [outer, columns, rows] to [outer, rows, columns] with room behind each row, by tiles and by a list, as by a strided copy. */
static void test_transpose(int64_t outer, int64_t rows, int64_t columns, int64_t room) {
  const int64_t dims[] = {outer, rows, columns}, strides_x[] = {rows * columns, 1, rows};
  const int64_t strides_y[] = {rows * (columns + room), columns + room, 1}, size = outer * rows * (columns + room);
  float *x = check_random_f32(outer * rows * columns, -9.0f, 9.0f), *expected = check_alloc_f32(size), *y = check_alloc_f32(size);
  const sq_copy_args copy = {x, expected, 3, dims, strides_x, strides_y};
  const sq_transpose_args tiles = {x, y, 3, dims, strides_x, strides_y};
  check_run(sq_copy_32, &copy, sq_copy_units(&copy));
  check_run(sq_transpose_32, &tiles, sq_transpose_units(&tiles));
  check_bytes("transpose", expected, y, size * 4);
#if defined(__AVX512F__)
  memset(y, 0xff, (size_t)(size * 4));
  check_run(sq_transpose_32__avx512, &tiles, sq_transpose_units(&tiles));
  check_bytes("transpose, AVX-512", expected, y, size * 4);
#endif
  const sq_permute_args list = {x, y, 3, room == 0 ? 2 : 1, dims, strides_x, strides_y};
  if ((room == 0 ? rows : 1) * columns <= SQ_PERMUTE_MOST) {
    memset(y, 0xff, (size_t)(size * 4));
    check_run(sq_permute_32, &list, sq_permute_units(&list));
    check_bytes("permute", expected, y, size * 4);
  }
  check_hash(expected, size * 4);
  free(x), free(expected), free(y);
}

int main(void) {
  check_seed(2);
  const int64_t sizes[][6] = {{1, 1, 1, 1, 1, 1}, {1, 1, 9, 1, 1, 3}, {1, 7, 9, 1, 3, 3}, {4, 5, 6, 3, 2, 3}, {1, 8, 8, 1, 7, 7}, {1, 5, 4, 1, 2, 2}};
  const int64_t channels[][3] = {{1, 1, 1}, {6, 4, 2}, {20, 20, 20}, {16, 16, 16}, {3, 37, 1}, {8, 64, 2}};
  for (int s = 0; s < 6; s++)
    for (int c = 0; c < 6; c++)
      for (int t = 0; t < 2; t++) {
        test_conv(t, 1 + c % 2, channels[c][0], channels[c][1], channels[c][2], sizes[s], sizes[s] + 3, 1, 1, 0, 0);
        if (s > 0) test_conv(t, 1, channels[c][0], channels[c][1], channels[c][2], sizes[s], sizes[s] + 3, 2, 1, 1, 1);
        if (s > 0 && s < 4) test_conv(t, 1, channels[c][0], channels[c][1], channels[c][2], sizes[s], sizes[s] + 3, 1, 2, 2, 0);
      }
  for (int64_t n = 1; n < 70; n += 5) test_rows(3, n, n % 3);
  test_rows(1, 16, 0), test_rows(2, 768, 1), test_rows(5, 1300, 0);
  test_matmul(1, 1, 1, 1, 0, 0, 0), test_matmul(3, 3, 5, 7, 0, 0, 0), test_matmul(4, 17, 70, 9, 0, 0, 1);
  test_matmul(2, 4, 1030, 32, 0, 0, 0), test_matmul(2, 6, 33, 12, 1, 1, 1), test_matmul(1, 5, 16, 3, 1, 0, 0);
  test_matmul(2, 37, 4, 32, 0, 1, 0), test_matmul(2, 18, 3, 130, 1, 0, 1), test_matmul(1, 2, 1, 65, 0, 1, 0);
  test_matmul(2, 19, 4, 32, 0, 0, 1), test_matmul(1, 6, 516, 7, 1, 0, 0), test_matmul(1, 9, 4, 5, 0, 1, 0);
  for (int64_t rows = 1; rows < 40; rows += 5)
    for (int64_t columns = 1; columns < 40; columns += 6) test_transpose(1 + rows % 3, rows, columns, columns % 2 * 3);
  test_transpose(2, 64, 48, 0), test_transpose(1, 16, 16, 0), test_transpose(1, 0, 5, 0);
  test_resize(1, 1, 1, 1, 1, 1, 0.5f, -0.5f), test_resize(2, 7, 9, 21, 36, 1, 0.5f, -0.5f), test_resize(2, 9, 8, 4, 3, 1, 0.0f, 0.0f);
  test_resize(1, 5, 6, 11, 12, 19, 0.5f, -0.5f), test_resize(1, 64, 64, 255, 257, 1, 0.5f, -0.5f);
  test_resize(1, 40, 300, 20, 77, 1, 0.5f, -0.5f), test_resize(1, 30, 200, 20, 161, 1, 0.5f, -0.5f), test_resize(1, 4, 100, 3, 9, 1, 0.5f, -0.5f);
  test_resize_nothing(1), test_resize_nothing(3);
  test_resize_twice(2, 7, 9, 28, 36, 13, 17, 0.5f, -0.5f), test_resize_twice(3, 8, 8, 32, 20, 90, 70, 0.5f, -0.5f);
  test_resize_twice(1, 1, 1, 1, 1, 1, 1, 0.5f, -0.5f), test_resize_twice(2, 9, 8, 4, 3, 40, 2, 0.0f, 0.0f);
  test_resize(1, 6, 33, 6, 33, 1, 0.5f, -0.5f), test_resize(2, 8, 67, 5, 41, 1, 0.5f, -0.5f), test_resize(1, 3, 5, 7, 39, 1, 0.0f, 0.0f);
  return check_finish();
}
