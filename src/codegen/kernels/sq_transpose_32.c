#include "sq_transpose_32.h"

SQ_DEFINE_TRANSPOSE(32) /* sq_transpose_32 */
