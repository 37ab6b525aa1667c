#ifndef SQ_SCATTER_H
#define SQ_SCATTER_H
/*
 * What scatter_nd and scatter_elements do with an update: SQ_SCATTER_<reduction>_<class>(old, update, A, W). Integers
 * wrap; max and min give NaN where there is one.
 */
#include "sq_types.h"

#define SQ_SCATTER_none_flt(a, b, A, W) (b)
#define SQ_SCATTER_none_sgn(a, b, A, W) (b)
#define SQ_SCATTER_none_uns(a, b, A, W) (b)
#define SQ_SCATTER_add_flt(a, b, A, W) ((a) + (b))
#define SQ_SCATTER_add_sgn(a, b, A, W) ((A)((W)(a) + (W)(b)))
#define SQ_SCATTER_add_uns(a, b, A, W) ((A)((W)(a) + (W)(b)))
#define SQ_SCATTER_mul_flt(a, b, A, W) ((a) * (b))
#define SQ_SCATTER_mul_sgn(a, b, A, W) ((A)((W)(a) * (W)(b)))
#define SQ_SCATTER_mul_uns(a, b, A, W) ((A)((W)(a) * (W)(b)))
#define SQ_SCATTER_max_flt(a, b, A, W) ((a) > (b) || (a) != (a) ? (a) : (b))
#define SQ_SCATTER_max_sgn(a, b, A, W) ((a) > (b) ? (a) : (b))
#define SQ_SCATTER_max_uns(a, b, A, W) ((a) > (b) ? (a) : (b))
#define SQ_SCATTER_min_flt(a, b, A, W) ((a) < (b) || (a) != (a) ? (a) : (b))
#define SQ_SCATTER_min_sgn(a, b, A, W) ((a) < (b) ? (a) : (b))
#define SQ_SCATTER_min_uns(a, b, A, W) ((a) < (b) ? (a) : (b))

#endif
