/*
 * The scalar functions under the dtype-generic kernels: float64 functions against libm, conversions against what the
 * compiler or exhaustive search says, indices and remainders at the ends of their ranges.
 */
#include "../check.h"

#include "sq_cast.h"
#include "sq_grid_sample.h"
#include "sq_index.h"
#include "sq_math_f64.h"
#include "sq_pad.h"
#include "sq_pow.h"
#include "sq_types.h"

static double random_f64(double low, double high) {
  return low + (high - low) * ((double)check_u32() + (double)check_u32() / 4294967296.0) / 4294967296.0;
}
/* Any bits, but finite. */
static double random_bits(void) {
  for (;;) {
    const double v = sq_from_bits_f64((uint64_t)check_u32() << 32 | check_u32());
    if (v - v == 0.0) return v;
  }
}

static void close_f64(const char *what, double x, double expected, double actual, double relative) {
  const int same = expected == actual || (isnan(expected) && isnan(actual));
  check_comparisons++;
  if (!same && !(fabs(actual - expected) <= relative * fabs(expected) + 1e-300)) {
    check_failures++;
    if (check_failures < 20) printf("FAIL %s(%.17g) is %.17g, expected %.17g\n", what, x, actual, expected);
  }
}

static void test_functions(void) {
  static const double special[] = {0.0, -0.0, 1.0, -1.0, 0.5, 1e-310, -1e-310, 1e308, -1e308, INFINITY, -INFINITY, NAN};
  for (int i = 0; i < 20000; i++) {
    const double wide = i < 12 ? special[i] : random_f64(-700, 700), narrow = i < 12 ? special[i] : random_f64(-3, 3);
    const double unit = i < 12 ? special[i] : random_f64(-1, 1), any = i < 12 ? special[i] : random_bits();
    close_f64("exp", wide, exp(wide), sq_exp_f64(wide), 4e-16);
    close_f64("exp2", wide, exp2(wide), sq_exp2_f64(wide), 4e-16);
    close_f64("log", any, log(any), sq_log_f64(any), 4e-16);
    close_f64("log", 1.0 + unit * 1e-3, log(1.0 + unit * 1e-3), sq_log_f64(1.0 + unit * 1e-3), 4e-16);
    if (isfinite(wide) && fabs(wide) < 1e6) {
      check_true("sin", fabs(sin(wide) - sq_sin_f64(wide)) < 4e-16);
      check_true("cos", fabs(cos(wide) - sq_cos_f64(wide)) < 4e-16);
      close_f64("tan", narrow, tan(narrow), sq_tan_f64(narrow), isfinite(narrow) && fabs(narrow) < 4 ? 1e-13 : 0);
    }
    close_f64("atan", wide, atan(wide), sq_atan_f64(wide), 6e-16);
    close_f64("asin", unit, asin(unit), sq_asin_f64(unit), 8e-16);
    close_f64("acos", unit, acos(unit), sq_acos_f64(unit), 8e-16);
    close_f64("sinh", narrow, sinh(narrow), sq_sinh_f64(narrow), 1e-15);
    close_f64("sinh", wide, sinh(wide), sq_sinh_f64(wide), 2e-15);
    close_f64("cosh", wide, cosh(wide), sq_cosh_f64(wide), 2e-15);
    close_f64("tanh", narrow, tanh(narrow), sq_tanh_f64(narrow), 1e-15);
    close_f64("erf", narrow, erf(narrow), sq_erf_f64(narrow), 4e-15);
    close_f64("floor", any, floor(any), sq_floor_f64(any), 0);
    close_f64("floor", wide, floor(wide), sq_floor_f64(wide), 0);
    close_f64("ceil", wide, ceil(wide), sq_ceil_f64(wide), 0);
    close_f64("trunc", wide, trunc(wide), sq_trunc_f64(wide), 0);
    close_f64("rne", wide * 0.5, nearbyint(wide * 0.5), sq_rne_f64(wide * 0.5), 0);
    const double other = i % 12 < 12 && i < 144 ? special[i / 12] : i % 2 ? random_bits() : narrow;
    const double base = i < 144 ? special[i % 12] : i % 3 ? fabs(wide) : wide;
    close_f64("fmod", base, fmod(base, other), sq_fmod_f64(base, other), 0);
    const double y = i < 144 ? special[i / 12] : i % 4 == 0 ? (double)check_int(-70, 70) : random_f64(-40, 40);
    close_f64("pow", base, pow(base, y), sq_pow_f64(base, y), 2e-13);
  }
}

