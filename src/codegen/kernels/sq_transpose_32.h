#ifndef SQ_TRANSPOSE_32_H
#define SQ_TRANSPOSE_32_H
/* sq_transpose_32: sq_transpose.h for elements of 32 bits, which have kernels of their own. */
#include "sq_transpose.h"

#define sq_transpose_32_args sq_transpose_args
#define sq_transpose_32_units sq_transpose_units

#endif
