#ifndef SQ_GEMM_PANEL_U8S8_H
#define SQ_GEMM_PANEL_U8S8_H
/*
 * What the integer linear and convolution share on ISAs whose register tiles read x interleaved: a panel of rows is packed
 * into scratch once, then multiplied by every block of SQ_GEMM_PANEL_U8S8_NR channels (layout: sq_linear_u8s8.h, with groups
 * of kr values along k in place of four). Tiles of SQ_GEMM_PANEL_U8S8_MR rows; K = k rounded up to kr; a packed tile is
 * [K / kr][MR][kr] codes; rows past the last repeat it.
 */
#include "sq_gemm_u8s8.h"

#define SQ_GEMM_PANEL_U8S8_MR 12
#define SQ_GEMM_PANEL_U8S8_NR 16
#define SQ_GEMM_PANEL_U8S8_BYTES 131072 /* of a panel that has more than one tile: it stays in the second cache */

typedef struct {
  /* rows >= 1 of k codes to one packed tile. */
  void (*pack)(const uint8_t *x, int64_t x_stride, int64_t rows, int64_t k, uint8_t *tile);
  /* What the sums of a block start with: its biases, corrected for what pack does to the codes. */
  void (*start)(const int32_t *bias, const int8_t *values, int64_t depth, int32_t *init);
  /* acc[r][j] = init[j] + the product of a packed tile and a block. */
  void (*multiply)(const uint8_t *tile, const int8_t *values, int64_t depth, const int32_t *init, int32_t *acc);
  int64_t kr;
} sq_gemm_panel_u8s8_isa;

/* Rows of a panel, a multiple of MR, for a depth already rounded up; `most` is that of a unit. */
SQ_UNUSED static inline int64_t sq_gemm_panel_u8s8_rows(int64_t depth, int64_t most) {
  const int64_t mr = SQ_GEMM_PANEL_U8S8_MR, fit = SQ_GEMM_PANEL_U8S8_BYTES / (depth > 0 ? depth : 1) / mr;
  return sq_min_i64(sq_ceil_div_i64(most, mr), sq_max_i64(fit, 1)) * mr;
}

/* Scratch of one worker for the panel, behind what the kernel's header counts; a multiple of 64. */
SQ_UNUSED static inline int64_t sq_gemm_panel_u8s8_scratch(int64_t k, int64_t most) {
  const int64_t depth = sq_ceil_div_i64(k, 8) * 8;
  return sq_ceil_div_i64(sq_gemm_panel_u8s8_rows(depth, most) * depth, 64) * 64;
}

/* Rows x[0 .. rows) times blocks [block0, block1); the result's first row is row0, its channels n. */
SQ_UNUSED static inline __attribute__((always_inline)) void sq_gemm_panel_u8s8_run(
    const sq_gemm_panel_u8s8_isa isa, const sq_epilogue_u8s8 *epilogue, const uint8_t *x, int64_t x_stride, int64_t rows, int64_t k,
    int64_t row0, const uint8_t *weights, int32_t weight_bits, int64_t block0, int64_t block1, int64_t n, uint8_t *unpacked,
    uint8_t *panel) {
  enum { MR = SQ_GEMM_PANEL_U8S8_MR, NR = SQ_GEMM_PANEL_U8S8_NR };
  const int64_t depth = sq_ceil_div_i64(k, isa.kr) * isa.kr, step = sq_gemm_panel_u8s8_rows(sq_ceil_div_i64(k, 8) * 8, rows);
  const int64_t block_bytes = sq_gemm_u8s8_block_bytes(NR, depth, weight_bits);
  for (int64_t first = 0; first < rows; first += step) {
    const int64_t last = sq_min_i64(rows, first + step);
    for (int64_t i = first; i < last; i += MR)
      isa.pack(x + i * x_stride, x_stride, sq_min_i64(MR, last - i), k, panel + (i - first) * depth);
    for (int64_t b = block0; b < block1; b++) {
      const uint8_t *block = weights + b * block_bytes;
      const float *mult = (const float *)(const void *)(block + 4 * NR);
      const int8_t *values = sq_gemm_u8s8_values(block, NR, depth, weight_bits, unpacked);
      int32_t init[NR];
      isa.start((const int32_t *)(const void *)block, values, depth, init);
      for (int64_t i = first; i < last; i += MR) {
        int32_t acc[MR * NR];
        isa.multiply(panel + (i - first) * depth, values, depth, init, acc);
        sq_epilogue_u8s8_run(epilogue, acc, NR, mult, row0 + i, sq_min_i64(MR, last - i), b * NR, sq_min_i64(NR, n - b * NR));
      }
    }
  }
}

#endif
