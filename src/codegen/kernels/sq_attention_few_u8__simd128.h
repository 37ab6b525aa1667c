#ifndef SQ_ATTENTION_FEW_U8__SIMD128_H
#define SQ_ATTENTION_FEW_U8__SIMD128_H
/*
 * Attention on at most 16 keys, for WebAssembly: SAM's decoder has thousands of queries on a handful of tokens. A row of logits is
 * at most four vectors, which stay in registers from the products to the codes; sums fit 32 bits. Byte for byte the portable kernel.
 */
#include "sq_attention_body_u8.h"
#include "sq_attention_pack_u8__simd128.h"
#include "sq_epilogue_u8s8__simd128.h"
#include "sq_exp2_f32__simd128.h"
#include "sq_gemm_u8s8__simd128.h"

SQ_UNUSED static inline int sq_attention_few_u8__simd128_takes(const sq_attention_u8_args *a) {
  return a->n <= 16 && a->cv % 16 == 0 && a->kind != SQ_ATTENTION_AGQ && a->win_h <= 0 && !a->rel_h && !a->bias;
}

/* Codes of a row of 4 * vectors logits, those from n on of -infinity; vectors is a constant after inlining. */
__attribute__((always_inline, unused)) static inline void sq_attention_few_u8__simd128_codes(const int vectors, const sq_attention_u8_args *a,
                                                                                             const int32_t *logits, int32_t *codes) {
  const v128_t scale = wasm_f32x4_splat(a->logit_scale), least = wasm_i32x4_const_splat((int)0xff800000u);
  const v128_t count = wasm_i32x4_splat((int32_t)a->n), magic = wasm_f32x4_const_splat(12582912.0f);
  v128_t x[4], lanes = least, index = wasm_i32x4_const(0, 1, 2, 3);
#pragma clang loop unroll(full)
  for (int i = 0; i < vectors; i++) {
    x[i] = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(wasm_v128_load(logits + 4 * i)), scale);
    x[i] = wasm_v128_bitselect(x[i], least, wasm_i32x4_lt(index, count));
    lanes = wasm_f32x4_pmax(lanes, x[i]);
    index = wasm_i32x4_add(index, wasm_i32x4_const_splat(4));
  }
  lanes = wasm_f32x4_pmax(lanes, wasm_i32x4_shuffle(lanes, lanes, 2, 3, 0, 1));
  const v128_t mx = wasm_f32x4_pmax(lanes, wasm_i32x4_shuffle(lanes, lanes, 1, 0, 3, 2));
  const int32_t offset = a->kind == SQ_ATTENTION_ROW_LOG2 ? a->offset : 0;
  const v128_t top = wasm_f32x4_splat((float)(a->levels - 1)), low = wasm_f32x4_splat((float)offset), high = wasm_f32x4_add(low, top);
  const v128_t zero = wasm_i32x4_splat(0x4b400000 + offset), t_scale = wasm_f32x4_splat(a->t_scale);
#pragma clang loop unroll(full)
  for (int i = 0; i < vectors; i++) {
    v128_t t;
    if (a->kind == SQ_ATTENTION_ROW_LOG2) {
      t = wasm_f32x4_mul(wasm_f32x4_sub(mx, x[i]), t_scale);
      t = wasm_f32x4_pmax(low, wasm_f32x4_pmin(high, t));
    } else {
      const v128_t power = wasm_f32x4_mul(wasm_f32x4_sub(x[i], mx), wasm_f32x4_const_splat(SQ_ATTENTION_U8_LOG2E));
      t = wasm_f32x4_mul(sq_exp2_f32__simd128(power), top);
      t = wasm_f32x4_pmin(top, wasm_f32x4_pmax(wasm_f32x4_const_splat(0.0f), t));
    }
    wasm_v128_store(codes + 4 * i, wasm_i32x4_sub(wasm_f32x4_add(t, magic), zero));
  }
}

/* Probabilities of a row, zeros up to whole groups of four; returns their sum. */
SQ_UNUSED static inline int32_t sq_attention_few_u8__simd128_look_up(const sq_attention_u8_args *a, const int32_t *codes, int16_t *p) {
  int32_t total = 0, j = 0;
  const int32_t n = (int32_t)a->n;
  for (; j < n; j++) {
    p[j] = a->table[codes[j]];
    total += p[j];
  }
  for (; j % 4 != 0; j++) p[j] = 0;
  return total;
}

