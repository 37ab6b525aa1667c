#ifndef SQ_SCATTER_ELEMENTS_H
#define SQ_SCATTER_ELEMENTS_H
/*
 * SQ_DEFINE_SCATTER_ELEMENTS(reduction, d, i): kernel sq_scatter_elements_<reduction>_<d>_<i>: y, which holds a copy of x
 * and has strides_y, takes y[..., indices[..., j, ...], ...] = updates[..., j, ...] along `axis` of n elements in y, in
 * row-major order of each line. dims, strides: the shape of indices (dtype i) and updates. Indices: sq_index.h. Unit:
 * one line along axis (lines never meet).
 */
#include "sq_index.h"
#include "sq_scatter.h"
#include "sq_strided.h"
#include "sq_types.h"

typedef struct {
  const void *indices, *updates;
  void *y;
  int64_t rank, axis, n;
  const int64_t *dims, *strides, *strides_y;
} sq_scatter_elements_args;

SQ_UNUSED static inline int64_t sq_scatter_elements_units(const sq_scatter_elements_args *p) {
  return p->n == 0 ? 0 : sq_strided_product(p->dims, p->axis) *
                             sq_strided_product(p->dims + p->axis + 1, p->rank - p->axis - 1);
}

#define SQ_DEFINE_SCATTER_ELEMENTS(reduction, d, i)                                                          \
  SQ_SCATTER_ELEMENTS_KERNEL_(sq_scatter_elements_##reduction##_##d##_##i,                                   \
                              SQ_PASTE(SQ_SCATTER_##reduction##_, SQ_CLASS_##d), d, i)
#define SQ_SCATTER_ELEMENTS_KERNEL_(name, expression, d, i)                                                  \
  SQ_KERNEL_SIGNATURE(name) {                                                                                \
    const sq_scatter_elements_args *p = (const sq_scatter_elements_args *)args;                              \
    const int64_t step = p->strides[p->axis], step_y = p->strides_y[p->axis];                                \
    (void)worker;                                                                                            \
    for (int64_t unit = begin; unit < end; unit++) {                                                         \
      int64_t at = 0, at_y = 0, rest = unit;                                                                 \
      for (int64_t axis = p->rank - 1; axis >= 0; axis--) {                                                  \
        if (axis == p->axis) continue;                                                                       \
        at += rest % p->dims[axis] * p->strides[axis];                                                       \
        at_y += rest % p->dims[axis] * p->strides_y[axis];                                                   \
        rest /= p->dims[axis];                                                                               \
      }                                                                                                      \
      for (int64_t j = 0; j < p->dims[p->axis]; j++) {                                                       \
        const int64_t to = sq_index_clamp(((const SQ_C_##i *)p->indices)[at + j * step], p->n);              \
        SQ_C_##d *y = (SQ_C_##d *)p->y + at_y + to * step_y;                                                 \
        const SQ_A_##d old = SQ_LOAD_##d(*y);                                                                \
        const SQ_A_##d update = SQ_LOAD_##d(((const SQ_C_##d *)p->updates)[at + j * step]);                  \
        (void)old;                                                                                           \
        *y = SQ_STORE_##d(expression(old, update, SQ_A_##d, SQ_W_##d));                                      \
      }                                                                                                      \
    }                                                                                                        \
  }

#endif
