#ifndef SQ_EPILOGUE_U8S8__AVX512_H
#define SQ_EPILOGUE_U8S8__AVX512_H
/* The epilogue of sq_epilogue_u8s8.h for tiles of 32 columns. Byte for byte the portable one. */
#include <immintrin.h>

#include "sq_epilogue_u8s8.h"
#include "sq_gelu_f32__avx512.h"

/* code(t, zp, qmax) of sq_code.h, 16 at a time, low = -zp, high = qmax - zp. */
SQ_UNUSED static inline __m128i sq_epilogue_u8s8__avx512_code(__m512 t, __m512 low, __m512 high, __m512i zp) {
  t = _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(t, t, _CMP_ORD_Q), t);
  t = _mm512_min_ps(_mm512_max_ps(t, low), high);
  const __m512i q = _mm512_cvt_roundps_epi32(t, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  return _mm512_cvtepi32_epi8(_mm512_add_epi32(q, zp));
}

/* Fetches what a tile's epilogue will read and write, before its products are computed. */
SQ_UNUSED static inline void sq_epilogue_u8s8__avx512_prefetch(const sq_epilogue_u8s8 *e, int64_t i, int64_t rows, int64_t j,
                                                               int64_t columns) {
  for (int64_t r = i; r < i + rows; r++) {
    if (e->y_u8) _mm_prefetch((const char *)(e->y_u8 + r * e->y_u8_stride + j), _MM_HINT_T0);
    if (e->y_f32) {
      _mm_prefetch((const char *)(e->y_f32 + r * e->y_f32_stride + j), _MM_HINT_T0);
      _mm_prefetch((const char *)(e->y_f32 + r * e->y_f32_stride + j + (columns - 1)), _MM_HINT_T0);
    }
    if (e->residual && e->residual != e->y_f32) {
      _mm_prefetch((const char *)(e->residual + r * e->residual_stride + j), _MM_HINT_T0);
      _mm_prefetch((const char *)(e->residual + r * e->residual_stride + j + (columns - 1)), _MM_HINT_T0);
    }
  }
}

/* float(acc) * mult, then the activation (a constant where this is called). */
SQ_UNUSED static inline __attribute__((always_inline)) __m512 sq_epilogue_u8s8__avx512_value(const int activation, const int32_t *acc,
                                                                                             __m512 mult) {
  const __m512 v = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_loadu_si512(acc)), mult);
  if (activation == SQ_EPILOGUE_RELU) return _mm512_max_ps(v, _mm512_setzero_ps());
  return activation == SQ_EPILOGUE_GELU ? sq_gelu_f32__avx512_near(v) : v;
}

