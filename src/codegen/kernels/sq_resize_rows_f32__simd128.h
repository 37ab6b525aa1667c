#ifndef SQ_RESIZE_ROWS_F32__SIMD128_H
#define SQ_RESIZE_ROWS_F32__SIMD128_H
/* Rows widened for WebAssembly. */
#include <wasm_simd128.h>
/* It brings stdbool.h; elsewhere bool is the name of an element type, which macros paste. */
#undef bool

#include "sq_resize_rows_f32.h"

/*
 * Four columns at a time where what they read lies within five neighbouring elements, as it does unless the result is
 * smaller: two loads, of which bytes are picked by what the columns' distances say.
 */
SQ_UNUSED static void sq_resize_rows_f32__simd128_widen(const float *restrict row, int64_t in_w, const int32_t *restrict x0,
                                                        const float *restrict wx, float *restrict wide, int64_t n) {
  const v128_t one = wasm_f32x4_const_splat(1.0f);
  int64_t o = 0;
  for (; o + 4 <= n; o += 4) {
    const int32_t first = x0[o];
    if (first + 5 > in_w || x0[o + 3] - first > 3) { /* columns only grow */
      sq_resize_rows_f32_widen(row, in_w, x0 + o, wx + o, wide + o, 4);
      continue;
    }
    const v128_t distance = wasm_i32x4_sub(wasm_v128_load(x0 + o), wasm_i32x4_splat(first));
    const v128_t bytes = wasm_i32x4_add(wasm_i32x4_mul(distance, wasm_i32x4_const_splat(0x04040404)), wasm_i32x4_const_splat(0x03020100));
    const v128_t left = wasm_i8x16_swizzle(wasm_v128_load(row + first), bytes);
    const v128_t right = wasm_i8x16_swizzle(wasm_v128_load(row + first + 1), bytes);
    const v128_t w = wasm_v128_load(wx + o);
    wasm_v128_store(wide + o, wasm_f32x4_add(wasm_f32x4_mul(left, wasm_f32x4_sub(one, w)), wasm_f32x4_mul(right, w)));
  }
  sq_resize_rows_f32_widen(row, in_w, x0 + o, wx + o, wide + o, n - o);
}

#endif
