/*
 * Runs one kernel as often as its argument says, for bench/riscv-instructions.ts to count instructions: KERNEL of KERNEL_FILE;
 * with ATTENTION_KEYS n, 32 queries on n keys of 64 channels, else 48 rows of 512 codes times 64 channels.
 */
#include "pack.h"
#include KERNEL_FILE

/* Called through a pointer: a known callee is computed once for all runs. */
static sq_kernel volatile kernel = KERNEL;

static uint8_t *codes(int64_t count) {
  uint8_t *x = (uint8_t *)check_alloc(count);
  for (int64_t i = 0; i < count; i++) x[i] = (uint8_t)check_int(0, 255);
  return x;
}

int main(int argc, char **argv) {
  const int runs = argc > 1 ? atoi(argv[1]) : 1;
#ifdef ATTENTION_KEYS
  enum { m = 32, n = ATTENTION_KEYS, c = 64 };
  int16_t table[256];
  for (int i = 0; i < 256; i++) table[i] = (int16_t)(32767 >> (i / 16));
  sq_attention_u8_args a;
  memset(&a, 0, sizeof a);
  a.q = codes(m * c), a.k = codes(n * c), a.v = codes(n * c), a.out_u8 = codes(m * c);
  a.q_row = a.k_row = a.v_row = a.out_row = a.c = a.cv = c, a.batch = a.heads = 1, a.m = m, a.n = n;
  a.zq = a.k_offset = a.zv = a.out_zp = 128, a.out_qmax = 255, a.out_mul = 1.0f, a.logit_scale = 1e-4f;
  a.kind = SQ_ATTENTION_ROW_LOG2, a.levels = 256, a.table = table, a.t_scale = 23.0f;
  a.scratch_stride = sq_attention_u8_scratch_bytes(&a);
  a.scratch = (uint8_t *)aligned_alloc(64, (size_t)(a.scratch_stride + 63) / 64 * 64);
  for (int r = 0; r < runs; r++) kernel(&a, 0, sq_attention_u8_units(&a), 0);
#else
  enum { m = 48, n = 64, k = 512 };
  int8_t *w = (int8_t *)check_alloc(n * k);
  for (int64_t i = 0; i < n * k; i++) w[i] = (int8_t)check_int(-127, 127);
  sq_linear_u8s8_args a;
  memset(&a, 0, sizeof a);
  a.x = codes(m * k), a.y_u8 = codes(m * n), a.x_stride = a.k = k, a.m = m, a.n = a.y_u8_stride = n, a.weight_bits = 8;
  a.weights = pack_linear_u8s8(w, check_random_s32(n, -1000, 1000), check_random_f32(n, 1e-5f, 2e-5f), n, k, 16, 8);
  a.out_inv_scale = 1.0f, a.out_zp = 128, a.out_qmax = 255;
  for (int r = 0; r < runs; r++) kernel(&a, 0, sq_linear_u8s8_units(&a), 0);
#endif
  return 0;
}
