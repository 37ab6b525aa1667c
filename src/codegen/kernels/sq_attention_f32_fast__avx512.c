#include "sq_attention_body_f32.h"
#include "sq_attention_pack_f32_avx512.h"
#include "sq_tile_f32_avx512.h"

static float sq_attention_f32_fast__avx512_logits(float *l, int64_t first, int64_t count, const sq_attention_f32_row *row) {
  const __m512 scale = _mm512_set1_ps(row->scale), low = _mm512_set1_ps(SQ_ATTENTION_F32_MINUS_INFINITY);
  __m512 top = low;
  if (row->rel_h) {
    int64_t ky = first / row->rel_kw, kx = first % row->rel_kw;
    for (int64_t j = 0; j < count; ky++, kx = 0) {
      int64_t run = sq_min_i64(row->rel_kw - kx, count - j);
      const __m512 height = _mm512_set1_ps(row->rel_h[ky]);
      for (int64_t t = 0; t < run; t += 16) {
        const __mmask16 mask = (__mmask16)(run - t >= 16 ? 0xffffu : (1u << (run - t)) - 1u);
        __m512 x = _mm512_add_ps(height, _mm512_maskz_loadu_ps(mask, row->rel_w + kx + t));
        x = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, l + j + t), scale, x);
        _mm512_mask_storeu_ps(l + j + t, mask, x);
        top = _mm512_mask_max_ps(top, mask, top, x);
      }
      j += run;
    }
    const __mmask16 whole = (__mmask16)(count % 16 ? (1u << (count % 16)) - 1u : 0xffffu);
    _mm512_mask_storeu_ps(l + (count - 1) / 16 * 16, (__mmask16)~whole, low);
    if (!row->bias) return _mm512_reduce_max_ps(top);
    top = low;
  }
  const __m512 factor = row->rel_h ? _mm512_set1_ps(1.0f) : scale;
  for (int64_t j = 0; j < count; j += 16) {
    const __mmask16 mask = (__mmask16)(count - j >= 16 ? 0xffffu : (1u << (count - j)) - 1u);
    __m512 x = _mm512_mul_ps(_mm512_loadu_ps(l + j), factor);
    if (row->bias) x = _mm512_add_ps(x, _mm512_maskz_loadu_ps(mask, row->bias + first + j));
    x = _mm512_mask_mov_ps(low, mask, x);
    _mm512_storeu_ps(l + j, x);
    top = _mm512_max_ps(top, x);
  }
  return _mm512_reduce_max_ps(top);
}

/* 2^(d log2 e): a whole power by scalef, the fraction in [-1/2, 1/2] by a polynomial of degree 5 (1e-7). */
static void sq_attention_f32_fast__avx512_weights(float *l, int64_t count, float base, float *lanes) {
  __m512 sum = _mm512_loadu_ps(lanes);
  for (int64_t j = 0; j < count; j += 16) {
    const __m512 d = _mm512_sub_ps(_mm512_loadu_ps(l + j), _mm512_set1_ps(base));
    const __mmask16 counts = _mm512_cmp_ps_mask(d, _mm512_set1_ps(-87.0f), _CMP_NLT_UQ);
    const __m512 y = _mm512_mul_ps(d, _mm512_set1_ps(1.44269502f));
    const __m512 n = _mm512_roundscale_ps(y, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC), r = _mm512_sub_ps(y, n);
    __m512 p = _mm512_set1_ps(0.0013264697f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.00967153441f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.0555073395f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.240222424f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.693147004f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
    p = _mm512_maskz_scalef_ps(counts, p, n);
    _mm512_storeu_ps(l + j, p);
    sum = _mm512_add_ps(sum, p);
  }
  _mm512_storeu_ps(lanes, sum);
}

static void sq_attention_f32_fast__avx512(const void *args, int64_t begin, int64_t end, int64_t worker) {
  static const sq_attention_f32_ops ops = {14,
                                           32,
                                           16,
                                           0,
                                           sq_tile_f32_avx512_fused,
                                           sq_attention_f32_pack_avx512,
                                           sq_attention_f32_fast__avx512_logits,
                                           sq_attention_f32_fast__avx512_weights};
  sq_attention_f32_body((const sq_attention_f32_args *)args, begin, end, worker, &ops);
}
