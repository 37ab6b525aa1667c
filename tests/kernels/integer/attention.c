/*
 * sq_attention_u8, a variant against the portable kernel by bytes. Compiled with -DATTENTION and -DATTENTION_FILE; without
 * them the portable kernel runs against itself with another split of the units, and the digest is what others must match.
 */
#include "pack.h"
#include "sq_attention_u8.c"
#ifdef ATTENTION
#include ATTENTION_FILE
#else
#define ATTENTION sq_attention_u8
#endif

static void table_fill(int16_t *table, int kind, int levels, float tau) {
  for (int code = 0; code < levels; code++) {
    table[code] = (int16_t)(kind == SQ_ATTENTION_ROW_UNIFORM ? code : lrint(32767.0 * pow(2.0, -code / (double)tau)));
    if (kind != SQ_ATTENTION_ROW_UNIFORM && code == levels - 1) table[code] = 0;
  }
}

typedef struct {
  int64_t batch, heads, m, n, c, cv;
  int64_t grid_h, grid_w, win_h, win_w; /* windows; m, n follow */
  int64_t qh, qw, kh, kw;               /* relative position; m, n follow */
  int bias, kind, bits, codes, infinite;
} shape;

static void test(shape s) {
  static const float TAU[] = {1.0f, 2.0f, 4.0f, 8.0f, 16.0f};
  const int top = (1 << s.bits) - 1;
  int64_t tokens_q, tokens_k;
  if (s.win_h) s.m = s.n = s.win_h * s.win_w;
  if (s.kh) s.m = s.qh * s.qw, s.n = s.kh * s.kw;
  tokens_q = s.win_h ? s.grid_h * s.grid_w : s.m;
  tokens_k = s.win_h ? s.grid_h * s.grid_w : s.n;
  sq_attention_u8_args a = {.batch = s.batch, .heads = s.heads, .m = s.m, .n = s.n, .c = s.c, .cv = s.cv, .kind = s.kind,
                            .grid_h = s.grid_h, .grid_w = s.grid_w, .win_h = s.win_h, .win_w = s.win_w, .levels = 1 << s.codes,
                            .zq = (int32_t)check_int(0, top), .zv = (int32_t)check_int(0, top), .out_zp = (int32_t)check_int(0, top),
                            .out_qmax = top, .log2_s = -3.3f, .v_scale = 0.07f};
  a.k_offset = s.bits == 8 ? 128 : (int32_t)check_int(0, top);
  a.tau = TAU[check_int(0, 4)], a.t_scale = a.tau * 1.44269502f;
  a.offset = s.kind == SQ_ATTENTION_ROW_LOG2 && check_u32() % 2 ? (int32_t)check_int(0, 4) : 0;
  a.logit_scale = 12.0f / ((float)top * (float)top * sqrtf((float)s.c));
  a.agq_scale = 0.11f / 32767.0f, a.out_mul = check_f32(0.5f, 1.5f) * (s.kind == SQ_ATTENTION_AGQ ? 0.2f : 1.0f);
  int16_t *table = (int16_t *)check_alloc(2 * a.levels);
  table_fill(table, s.kind, a.levels, a.tau);
  a.table = table;
  a.q_row = s.heads * s.c + check_int(0, 5), a.k_row = s.heads * s.c + check_int(0, 5), a.v_row = s.heads * s.cv + check_int(0, 5);
  a.out_row = s.heads * s.cv + check_int(0, 5);
  a.q_batch = a.q_row * tokens_q, a.k_batch = a.k_row * tokens_k, a.v_batch = a.v_row * tokens_k, a.out_batch = a.out_row * tokens_q;
  uint8_t *q = check_random_u8((s.batch * tokens_q - 1) * a.q_row + s.heads * s.c, 0, top);
  uint8_t *k = check_random_u8((s.batch * tokens_k - 1) * a.k_row + s.heads * s.c, 0, top);
  uint8_t *v = check_random_u8((s.batch * tokens_k - 1) * a.v_row + s.heads * s.cv, 0, top);
  uint8_t *k_pad = check_random_u8(s.heads * s.c, 0, top), *v_pad = check_random_u8(s.heads * s.cv, 0, top);
  a.q = q, a.k = k, a.v = v;
  if (s.win_h) a.k_pad = k_pad, a.v_pad = v_pad;
  int8_t *rel_h = NULL, *rel_w = NULL;
  if (s.kh) {
    int8_t *h = (int8_t *)check_random_u8(s.qh * s.kh * s.c, 0, 255), *w = (int8_t *)check_random_u8(s.qw * s.kw * s.c, 0, 255);
    a.rel_h = rel_h = pack_relative_u8(h, s.qh, s.kh, s.c, a.zq), a.rel_w = rel_w = pack_relative_u8(w, s.qw, s.kw, s.c, a.zq);
    a.rel_qw = s.qw, a.rel_kh = s.kh, a.rel_kw = s.kw, a.rel_h_scale = 0.5f * a.logit_scale, a.rel_w_scale = 0.7f * a.logit_scale;
    free(h), free(w);
  }
  int64_t items = s.batch * sq_attention_u8_windows(&a);
  float *bias = NULL;
  if (s.bias) {
    a.bias_row = s.bias == 1 ? s.n : 0, a.bias_head = s.bias == 1 ? s.m * s.n : 0, a.bias_batch = s.bias == 1 ? s.heads * s.m * s.n : 0;
    int64_t count = s.bias == 1 ? items * s.heads * s.m * s.n : s.n;
    bias = check_random_f32(count, -4.0f, 4.0f);
    if (s.infinite)
      for (int64_t i = 0; i < count; i++)
        if (check_u32() % 4 < (uint32_t)s.infinite) bias[i] = check_u32() % 16 == 15 && s.infinite < 4 ? NAN : -INFINITY;
    a.bias = bias;
  }
  int64_t scratch_bytes = sq_attention_u8_scratch_bytes(&a), out = (s.batch * tokens_q - 1) * a.out_row + s.heads * s.cv;
  uint8_t *scratch = (uint8_t *)check_alloc(2 * scratch_bytes + 64);
  a.scratch = (uint8_t *)(((uintptr_t)scratch + 63) & ~(uintptr_t)63), a.scratch_stride = scratch_bytes;
  int both = check_u32() % 3 == 0;
  uint8_t *e_u8 = (uint8_t *)check_alloc(out), *r_u8 = (uint8_t *)check_alloc(out);
  float *e_f32 = check_alloc_f32(out), *r_f32 = check_alloc_f32(out);
  a.out_u8 = e_u8, a.out_f32 = both ? e_f32 : NULL;
  sq_attention_u8(&a, 0, sq_attention_u8_units(&a), 0);
  a.out_u8 = r_u8, a.out_f32 = both ? r_f32 : NULL;
  memset(scratch, 0xa5, (size_t)(2 * scratch_bytes + 64));
  check_run(ATTENTION, &a, sq_attention_u8_units(&a));
  char what[200];
  snprintf(what, sizeof what, "attention kind %d bits %d codes %d batch %d heads %d m %d n %d c %d cv %d win %dx%d rel %dx%d bias %d", s.kind,
           s.bits, s.codes, (int)s.batch, (int)s.heads, (int)s.m, (int)s.n, (int)s.c, (int)s.cv, (int)s.win_h, (int)s.win_w, (int)s.kh,
           (int)s.kw, s.bias);
  check_bytes(what, e_u8, r_u8, out);
  check_bytes(what, e_f32, r_f32, 4 * out);
  check_hash(e_u8, out), check_hash(e_f32, 4 * out);
  free(table), free(q), free(k), free(v), free(k_pad), free(v_pad), free(rel_h), free(rel_w), free(bias), free(scratch);
  free(e_u8), free(r_u8), free(e_f32), free(r_f32);
}

