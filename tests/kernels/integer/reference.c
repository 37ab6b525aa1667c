/*
 * Runs the portable kernels on cases from a file (argv[1], written by tests/ir/integer.test.ts) and writes their results to
 * argv[2], to be compared with the reference arithmetic. A case is a sequence of little-endian fields in the order in which
 * they are read below: int64, float32, and buffers (int64 length in bytes, then the bytes; an empty one is NULL).
 */
#include "check.h"
#include "sq_add_quantize_u8.c"
#include "sq_attention_u8.c"
#include "sq_conv_u8s8.c"
#include "sq_dequantize_u8.c"
#include "sq_layer_norm_quantize_u8.c"
#include "sq_linear_u8s8.c"
#include "sq_quantize_u8.c"
#include "sq_snap_u8.c"

static FILE *in, *out;

static void take(void *to, size_t bytes) {
  if (fread(to, 1, bytes, in) != bytes) {
    fprintf(stderr, "the cases end early\n");
    exit(2);
  }
}

static int64_t i64(void) {
  int64_t v;
  take(&v, 8);
  return v;
}

static int32_t i32(void) { return (int32_t)i64(); }

static float f32(void) {
  float v;
  take(&v, 4);
  return v;
}

/* Never freed: the cases are small. */
static void *buffer(void) {
  int64_t bytes = i64();
  void *p = bytes > 0 ? check_alloc(bytes) : NULL;
  if (bytes > 0) take(p, (size_t)bytes);
  return p;
}

static void give(const void *data, int64_t bytes) { fwrite(data, 1, (size_t)bytes, out); }

static void *scratch(int64_t bytes) { return (void *)(((uintptr_t)check_alloc(bytes + 64) + 63) & ~(uintptr_t)63); }

static void quantize(void) {
  sq_quantize_u8_args a = {.n = i64()};
  a.zp = i32(), a.qmax = i32(), a.inv_scale = f32(), a.x = buffer(), a.y = check_alloc(a.n);
  sq_quantize_u8(&a, 0, sq_quantize_u8_units(&a), 0);
  give(a.y, a.n);
}

static void dequantize(void) {
  sq_dequantize_u8_args a = {.n = i64()};
  a.zp = i32(), a.scale = f32(), a.x = buffer(), a.y = check_alloc(4 * a.n);
  sq_dequantize_u8(&a, 0, sq_dequantize_u8_units(&a), 0);
  give(a.y, 4 * a.n);
}

static void snap(void) {
  sq_snap_u8_args a = {.n = i64()};
  a.count = i32(), a.levels = buffer(), a.x = buffer(), a.y = check_alloc(a.n);
  sq_snap_u8(&a, 0, sq_snap_u8_units(&a), 0);
  give(a.y, a.n);
}

static void layer_norm(void) {
  sq_layer_norm_quantize_u8_args a = {.m = i64()};
  a.k = i64(), a.gelu = i32(), a.zp = i32(), a.qmax = i32(), a.eps = f32(), a.inv_scale = f32();
  a.x = buffer(), a.gamma = buffer(), a.beta = buffer(), a.x_stride = a.y_u8_stride = a.y_f32_stride = a.k;
  a.y_u8 = check_alloc(a.m * a.k), a.y_f32 = check_alloc(4 * a.m * a.k);
  sq_layer_norm_quantize_u8(&a, 0, sq_layer_norm_quantize_u8_units(&a), 0);
  give(a.y_u8, a.m * a.k), give(a.y_f32, 4 * a.m * a.k);
}

static void add(void) {
  sq_add_quantize_u8_args a = {.m = i64()};
  a.n = i64(), a.b_rows = i64(), a.zp = i32(), a.qmax = i32(), a.inv_scale = f32();
  a.a = buffer(), a.b = buffer(), a.a_stride = a.b_stride = a.y_u8_stride = a.y_f32_stride = a.n;
  a.y_u8 = check_alloc(a.m * a.n), a.y_f32 = check_alloc(4 * a.m * a.n);
  sq_add_quantize_u8(&a, 0, sq_add_quantize_u8_units(&a), 0);
  give(a.y_u8, a.m * a.n), give(a.y_f32, 4 * a.m * a.n);
}

