/* Prints *_scratch_bytes for lines of sizes on standard input: "linear m k x_stride", "conv k", "attention m n c cv rel_kh rel_kw". */
#include <stdio.h>
#include <string.h>

#include "sq_attention_f32.h"
#include "sq_conv_f32.h"
#include "sq_linear_f32.h"

int main(void) {
  char kind[16];
  long long s[6];
  float one = 1.0f;
  while (scanf("%15s %lld %lld %lld %lld %lld %lld", kind, &s[0], &s[1], &s[2], &s[3], &s[4], &s[5]) == 7) {
    int64_t bytes = -1;
    if (strcmp(kind, "linear") == 0) {
      sq_linear_f32_args a = {0};
      a.m = s[0], a.k = s[1], a.x_stride = s[2];
      bytes = sq_linear_f32_scratch_bytes(&a);
    } else if (strcmp(kind, "conv") == 0) {
      sq_conv_f32_args a = {0};
      a.kernel_h = a.kernel_w = 1, a.in_c = s[0];
      bytes = sq_conv_f32_scratch_bytes(&a);
    } else if (strcmp(kind, "attention") == 0) {
      sq_attention_f32_args a = {0};
      a.m = s[0], a.n = s[1], a.c = s[2], a.cv = s[3], a.rel_kh = s[4], a.rel_kw = s[5];
      a.rel_h = s[4] ? &one : NULL, a.rel_w = s[5] ? &one : NULL;
      bytes = sq_attention_f32_scratch_bytes(&a);
    }
    printf("%lld\n", (long long)bytes);
  }
  return 0;
}