static void test_halves(void) {
  for (uint32_t h = 0; h < 65536; h++) {
    const float f = sq_types_load_f16((uint16_t)h), b = sq_types_load_bf16((uint16_t)h);
    const int e = (int)(h >> 10 & 31), m = (int)(h & 1023);
    const double exact = e == 0 ? ldexp(m, -24) : e == 31 ? (m ? NAN : INFINITY) : ldexp(1024 + m, e - 25);
    check_true("load_f16", isnan(exact) ? isnan(f) : (double)f == (h >> 15 ? -exact : exact));
    check_true("f16 round trip", isnan(f) ? sq_types_store_f16(f) == ((h & 0x8000) | 0x7e00) : sq_types_store_f16(f) == h);
    check_true("bf16 round trip", isnan(b) ? (sq_types_store_bf16(b) & 0x7fff) == 0x7fc0 : sq_types_store_bf16(b) == h);
    if ((h & 0x7fff) >= 0x7bff) continue;
    /* Between a half and the next: below the middle, the middle (to even), above. */
    const double next = (double)sq_types_load_f16((uint16_t)(h + 1)), middle = ((double)f + next) / 2;
    const uint16_t even = (uint16_t)(h & 1 ? h + 1 : h);
    check_true("f16 middle", sq_types_store_f16(sq_cast_double_half(middle)) == even);
    check_true("f16 below", sq_types_store_f16(sq_cast_double_half(middle + (f - middle) * 1e-12)) == h);
    check_true("f16 above", sq_types_store_f16(sq_cast_double_half(middle + (next - middle) * 1e-12)) == h + 1);
  }
  check_true("f16 overflow", sq_types_store_f16(65520.0f) == 0x7c00 && sq_types_store_f16(65519.9f) == 0x7bff);
  check_true("i64 to bf16", sq_types_store_bf16(sq_cast_whole_half((1ll << 62) + (1ll << 54) + 1)) == 0x5e81);
  check_true("i64 to bf16, even", sq_types_store_bf16(sq_cast_whole_half((1ll << 62) + (1ll << 54))) == 0x5e80);
  check_true("u64 to bf16", sq_types_store_bf16(sq_cast_natural_half((1ull << 63) + (1ull << 55) + 1)) == 0x5f01);
}

static void test_conversions(void) {
  static const float f[] = {0.0f, -0.9f, 0.9f, -1.0f, 127.9f, 128.0f, -128.9f, -129.0f, 255.9f, 256.0f, 3e9f, -3e9f,
                            5e9f, 2147483520.0f, 9e18f, 9.3e18f, -9.3e18f, 1.9e19f, INFINITY, -INFINITY, NAN};
  for (size_t i = 0; i < sizeof f / sizeof *f; i++) {
    const double t = isnan(f[i]) ? 0.0 : trunc((double)f[i]);
#define EXPECT(d, low, high)                                                                 \
  check_true("float to " #d, (double)sq_cast_float_##d(f[i]) == fmin(fmax(t, low), high));   \
  check_true("double to " #d, (double)sq_cast_double_##d((double)f[i]) == fmin(fmax(t, low), high));
    EXPECT(i8, -128, 127)
    EXPECT(u8, 0, 255)
    EXPECT(i16, -32768, 32767)
    EXPECT(u16, 0, 65535)
    EXPECT(i32, -2147483648.0, 2147483647.0)
    EXPECT(u32, 0, 4294967295.0)
    EXPECT(i64, -9223372036854775808.0, 9223372036854775807.0)
    EXPECT(u64, 0, 18446744073709551615.0)
  }
}

static void test_integers(void) {
  check_true("pow", sq_pow_i64(-3, 3) == -27 && sq_pow_i64(2, -1) == 0 && sq_pow_i64(-1, -3) == -1);
  check_true("pow wraps", sq_pow_i64(2, 64) == 0 && sq_pow_u64(-1, UINT64_MAX) == -1);
  check_true("index", sq_index_clamp(-1, 5) == 4 && sq_index_clamp(-6, 5) == 0 && sq_index_clamp(5, 5) == 4);
  check_true("index ends", sq_index_clamp(INT64_MIN, 5) == 0 && sq_index_clamp(INT64_MAX, 5) == 4);
  for (int64_t i = -20; i < 20; i++) {
    static const int64_t mirrored[] = {0, 1, 2, 3, 2, 1};
    check_true("reflect", sq_pad_reflect(i, 4) == mirrored[(i + 24) % 6] && sq_pad_reflect(i, 1) == 0);
    check_true("wrap", sq_pad_wrap(i, 4) == (i + 20) % 4);
  }
  for (double v = -9.0; v < 9.0; v += 0.125) {
    const double folded = fmod(fabs(v - 1.0), 6.0);
    check_true("reflect f64", sq_grid_sample_reflect(v, 1.0, 4.0) == 1.0 + (folded > 3.0 ? 6.0 - folded : folded));
  }
}

int main(void) {
  check_seed(20);
  test_functions();
  test_halves();
  test_conversions();
  test_integers();
  return check_finish();
}
