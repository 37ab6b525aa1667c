#include "sq_matmul_body_f32.h"

static void sq_matmul_f32(const void *args, int64_t begin, int64_t end, int64_t worker) {
  (void)worker;
  sq_matmul_body_f32((const sq_matmul_f32_args *)args, begin, end, sq_matmul_f32_narrow);
}
