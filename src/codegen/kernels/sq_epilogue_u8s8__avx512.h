#ifndef SQ_EPILOGUE_U8S8__AVX512_H
#define SQ_EPILOGUE_U8S8__AVX512_H
/* The epilogue of sq_epilogue_u8s8.h for tiles of 32 columns. Byte for byte the portable one. */
#include <immintrin.h>

#include "sq_epilogue_u8s8.h"
#include "sq_math.h"

/* code(t, zp, qmax) of sq_code.h, 16 at a time, low = -zp, high = qmax - zp. */
SQ_UNUSED static inline __m128i sq_epilogue_u8s8__avx512_code(__m512 t, __m512 low, __m512 high, __m512i zp) {
  t = _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(t, t, _CMP_ORD_Q), t);
  t = _mm512_min_ps(_mm512_max_ps(t, low), high);
  const __m512i q = _mm512_cvt_roundps_epi32(t, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  return _mm512_cvtepi32_epi8(_mm512_add_epi32(q, zp));
}

/* Rows [i, i + rows), columns [j, j + columns) with columns <= 32; acc rows are 32 apart, mult has 32 elements. */
SQ_UNUSED static __attribute__((noinline)) void sq_epilogue_u8s8__avx512_run(const sq_epilogue_u8s8 *e, const int32_t *acc,
                                                                             const float *mult, int64_t i, int64_t rows,
                                                                             int64_t j, int64_t columns) {
  const __m512 low = _mm512_set1_ps((float)-e->out_zp), high = _mm512_set1_ps((float)(e->out_qmax - e->out_zp));
  const __m512 inv_scale = _mm512_set1_ps(e->out_inv_scale), zero = _mm512_setzero_ps();
  const __m512i zp = _mm512_set1_epi32(e->out_zp);
  for (int64_t c = 0; c < columns; c += 16) {
    const __mmask16 mask = (__mmask16)(columns - c >= 16 ? 0xffff : (1 << (columns - c)) - 1);
    const __m512 m = _mm512_loadu_ps(mult + c);
    if (e->y_u8 && !e->y_f32 && !e->residual && e->activation != SQ_EPILOGUE_GELU && mask == 0xffff) {
      /* The common case, requantize: v is never NaN. Relu is a higher lower bound. */
      const __m512 low_relu = e->activation == SQ_EPILOGUE_RELU ? zero : low;
      uint8_t *y = e->y_u8 + i * e->y_u8_stride + j + c;
      for (int64_t r = 0; r < rows; r++) {
        __m512 v = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_loadu_si512(acc + r * 32 + c)), m);
        v = _mm512_min_ps(_mm512_max_ps(_mm512_mul_ps(v, inv_scale), low_relu), high);
        const __m512i q = _mm512_cvt_roundps_epi32(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        _mm_storeu_si128((__m128i *)(void *)(y + r * e->y_u8_stride), _mm512_cvtepi32_epi8(_mm512_add_epi32(q, zp)));
      }
      continue;
    }
    for (int64_t r = 0; r < rows; r++) {
      __m512 v = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_loadu_si512(acc + r * 32 + c)), m);
      if (e->activation == SQ_EPILOGUE_RELU) {
        v = _mm512_max_ps(v, zero);
      } else if (e->activation == SQ_EPILOGUE_GELU) {
        float lanes[16];
        _mm512_storeu_ps(lanes, v);
        for (int l = 0; l < 16; l++) lanes[l] = sq_gelu_erf_f32(lanes[l]);
        v = _mm512_loadu_ps(lanes);
      }
      if (e->residual) v = _mm512_add_ps(v, _mm512_maskz_loadu_ps(mask, e->residual + (i + r) * e->residual_stride + j + c));
      if (e->y_f32) _mm512_mask_storeu_ps(e->y_f32 + (i + r) * e->y_f32_stride + j + c, mask, v);
      if (e->y_u8) {
        const __m128i q = sq_epilogue_u8s8__avx512_code(_mm512_mul_ps(v, inv_scale), low, high, zp);
        _mm_mask_storeu_epi8(e->y_u8 + (i + r) * e->y_u8_stride + j + c, mask, q);
      }
    }
  }
}

#endif
