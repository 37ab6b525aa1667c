#ifndef SQ_GEMM_BLOCKS_U8S8__SIMD128_H
#define SQ_GEMM_BLOCKS_U8S8__SIMD128_H
/* What the integer linear and convolution for WebAssembly share: rows of codes times packed blocks, epilogue included. */
#include "sq_epilogue_u8s8__simd128.h"
#include "sq_gemm_u8s8__simd128.h"

/* Blocks at a time: of fewer bits two, which the scratch of sq_linear_u8s8_block_scratch holds unpacked. */
SQ_UNUSED static inline int64_t sq_gemm_blocks_u8s8__simd128_width(int32_t weight_bits) {
  return weight_bits == 8 ? SQ_GEMM_U8S8__SIMD128_BLOCKS : 2;
}

/*
 * `rows` rows of x, which are rows [i, i + rows) of the result, times blocks [b, b + blocks) of `weights`; the result has n
 * columns. The blocks stay in the level-1 cache while the rows pass, four of them widened once for all blocks.
 */
SQ_UNUSED static inline void sq_gemm_blocks_u8s8__simd128(const sq_epilogue_u8s8 *epilogue, const uint8_t *x, int64_t x_stride, int64_t rows,
                                                          int64_t i, int64_t k, const uint8_t *weights, int32_t weight_bits, int64_t b,
                                                          int64_t blocks, int64_t n, uint8_t *unpacked) {
  enum { MR = SQ_GEMM_U8S8__SIMD128_MR, NR = SQ_GEMM_U8S8__SIMD128_NR };
  const int64_t block_bytes = sq_gemm_u8s8_block_bytes(NR, k, weight_bits);
  const int32_t *bias[SQ_GEMM_U8S8__SIMD128_BLOCKS];
  const float *mult[SQ_GEMM_U8S8__SIMD128_BLOCKS];
  const int8_t *values[SQ_GEMM_U8S8__SIMD128_BLOCKS];
  for (int64_t w = 0; w < blocks; w++) {
    const uint8_t *block = weights + (b + w) * block_bytes;
    bias[w] = (const int32_t *)(const void *)block;
    mult[w] = (const float *)(const void *)(block + 4 * NR);
    uint8_t *to = weight_bits == 8 ? NULL : unpacked + w * sq_ceil_div_i64(k, 4) * 4 * NR;
    values[w] = sq_gemm_u8s8_values(block, NR, k, weight_bits, to);
  }
  for (int64_t r = 0; r < rows; r += MR) {
    int32_t acc[SQ_GEMM_U8S8__SIMD128_BLOCKS][MR * NR];
    const int64_t count = sq_min_i64(MR, rows - r);
    sq_gemm_u8s8__simd128_codes(count, x + r * x_stride, x_stride, k, blocks, bias, values, acc);
    for (int64_t w = 0; w < blocks; w++) {
      const int64_t j = (b + w) * NR;
      sq_epilogue_u8s8__simd128_run(epilogue, acc[w], NR, mult[w], i + r, count, j, sq_min_i64(NR, n - j));
    }
  }
}

#endif
