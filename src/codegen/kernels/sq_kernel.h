#ifndef SQ_KERNEL_H
#define SQ_KERNEL_H
/*
 * The kernel contract.
 *
 * A kernel is one static function of type sq_kernel. It does the units of work [begin, end) of an operation whose
 * operands are in a struct of its own; what a unit is (a row, a tile, a head and query tile) its header says. Units are
 * independent: any split of them over any number of workers gives the same bytes.
 *
 * A kernel may not: call libc (memcpy, memset included: the compiler may emit them, we do not), allocate, keep state, read
 * or write outside its operands, assume alignment beyond that of the element type unless its header says so, contract
 * a*b+c, or use -ffast-math. `worker` is in [0, workers); scratch, where a kernel needs it, is args->scratch +
 * worker * args->scratch_stride bytes.
 */
#include <stddef.h>
#include <stdint.h>

typedef void (*sq_kernel)(const void *args, int64_t begin, int64_t end, int64_t worker);

/* For helpers in headers: a model may use a header without using all of it. */
#define SQ_UNUSED __attribute__((unused))

SQ_UNUSED static inline int64_t sq_min_i64(int64_t a, int64_t b) { return a < b ? a : b; }
SQ_UNUSED static inline int64_t sq_max_i64(int64_t a, int64_t b) { return a > b ? a : b; }
SQ_UNUSED static inline int64_t sq_ceil_div_i64(int64_t a, int64_t b) { return (a + b - 1) / b; }

#endif
