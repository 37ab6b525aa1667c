/*
 * sq_math.h. Without arguments: accuracy against libm in double, and the limits. With a file of float32 inputs: the bits of
 * every function of every input on standard output, uint32 little endian, function by function.
 */
#include "../check.h"
#include "sq_math.h"

typedef float (*function)(float);

static double reference_sigmoid(double x) { return 1 / (1 + exp(-x)); }

typedef struct entry {
  const char *name;
  function f;
  double (*reference)(double);
  float low, high;
  double ulps;     /* bound on the error in units in the last place, or */
  double absolute; /* bound on the absolute error */
} entry;

static double reference_gelu(double x) { return 0.5 * x * erfc(-x / sqrt(2.0)); }

static const entry table[] = {
    {"exp", sq_exp_f32, exp, -103.0f, 88.7f, 1.5, 0},
    {"exp_softmax", sq_exp_softmax_f32, exp, -87.0f, 0.0f, 1.5, 0},
    {"exp2", sq_exp2_f32, exp2, -149.0f, 127.9f, 1.5, 0},
    {"log", sq_log_f32, log, 1e-44f, 1e30f, 1.5, 0},
    {"log2", sq_log2_f32, log2, 1e-44f, 1e30f, 2, 0},
    {"erf", sq_erf_f32, erf, -5.0f, 5.0f, 2, 0},
    {"sin", sq_sin_f32, sin, -1e4f, 1e4f, 4, 1.5e-7},
    {"cos", sq_cos_f32, cos, -1e4f, 1e4f, 4, 1.5e-7},
    {"tanh", sq_tanh_f32, tanh, -12.0f, 12.0f, 2, 0},
    {"sigmoid", sq_sigmoid_f32, reference_sigmoid, -100.0f, 40.0f, 3, 0},
    {"gelu_erf", sq_gelu_erf_f32, NULL, 0, 0, 0, 0},
    {"gelu_tanh", sq_gelu_tanh_f32, NULL, 0, 0, 0, 0},
    {"gelu_near", sq_gelu_near_f32, reference_gelu, -9.0f, 9.0f, 0, 1.5e-5},
    {"rne", sq_rne_f32, rint, -5.0f, 5.0f, 0, 0},
    {"floor", sq_floor_f32, floor, -5.0f, 5.0f, 0, 0},
    {"ceil", sq_ceil_f32, ceil, -5.0f, 5.0f, 0, 0},
    {"sqrt", sq_sqrt_f32, sqrt, 0.0f, 9.0f, 0.5, 0},
};
enum { functions = sizeof table / sizeof table[0] };

static void accuracy(const entry *t, float x) {
  double expected = t->reference((double)x), error = fabs((double)t->f(x) - expected);
  int exponent;
  frexp(expected, &exponent);
  double ulp = ldexp(1.0, (exponent < -125 ? -125 : exponent) - 24);
  char what[96];
  snprintf(what, sizeof what, "%s(%.9g) is off by %.3g ulp, %.3g", t->name, (double)x, error / ulp, error);
  check_true(what, error <= t->ulps * ulp || error <= t->absolute);
}

static void limit(const char *name, function f, float x, float expected) {
  float y = f(x);
  char what[96];
  snprintf(what, sizeof what, "%s(%g) is %g, expected %g", name, (double)x, (double)y, (double)expected);
  check_true(what, isnan(expected) ? isnan(y) : sq_bits_f32(y) == sq_bits_f32(expected));
}

static int print_bits(const char *path) {
  FILE *in = fopen(path, "rb");
  if (!in) return 2;
  static uint32_t bits[1 << 20];
  size_t count = fread(bits, 4, 1 << 20, in);
  fclose(in);
  for (int t = 0; t < functions; t++)
    for (size_t i = 0; i < count; i++) {
      float y = table[t].f(sq_from_bits_f32(bits[i]));
      uint32_t out = isnan(y) ? 0x7fc00000u : sq_bits_f32(y);
      fwrite(&out, 4, 1, stdout);
    }
  return 0;
}

int main(int argc, char **argv) {
  if (argc > 1) return print_bits(argv[1]);
  for (int t = 0; t < functions; t++) {
    if (!table[t].reference) continue;
    for (int i = 0; i <= 200000; i++) accuracy(&table[t], table[t].low + (table[t].high - table[t].low) * ((float)i / 200000.0f));
    for (int i = 0; i < 20000; i++) { /* small magnitudes of every exponent */
      float x = ldexpf(check_f32(0.5f, 1.0f), (int)check_int(-140, 0)) * (table[t].low < 0 && i % 2 ? -1.0f : 1.0f);
      if (x >= table[t].low && x <= table[t].high) accuracy(&table[t], x);
    }
  }
  for (int t = 0; t < functions; t++) limit(table[t].name, table[t].f, NAN, NAN);
  limit("exp", sq_exp_f32, INFINITY, INFINITY), limit("exp", sq_exp_f32, -INFINITY, 0.0f), limit("exp", sq_exp_f32, 0.0f, 1.0f);
  limit("exp", sq_exp_f32, 88.8f, INFINITY), limit("exp", sq_exp_f32, -105.0f, 0.0f);
  limit("exp_softmax", sq_exp_softmax_f32, -INFINITY, 0.0f), limit("exp_softmax", sq_exp_softmax_f32, 0.0f, 1.0f);
  limit("exp2", sq_exp2_f32, 128.0f, INFINITY), limit("exp2", sq_exp2_f32, 127.0f, 0x1p127f), limit("exp2", sq_exp2_f32, -149.0f, 0x1p-149f);
  limit("exp2", sq_exp2_f32, -INFINITY, 0.0f);
  limit("log", sq_log_f32, 0.0f, -INFINITY), limit("log", sq_log_f32, -1.0f, NAN), limit("log", sq_log_f32, INFINITY, INFINITY);
  limit("log", sq_log_f32, 1.0f, 0.0f), limit("log2", sq_log2_f32, 8.0f, 3.0f), limit("log2", sq_log2_f32, -0.0f, -INFINITY);
  limit("log", sq_log_f32, -INFINITY, NAN), limit("log2", sq_log2_f32, INFINITY, INFINITY);
  limit("erf", sq_erf_f32, INFINITY, 1.0f), limit("erf", sq_erf_f32, -INFINITY, -1.0f), limit("erf", sq_erf_f32, -0.0f, -0.0f);
  limit("tanh", sq_tanh_f32, INFINITY, 1.0f), limit("tanh", sq_tanh_f32, -100.0f, -1.0f), limit("sin", sq_sin_f32, INFINITY, NAN);
  limit("cos", sq_cos_f32, 0.0f, 1.0f), limit("sigmoid", sq_sigmoid_f32, INFINITY, 1.0f), limit("sigmoid", sq_sigmoid_f32, -INFINITY, 0.0f);
  limit("rne", sq_rne_f32, 2.5f, 2.0f), limit("rne", sq_rne_f32, -3.5f, -4.0f), limit("rne", sq_rne_f32, -0.25f, -0.0f);
  limit("rne", sq_rne_f32, 16777217.0f, 16777217.0f), limit("rne", sq_rne_f32, -INFINITY, -INFINITY), limit("rne", sq_rne_f32, 8388607.5f, 8388608.0f);
  limit("floor", sq_floor_f32, -0.5f, -1.0f), limit("floor", sq_floor_f32, 0.99f, 0.0f), limit("ceil", sq_ceil_f32, 0.01f, 1.0f);
  return check_finish();
}