/* rne(min(v * inv_scale, high)) of finite values; below -2^31 anything below the least code. */
SQ_UNUSED static inline __attribute__((always_inline)) __m512i sq_epilogue_u8s8__avx512_round(__m512 v, __m512 inv_scale,
                                                                                              __m512 high) {
  return _mm512_cvt_roundps_epi32(_mm512_min_ps(_mm512_mul_ps(v, inv_scale), high), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/*
 * Codes of whole tiles of 32 columns, nothing else: two rows at a time, limited below by the packs' saturation (values here
 * are finite, or infinite, never NaN).
 */
SQ_UNUSED static inline __attribute__((always_inline)) void sq_epilogue_u8s8__avx512_codes(const int activation,
                                                                                           const sq_epilogue_u8s8 *e,
                                                                                           const int32_t *acc, const float *mult,
                                                                                           int64_t rows, uint8_t *y) {
  const __m512 m0 = _mm512_loadu_ps(mult), m1 = _mm512_loadu_ps(mult + 16), inv_scale = _mm512_set1_ps(e->out_inv_scale);
  const __m512 high = _mm512_set1_ps((float)(e->out_qmax - e->out_zp));
  const __m512i zp = _mm512_set1_epi16((short)e->out_zp);
  /* After the packs, word 4l + i has columns 4l .. 4l + 3 of (row 0, row 0 + 16, row 1, row 1 + 16)[i]. */
  const __m512i order = _mm512_set_epi32(15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0);
  for (int64_t r = 0; r < rows; r += 2) {
    const int32_t *second = r + 1 < rows ? acc + 32 : acc;
    const __m512i a0 = sq_epilogue_u8s8__avx512_round(sq_epilogue_u8s8__avx512_value(activation, acc, m0), inv_scale, high);
    const __m512i a1 = sq_epilogue_u8s8__avx512_round(sq_epilogue_u8s8__avx512_value(activation, acc + 16, m1), inv_scale, high);
    const __m512i b0 = sq_epilogue_u8s8__avx512_round(sq_epilogue_u8s8__avx512_value(activation, second, m0), inv_scale, high);
    const __m512i b1 = sq_epilogue_u8s8__avx512_round(sq_epilogue_u8s8__avx512_value(activation, second + 16, m1), inv_scale, high);
    const __m512i a = _mm512_adds_epi16(_mm512_packs_epi32(a0, a1), zp), b = _mm512_adds_epi16(_mm512_packs_epi32(b0, b1), zp);
    const __m512i codes = _mm512_permutexvar_epi32(order, _mm512_packus_epi16(a, b));
    _mm256_storeu_si256((__m256i *)(void *)y, _mm512_castsi512_si256(codes));
    if (r + 1 < rows) _mm256_storeu_si256((__m256i *)(void *)(y + e->y_u8_stride), _mm512_extracti64x4_epi64(codes, 1));
    acc += 64, y += 2 * e->y_u8_stride;
  }
}

/*
 * Float results of whole tiles of 14 rows and 32 columns, nothing else. Everything is read before anything is written: rows
 * a multiple of 1 KB apart would make later reads wait for earlier writes to the same offset in a page.
 */
SQ_UNUSED static inline __attribute__((always_inline)) void sq_epilogue_u8s8__avx512_floats(const int activation,
                                                                                            const sq_epilogue_u8s8 *e,
                                                                                            const int32_t *acc, const float *mult,
                                                                                            int64_t i, int64_t j) {
  for (int64_t c = 0; c < 32; c += 16) {
    const __m512 m = _mm512_loadu_ps(mult + c);
    __m512 v[14];
    if (e->residual) {
      const float *residual = e->residual + i * e->residual_stride + j + c;
#pragma GCC unroll 14
      for (int r = 0; r < 14; r++) v[r] = _mm512_loadu_ps(residual + r * e->residual_stride);
#pragma GCC unroll 14
      for (int r = 0; r < 14; r++) v[r] = _mm512_add_ps(sq_epilogue_u8s8__avx512_value(activation, acc + r * 32 + c, m), v[r]);
    } else {
#pragma GCC unroll 14
      for (int r = 0; r < 14; r++) v[r] = sq_epilogue_u8s8__avx512_value(activation, acc + r * 32 + c, m);
    }
    float *y = e->y_f32 + i * e->y_f32_stride + j + c;
#pragma GCC unroll 14
    for (int r = 0; r < 14; r++) _mm512_storeu_ps(y + r * e->y_f32_stride, v[r]);
  }
}

/* Everything: rows [i, i + rows), columns [j, j + columns). */
SQ_UNUSED static inline __attribute__((always_inline)) void sq_epilogue_u8s8__avx512_all(const int activation, const sq_epilogue_u8s8 *e,
                                                                                         const int32_t *acc, const float *mult,
                                                                                         int64_t i, int64_t rows, int64_t j,
                                                                                         int64_t columns) {
  const __m512 low = _mm512_set1_ps((float)-e->out_zp), high = _mm512_set1_ps((float)(e->out_qmax - e->out_zp));
  const __m512 inv_scale = _mm512_set1_ps(e->out_inv_scale);
  const __m512i zp = _mm512_set1_epi32(e->out_zp);
  for (int64_t c = 0; c < columns; c += 16) {
    const __mmask16 mask = (__mmask16)(columns - c >= 16 ? 0xffff : (1 << (columns - c)) - 1);
    const __m512 m = _mm512_loadu_ps(mult + c);
    for (int64_t r = 0; r < rows; r++) {
      __m512 v = sq_epilogue_u8s8__avx512_value(activation, acc + r * 32 + c, m);
      if (e->residual) v = _mm512_add_ps(v, _mm512_maskz_loadu_ps(mask, e->residual + (i + r) * e->residual_stride + j + c));
      if (e->y_f32) _mm512_mask_storeu_ps(e->y_f32 + (i + r) * e->y_f32_stride + j + c, mask, v);
      if (e->y_u8) {
        const __m128i q = sq_epilogue_u8s8__avx512_code(_mm512_mul_ps(v, inv_scale), low, high, zp);
        _mm_mask_storeu_epi8(e->y_u8 + (i + r) * e->y_u8_stride + j + c, mask, q);
      }
    }
  }
}

/* Rows [i, i + rows), columns [j, j + columns) with columns <= 32; acc rows are 32 apart, mult has 32 elements. */
SQ_UNUSED static __attribute__((noinline)) void sq_epilogue_u8s8__avx512_run(const sq_epilogue_u8s8 *e, const int32_t *acc,
                                                                             const float *mult, int64_t i, int64_t rows, int64_t j,
                                                                             int64_t columns) {
  const int codes = e->y_u8 && !e->y_f32 && !e->residual && columns == 32;
  const int floats = e->y_f32 && !e->y_u8 && columns == 32 && rows == 14;
  uint8_t *y = codes ? e->y_u8 + i * e->y_u8_stride + j : NULL;
#define SQ_EPILOGUE_U8S8__AVX512_CASE(ACTIVATION) \
  if (e->activation == ACTIVATION) { \
    if (codes) sq_epilogue_u8s8__avx512_codes(ACTIVATION, e, acc, mult, rows, y); \
    else if (floats && ACTIVATION == SQ_EPILOGUE_NONE) sq_epilogue_u8s8__avx512_floats(ACTIVATION, e, acc, mult, i, j); \
    else sq_epilogue_u8s8__avx512_all(ACTIVATION, e, acc, mult, i, rows, j, columns); \
  }
  SQ_EPILOGUE_U8S8__AVX512_CASE(SQ_EPILOGUE_NONE)
  SQ_EPILOGUE_U8S8__AVX512_CASE(SQ_EPILOGUE_RELU)
  SQ_EPILOGUE_U8S8__AVX512_CASE(SQ_EPILOGUE_GELU)
#undef SQ_EPILOGUE_U8S8__AVX512_CASE
}

#endif
