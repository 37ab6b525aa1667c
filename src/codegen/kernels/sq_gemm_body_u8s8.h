#ifndef SQ_GEMM_BODY_U8S8_H
#define SQ_GEMM_BODY_U8S8_H
/* What the bodies of the integer kernels ask of an ISA: register tiles of at most 6 rows by 16 columns. */
#include "sq_gemm_u8s8.h"

#define SQ_GEMM_BODY_U8S8_MR 6

/* acc [rows][16] of rows x k codes of 8 bits and a block of 16 channels, for any k. */
typedef void (*sq_gemm_body_u8s8_codes)(int64_t rows, const uint8_t *x, int64_t x_stride, int64_t k, const int32_t *init,
                                        const int8_t *values, int32_t *acc);

/* acc[r * acc_stride + j] = init[j] + sum_{g < groups, e < 4} x[r * x_stride + 4g + e] * values[(16g + j) * 4 + e] */
typedef void (*sq_gemm_body_u8s8_tile)(int64_t rows, const int16_t *x, int64_t x_stride, int64_t groups, const int32_t *init,
                                       const int8_t *values, int32_t *acc, int64_t acc_stride);

#endif
