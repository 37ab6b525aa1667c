#include "sq_observe_f32.h"

static void sq_observe_f32(const void *args, int64_t begin, int64_t end, int64_t worker) {
  const sq_observe_f32_args *a = args;
  if (begin >= end) return;
  double *sum = (double *)(void *)(a->scratch + worker * a->scratch_stride);
  float *min = a->channels_out, *max = min + a->channels, *mean = max + a->channels;
  for (int64_t c = 0; c < a->channels; c++) {
    min[c] = __builtin_inff();
    max[c] = -__builtin_inff();
    sum[c] = 0.0;
  }
  for (int64_t i = 0; i < 65536; i++) a->histogram[i] = 0;
  for (int64_t r = 0; r < a->rows; r++) {
    const float *row = a->x + r * a->channels;
    for (int64_t c = 0; c < a->channels; c++) {
      union {
        float f;
        uint32_t u;
      } bits;
      bits.f = row[c];
      min[c] = row[c] < min[c] ? row[c] : min[c];
      max[c] = row[c] > max[c] ? row[c] : max[c];
      sum[c] += (double)row[c];
      a->histogram[bits.u >> 16]++;
    }
  }
  for (int64_t c = 0; c < a->channels; c++) mean[c] = a->rows ? (float)(sum[c] / (double)a->rows) : 0.0f;
}
