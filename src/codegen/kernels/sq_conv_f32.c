#include "sq_conv_body_f32.h"

static void sq_conv_f32(const void *args, int64_t begin, int64_t end, int64_t worker) {
  sq_conv_f32_body((const sq_conv_f32_args *)args, begin, end, worker, 4, 16, 0, sq_tile_f32_portable);
}