/* Results of 16 channels from sums over values - 128. */
SQ_UNUSED static inline void sq_attention_few_u8__simd128_finish(const sq_attention_u8_args *a, const int32_t *part, int32_t total,
                                                                 int64_t at) {
  const v128_t shift = wasm_i32x4_splat(total * (128 - a->zv)), divisor = wasm_f32x4_splat((float)total);
  v128_t result[4];
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    const v128_t sum = wasm_f32x4_convert_i32x4(wasm_i32x4_add(wasm_v128_load(part + 4 * i), shift));
    result[i] = total > 0 ? wasm_f32x4_div(sum, divisor) : wasm_f32x4_const_splat(0.0f);
  }
  if (a->out_f32) {
    const v128_t scale = wasm_f32x4_splat(a->v_scale);
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) wasm_v128_store(a->out_f32 + at + 4 * i, wasm_f32x4_mul(result[i], scale));
  }
  if (a->out_u8) {
    const v128_t low = wasm_f32x4_splat((float)-a->out_zp), high = wasm_f32x4_splat((float)(a->out_qmax - a->out_zp));
    const v128_t mul = wasm_f32x4_splat(a->out_mul), zp = wasm_i32x4_splat(a->out_zp - 0x4b400000);
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++)
      result[i] = wasm_i32x4_add(sq_epilogue_u8s8__simd128_code(wasm_f32x4_mul(result[i], mul), low, high), zp);
    const v128_t codes =
        wasm_u8x16_narrow_i16x8(wasm_i16x8_narrow_i32x4(result[0], result[1]), wasm_i16x8_narrow_i32x4(result[2], result[3]));
    wasm_v128_store(a->out_u8 + at, codes);
  }
}

/* The codes of a query to 16 bits, zeros up to whole groups of four. */
SQ_UNUSED static inline void sq_attention_few_u8__simd128_widen(const uint8_t *query, int64_t c, int16_t *to) {
  int64_t ch = 0;
  for (; ch + 8 <= c; ch += 8) wasm_v128_store(to + ch, wasm_u16x8_load8x8(query + ch));
  for (; ch < c; ch++) to[ch] = query[ch];
  for (; ch % 4 != 0; ch++) to[ch] = 0;
}

static void sq_attention_few_u8__simd128(const sq_attention_u8_args *a, int64_t begin, int64_t end, int64_t worker) {
  enum { MR = SQ_ATTENTION_BODY_U8_MR };
  const int64_t groups = sq_attention_u8_groups(a), key_groups = sq_ceil_div_i64(a->n, 4);
  const sq_attention_body_u8_scratch s = sq_attention_body_u8_divide(a, a->scratch + worker * a->scratch_stride);
  const int32_t zeros[16] = {0};
  int64_t packed = -1;
  for (int64_t unit = begin; unit < end; unit++) {
    const int64_t b = unit / groups / a->heads, h = unit / groups % a->heads;
    if (packed != unit / groups) {
      packed = unit / groups;
      sq_attention_body_u8_pack(a, &s, a->k + b * a->k_batch + h * a->c, NULL, a->v + b * a->v_batch + h * a->cv, NULL, 0, 0,
                                sq_attention_pack_u8__simd128_key, sq_attention_pack_u8__simd128_values);
    }
    const int64_t last = sq_min_i64(a->m, (unit % groups + 1) * SQ_ATTENTION_U8_QUERIES);
    for (int64_t i = unit % groups * SQ_ATTENTION_U8_QUERIES; i < last; i += MR) {
      const int64_t rows = sq_min_i64(MR, last - i);
      int32_t logits[MR * 16], codes[16], part[MR * 16], total[MR];
      for (int64_t r = 0; r < rows; r++)
        sq_attention_few_u8__simd128_widen(a->q + b * a->q_batch + (i + r) * a->q_row + h * a->c, a->c, s.q + r * s.channels);
      sq_gemm_u8s8__simd128_tile(rows, s.q, s.channels, s.channels / 4, s.terms, s.k, logits, 16);
      for (int64_t r = 0; r < rows; r++) {
        if (a->n <= 8) sq_attention_few_u8__simd128_codes(2, a, logits + r * 16, codes);
        else sq_attention_few_u8__simd128_codes(4, a, logits + r * 16, codes);
        total[r] = sq_attention_few_u8__simd128_look_up(a, codes, s.p + r * s.row);
      }
      for (int64_t ch = 0; ch < a->cv; ch += 16) {
        sq_gemm_u8s8__simd128_tile(rows, s.p, s.row, key_groups, zeros, s.v + ch * 4 * key_groups, part, 16);
        for (int64_t r = 0; r < rows; r++)
          sq_attention_few_u8__simd128_finish(a, part + r * 16, total[r], b * a->out_batch + (i + r) * a->out_row + h * a->cv + ch);
      }
    }
  }
}

#endif
