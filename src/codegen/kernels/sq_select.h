#ifndef SQ_SELECT_H
#define SQ_SELECT_H
/*
 * SQ_DEFINE_SELECT(bits): kernel sq_select_<bits>, y[i] = condition[i] ? a[i] : b[i] for elements of `bits` bits;
 * condition (bytes), a and b strided views of dims, y row-major. Unit: a row segment (sq_strided.h). y overlaps no operand.
 */
#include "sq_strided.h"
#include "sq_types.h"

typedef struct {
  const void *condition, *a, *b;
  void *y;
  int64_t rank;
  const int64_t *dims, *strides_condition, *strides_a, *strides_b;
} sq_select_args;

SQ_UNUSED static inline int64_t sq_select_units(const sq_select_args *p) { return sq_strided_units(p->dims, p->rank); }

#define SQ_DEFINE_SELECT(bits)                                                                                \
  SQ_KERNEL_SIGNATURE(sq_select_##bits) {                                                                     \
    const sq_select_args *p = (const sq_select_args *)args;                                                   \
    const int64_t last = p->rank - 1, step = p->strides_condition[last];                                      \
    const int64_t step_a = p->strides_a[last], step_b = p->strides_b[last];                                   \
    sq_strided_walk walk = sq_strided_start(p->dims, p->rank, begin);                                         \
    (void)worker;                                                                                             \
    for (int64_t unit = begin; unit < end; unit++, sq_strided_next(&walk)) {                                  \
      const uint8_t *condition = (const uint8_t *)p->condition + sq_strided_offset(&walk, p->strides_condition); \
      const SQ_C_##bits *a = (const SQ_C_##bits *)p->a + sq_strided_offset(&walk, p->strides_a);              \
      const SQ_C_##bits *b = (const SQ_C_##bits *)p->b + sq_strided_offset(&walk, p->strides_b);              \
      SQ_C_##bits *restrict y = (SQ_C_##bits *)p->y + walk.flat;                                              \
      const int64_t count = walk.count;                                                                       \
      if (step == 1 && step_a == 1 && step_b == 1) {                                                          \
        for (int64_t i = 0; i < count; i++) {                                                                 \
          const SQ_C_##bits u = a[i], v = b[i];                                                               \
          y[i] = condition[i] ? u : v;                                                                        \
        }                                                                                                     \
      } else {                                                                                                \
        for (int64_t i = 0; i < count; i++) {                                                                 \
          const SQ_C_##bits u = a[i * step_a], v = b[i * step_b];                                             \
          y[i] = condition[i * step] ? u : v;                                                                 \
        }                                                                                                     \
      }                                                                                                       \
    }                                                                                                         \
  }

#endif
