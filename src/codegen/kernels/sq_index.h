#ifndef SQ_INDEX_H
#define SQ_INDEX_H
/*
 * Indices of gather and scatter: negative ones count from the end; what is out of range is clamped, so that nothing
 * outside the operands is read or written. `size` > 0.
 */
#include "sq_kernel.h"

SQ_UNUSED static inline int64_t sq_index_clamp(int64_t index, int64_t size) {
  index = index < 0 ? index + size : index;
  return index < 0 ? 0 : index >= size ? size - 1 : index;
}

#endif
