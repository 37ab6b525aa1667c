#include <immintrin.h>

#include "sq_gelu_f32__avx512.h"
#include "sq_layer_norm_quantize_u8.h"
#include "sq_tree16_f32__avx512.h"

/* Lanes of a unit's rows: sums of x - mean (power 1) or its square (power 2). */
static inline __attribute__((always_inline)) void sq_layer_norm_quantize_u8__avx512_lanes(const int power, const float *x, int64_t stride,
                                                                                          int64_t rows, int64_t k, const float *means,
                                                                                          __m512 *lanes) {
  const int64_t whole = k / 16 * 16;
  const __mmask16 tail = (__mmask16)((1u << (k - whole)) - 1u);
  for (int64_t r = 0; r < rows; r++, x += stride) {
    const __m512 mean = _mm512_set1_ps(power == 1 ? 0.0f : means[r]);
    __m512 sum = _mm512_setzero_ps();
    for (int64_t j = 0; j < whole; j += 16) {
      const __m512 d = power == 1 ? _mm512_loadu_ps(x + j) : _mm512_sub_ps(_mm512_loadu_ps(x + j), mean);
      sum = _mm512_add_ps(sum, power == 1 ? d : _mm512_mul_ps(d, d));
    }
    if (tail) {
      const __m512 d = _mm512_sub_ps(_mm512_maskz_loadu_ps(tail, x + whole), mean);
      sum = _mm512_mask_add_ps(sum, tail, sum, power == 1 ? d : _mm512_mul_ps(d, d));
    }
    lanes[r] = sum;
  }
}

/* What all rows are normalised and quantized by. */
typedef struct {
  const float *gamma, *beta;
  __m512 inv_scale, low, high;
  __m512i zp;
} sq_layer_norm_quantize_u8__avx512_parameters;

/* 16 columns of a row, all of them or those of a mask; gelu and whole are constants where this is called. */
static inline __attribute__((always_inline)) void sq_layer_norm_quantize_u8__avx512_columns(
    const int gelu, const int whole, const sq_layer_norm_quantize_u8__avx512_parameters *p, const float *x, int64_t j, __mmask16 mask,
    __m512 mean, __m512 factor, float *y_f32, uint8_t *y_u8) {
  const __m512 d = _mm512_sub_ps(whole ? _mm512_loadu_ps(x + j) : _mm512_maskz_loadu_ps(mask, x + j), mean);
  const __m512 gamma = whole ? _mm512_loadu_ps(p->gamma + j) : _mm512_maskz_loadu_ps(mask, p->gamma + j);
  const __m512 beta = whole ? _mm512_loadu_ps(p->beta + j) : _mm512_maskz_loadu_ps(mask, p->beta + j);
  __m512 v = _mm512_add_ps(_mm512_mul_ps(_mm512_mul_ps(d, factor), gamma), beta);
  if (gelu) v = sq_gelu_f32__avx512_near(v);
  if (y_f32) {
    if (whole) _mm512_storeu_ps(y_f32 + j, v);
    else _mm512_mask_storeu_ps(y_f32 + j, mask, v);
  }
  if (y_u8) {
    __m512 t = _mm512_mul_ps(v, p->inv_scale);
    t = _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(t, t, _CMP_ORD_Q), t);
    t = _mm512_min_ps(_mm512_max_ps(t, p->low), p->high);
    const __m512i q = _mm512_cvt_roundps_epi32(t, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const __m128i codes = _mm512_cvtepi32_epi8(_mm512_add_epi32(q, p->zp));
    if (whole) _mm_storeu_si128((__m128i *)(void *)(y_u8 + j), codes);
    else _mm_mask_storeu_epi8(y_u8 + j, mask, codes);
  }
}

/* Normalised rows: floats and codes. gelu is a constant where this is called. */
static inline __attribute__((always_inline)) void sq_layer_norm_quantize_u8__avx512_rows(const int gelu,
                                                                                         const sq_layer_norm_quantize_u8_args *a,
                                                                                         int64_t row0, int64_t rows, const float *means,
                                                                                         const float *factors) {
  const sq_layer_norm_quantize_u8__avx512_parameters p = {a->gamma,
                                                          a->beta,
                                                          _mm512_set1_ps(a->inv_scale),
                                                          _mm512_set1_ps((float)-a->zp),
                                                          _mm512_set1_ps((float)(a->qmax - a->zp)),
                                                          _mm512_set1_epi32(a->zp)};
  const int64_t k = a->k, whole = k / 16 * 16;
  const __mmask16 tail = (__mmask16)((1u << (k - whole)) - 1u);
  for (int64_t r = 0; r < rows; r++) {
    const __m512 mean = _mm512_set1_ps(means[r]), factor = _mm512_set1_ps(factors[r]);
    const float *x = a->x + (row0 + r) * a->x_stride;
    float *y_f32 = a->y_f32 ? a->y_f32 + (row0 + r) * a->y_f32_stride : NULL;
    uint8_t *y_u8 = a->y_u8 ? a->y_u8 + (row0 + r) * a->y_u8_stride : NULL;
    for (int64_t j = 0; j < whole; j += 16)
      sq_layer_norm_quantize_u8__avx512_columns(gelu, 1, &p, x, j, tail, mean, factor, y_f32, y_u8);
    if (tail) sq_layer_norm_quantize_u8__avx512_columns(gelu, 0, &p, x, whole, tail, mean, factor, y_f32, y_u8);
  }
}

static void sq_layer_norm_quantize_u8__avx512(const void *args, int64_t begin, int64_t end, int64_t worker) {
  enum { ROWS = SQ_LAYER_NORM_QUANTIZE_U8_ROWS };
  const sq_layer_norm_quantize_u8_args *a = (const sq_layer_norm_quantize_u8_args *)args;
  const __m512 count = _mm512_set1_ps((float)a->k), eps = _mm512_set1_ps(a->eps), one = _mm512_set1_ps(1.0f);
  (void)worker;
  for (int64_t unit = begin; unit < end; unit++) {
    const int64_t row0 = unit * ROWS, rows = sq_min_i64(a->m - row0, ROWS);
    const float *x = a->x + row0 * a->x_stride;
    float means[ROWS], factors[ROWS];
    __m512 lanes[ROWS];
    for (int r = 0; r < ROWS; r++) lanes[r] = _mm512_setzero_ps();
    sq_layer_norm_quantize_u8__avx512_lanes(1, x, a->x_stride, rows, a->k, means, lanes);
    _mm512_storeu_ps(means, _mm512_div_ps(sq_tree16_f32__avx512(lanes), count));
    sq_layer_norm_quantize_u8__avx512_lanes(2, x, a->x_stride, rows, a->k, means, lanes);
    const __m512 variance = _mm512_div_ps(sq_tree16_f32__avx512(lanes), count);
    _mm512_storeu_ps(factors, _mm512_div_ps(one, _mm512_sqrt_ps(_mm512_add_ps(variance, eps))));
    if (a->gelu) sq_layer_norm_quantize_u8__avx512_rows(1, a, row0, rows, means, factors);
    else sq_layer_norm_quantize_u8__avx512_rows(0, a, row0, rows, means, factors);
  }
}