static void linear(void) {
  sq_linear_u8s8_args a = {.m = i64()};
  a.n = i64(), a.k = i64(), a.weight_bits = i32(), a.activation = i32(), a.out_zp = i32(), a.out_qmax = i32();
  a.out_inv_scale = f32(), a.x = buffer(), a.weights = buffer(), a.residual = buffer();
  a.x_stride = a.k, a.y_u8_stride = a.y_f32_stride = a.residual_stride = a.n;
  if (a.out_qmax > 0) a.y_u8 = check_alloc(a.m * a.n);
  else a.y_f32 = check_alloc(4 * a.m * a.n);
  a.scratch = scratch(sq_linear_u8s8_scratch_bytes(&a));
  sq_linear_u8s8(&a, 0, sq_linear_u8s8_units(&a), 0);
  if (a.y_u8) give(a.y_u8, a.m * a.n);
  else give(a.y_f32, 4 * a.m * a.n);
}

static void conv(void) {
  sq_conv_u8s8_args a = {.batch = i64()};
  a.h = i64(), a.w = i64(), a.c = i64(), a.out_h = i64(), a.out_w = i64(), a.n = i64(), a.kernel_h = i64(), a.kernel_w = i64();
  a.stride_h = i64(), a.stride_w = i64(), a.dilation_h = i64(), a.dilation_w = i64(), a.pad_top = i64(), a.pad_left = i64();
  a.zp_x = i32(), a.weight_bits = i32(), a.activation = i32(), a.out_zp = i32(), a.out_qmax = i32(), a.out_inv_scale = f32();
  a.x = buffer(), a.weights = buffer(), a.x_stride = a.c, a.y_u8_stride = a.n;
  int64_t pixels = a.batch * a.out_h * a.out_w;
  a.y_u8 = check_alloc(pixels * a.n);
  a.scratch = scratch(sq_conv_u8s8_scratch_bytes(&a));
  sq_conv_u8s8(&a, 0, sq_conv_u8s8_units(&a), 0);
  give(a.y_u8, pixels * a.n);
}

static void attention(void) {
  sq_attention_u8_args a = {.batch = i64()};
  a.heads = i64(), a.m = i64(), a.n = i64(), a.c = i64(), a.cv = i64();
  int64_t tokens_q = i64(), tokens_k = i64();
  a.grid_h = i64(), a.grid_w = i64(), a.win_h = i64(), a.win_w = i64(), a.rel_qw = i64(), a.rel_kh = i64(), a.rel_kw = i64();
  a.bias_batch = i64(), a.bias_head = i64(), a.bias_row = i64();
  a.zq = i32(), a.k_offset = i32(), a.zv = i32(), a.kind = i32(), a.offset = i32(), a.levels = i32(), a.out_zp = i32();
  a.out_qmax = i32();
  a.logit_scale = f32(), a.t_scale = f32(), a.tau = f32(), a.log2_s = f32(), a.agq_scale = f32(), a.out_mul = f32();
  a.v_scale = f32(), a.rel_h_scale = f32(), a.rel_w_scale = f32();
  a.q = buffer(), a.k = buffer(), a.v = buffer(), a.k_pad = buffer(), a.v_pad = buffer(), a.table = buffer();
  a.rel_h = buffer(), a.rel_w = buffer(), a.bias = buffer();
  int64_t scratch_bytes = i64(), count = a.batch * tokens_q * a.heads * a.cv;
  if (scratch_bytes != sq_attention_u8_scratch_bytes(&a)) {
    fprintf(stderr, "scratch: %lld, expected %lld\n", (long long)scratch_bytes, (long long)sq_attention_u8_scratch_bytes(&a));
    exit(3);
  }
  a.q_row = a.k_row = a.heads * a.c, a.v_row = a.out_row = a.heads * a.cv;
  a.q_batch = tokens_q * a.q_row, a.k_batch = tokens_k * a.k_row, a.v_batch = tokens_k * a.v_row, a.out_batch = tokens_q * a.out_row;
  if (a.out_qmax > 0) a.out_u8 = check_alloc(count);
  else a.out_f32 = check_alloc(4 * count);
  a.scratch = scratch(scratch_bytes);
  sq_attention_u8(&a, 0, sq_attention_u8_units(&a), 0);
  if (a.out_u8) give(a.out_u8, count);
  else give(a.out_f32, 4 * count);
}

int main(int argc, char **argv) {
  static void (*const CASES[])(void) = {quantize, dequantize, layer_norm, add, linear, conv, attention, snap};
  if (argc != 3 || !(in = fopen(argv[1], "rb")) || !(out = fopen(argv[2], "wb"))) return 2;
  for (int64_t count = i64(); count > 0; count--) {
    int64_t which = i64();
    if (which < 0 || which > 7) return 2;
    CASES[which]();
  }
  return fclose(out) == 0 ? 0 : 2;
}