int main(void) {
  static const int BITS[] = {8, 6, 4};
  check_seed(3);
  for (int i = 0; i < 240; i++) {
    shape s = {.batch = check_int(1, 2), .heads = check_int(1, 3), .m = check_int(1, 40), .n = check_int(1, i % 6 == 0 ? 700 : 90),
               .c = i % 3 == 0 ? 64 : check_int(1, 70), .cv = i % 4 == 0 ? 32 : check_int(1, 70), .kind = i % 3, .bits = BITS[i / 3 % 3],
               .codes = BITS[i / 9 % 3], .bias = i % 5 == 0 ? 1 : i % 5 == 1 ? 2 : 0};
    if (i % 4 == 1) {
      s.win_h = check_int(1, 6), s.win_w = check_int(1, 6), s.grid_h = check_int(1, 11), s.grid_w = check_int(1, 11);
      if (i % 8 == 1) s.qh = s.kh = s.win_h, s.qw = s.kw = s.win_w;
    } else if (i % 4 == 2) {
      s.qh = check_int(1, 5), s.qw = check_int(1, 9), s.kh = check_int(1, 5), s.kw = check_int(1, 40);
    }
    if (s.bias) s.infinite = (int)check_int(0, 4);
    test(s);
  }
  for (int i = 0; i < 60; i++) { /* many queries of few keys */
    shape s = {.batch = check_int(1, 2), .heads = check_int(1, 8), .m = check_int(1, 70), .n = check_int(1, 17), .c = check_int(1, 20),
               .cv = i % 3 == 0 ? 16 : check_int(1, 17), .kind = i % 2, .bits = BITS[i / 3 % 3], .codes = BITS[i / 9 % 3]};
    if (i % 4 == 1) s.win_h = check_int(1, 4), s.win_w = check_int(1, 4), s.grid_h = check_int(1, 11), s.grid_w = check_int(1, 11);
    test(s);
  }
  for (int i = 0; i < 64; i++) { /* few keys */
    shape few = {.batch = 1, .heads = check_int(1, 3), .m = check_int(1, 11), .n = 1 + i % 18, .c = check_int(1, 35), .cv = 16 * check_int(1, 3),
                 .kind = i % 3, .bits = BITS[i / 3 % 3], .codes = BITS[i / 9 % 3]};
    test(few);
  }
  shape vit = {.batch = 1, .heads = 1, .c = 64, .cv = 64, .win_h = 14, .win_w = 14, .grid_h = 20, .grid_w = 17, .qh = 14, .qw = 14,
               .kh = 14, .kw = 14, .bits = 8, .codes = 8};
  test(vit);
  shape large = {.batch = 1, .heads = 1, .m = 3, .n = 4099, .c = 64, .cv = 64, .bits = 8, .codes = 8, .kind = SQ_ATTENTION_ROW_LOG2};
  test(large);
  return check_finish();
}
