/*
 * Runs compiled models on .npy files:
 *
 *   run <model> --in <input>=<file.npy> ... [--out <dir>] [--threads N] [--repeat N] [--profile] [--weights <file>]
 *
 * and prints one line of JSON: milliseconds of each run (and processor time of all threads, which other work on the machine
 * disturbs less), sizes, peak memory, threads. The models and their tensors are in
 * the generated table src/models.h; nothing here is of one model.
 */
#ifndef _DEFAULT_SOURCE /* flags for all files may ask for it */
#define _DEFAULT_SOURCE
#endif
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "src/models.h"

#include "src/run_base.h"

static _Noreturn void usage(void) {
  fputs("usage: run <model> --in <input>=<file.npy> ... [--out <dir>] [--threads N] [--repeat N] [--profile] "
        "[--weights <file>]\nmodels:",
        stderr);
  for (int i = 0; i < MODEL_COUNT; i++) fprintf(stderr, " %s", models[i].name);
  fputc('\n', stderr);
  exit(2);
}

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static double cpu_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

#include "src/run_npy.h"
#include "src/run_tensors.h"
#include "src/run_threads.h"

/* ---- inputs ---- */

static int is_called(const char *name, const char *text, size_t length) {
  return strlen(name) == length && memcmp(name, text, length) == 0;
}

/* Binds the input of `--in <input>=<file.npy>`. */
static void bind_argument(const model_info *model, unsigned char *in, int *bound, const char *argument) {
  const char *equals = strchr(argument, '=');
  if (!equals) fail("--in wants <input>=<file.npy>, not %s", argument);
  size_t length = (size_t)(equals - argument);
  for (int i = 0; i < model->input_count; i++) {
    const tensor_info *tensor = &model->inputs[i];
    if (!is_called(tensor->name, argument, length) && !is_called(tensor->field, argument, length) &&
        !is_called(tensor->file, argument, length))
      continue;
    bind_input(model, in, i, equals + 1);
    bound[i] = 1;
    return;
  }
  fail("model %s has no input %.*s", model->name, (int)length, argument);
}

/* ---- profile ---- */

typedef struct {
  double *ms; /* least of all runs, so that a busy machine does not spoil it */
  double last;
} profile;

static void after_node(void *data, int64_t node) {
  profile *p = (profile *)data;
  double now = now_ms();
  if (p->ms[node] < 0 || now - p->last < p->ms[node]) p->ms[node] = now - p->last;
  p->last = now;
}

static void print_profile(const model_info *model, const double *ms) {
  int64_t count = model->node_count();
  double total = 0;
  for (int64_t i = 0; i < count; i++) total += ms[i];
  fprintf(stderr, "%10s %6s  node\n", "ms", "%");
  for (int64_t i = 0; i < count; i++)
    fprintf(stderr, "%10.3f %6.2f  %s\n", ms[i], total > 0 ? 100.0 * ms[i] / total : 0.0, model->node_name(i));
  fprintf(stderr, "%10.3f %6.2f  all\n", total, 100.0);
}

static int positive(const char *option, const char *text, int most) {
  char *end = NULL;
  long value = text ? strtol(text, &end, 10) : 0;
  if (!text || *end || value < 1 || value > most) fail("%s wants a number from 1 to %d", option, most);
  return (int)value;
}

static char *beside_program(const char *program, const char *file) {
  const char *slash = strrchr(program, '/');
  size_t length = slash ? (size_t)(slash - program) : 1, bytes = length + strlen(file) + 5;
  char *path = (char *)allocate(bytes, "a path");
  snprintf(path, bytes, "%.*s/../%s", (int)length, slash ? program : ".", file);
  return path;
}

/* Linux keeps ru_maxrss across exec, so that a large parent would be measured; VmHWM is of this program alone. */
static long peak_rss_bytes(void) {
  struct rusage usage;
  FILE *status = fopen("/proc/self/status", "r");
  if (status) {
    char line[256];
    long kib = -1;
    while (kib < 0 && fgets(line, sizeof line, status))
      if (strncmp(line, "VmHWM:", 6) == 0) kib = strtol(line + 6, NULL, 10);
    fclose(status);
    if (kib >= 0) return kib * 1024;
  }
  getrusage(RUSAGE_SELF, &usage);
#if defined(__APPLE__)
  return (long)usage.ru_maxrss;
#else
  return (long)usage.ru_maxrss * 1024;
#endif
}

int main(int argc, char **argv) {
  const char *out_dir = NULL, *weights_path = NULL;
  int threads = 1, repeat = 1, profiling = 0;
  if (argc < 2) usage();
  const model_info *model = NULL;
  for (int i = 0; i < MODEL_COUNT; i++)
    if (strcmp(models[i].name, argv[1]) == 0) model = &models[i];
  if (!model) {
    fprintf(stderr, "run: no model %s\n", argv[1]);
    usage();
  }
  void *context = allocate(model->context_bytes, "the context");
  unsigned char *in = (unsigned char *)allocate(model->inputs_bytes, "the inputs");
  unsigned char *out = (unsigned char *)allocate(model->outputs_bytes, "the outputs");
  int *bound = (int *)allocate(sizeof(int) * (size_t)(model->input_count + 1), "the inputs");
  memset(context, 0, model->context_bytes);
  memset(in, 0, model->inputs_bytes);
  memset(out, 0, model->outputs_bytes);
  memset(bound, 0, sizeof(int) * (size_t)(model->input_count + 1));
  forget_symbols(model, in);
  for (int i = 2; i < argc; i++) {
    const char *value = i + 1 < argc ? argv[i + 1] : NULL;
    if (strcmp(argv[i], "--profile") == 0) {
      profiling = 1;
      continue;
    }
    if (!value) usage();
    if (strcmp(argv[i], "--in") == 0) bind_argument(model, in, bound, value);
    else if (strcmp(argv[i], "--out") == 0) out_dir = value;
    else if (strcmp(argv[i], "--threads") == 0) threads = positive("--threads", value, MAX_THREADS);
    else if (strcmp(argv[i], "--repeat") == 0) repeat = positive("--repeat", value, 1000000);
    else if (strcmp(argv[i], "--weights") == 0) weights_path = value;
    else usage();
    i++;
  }
  for (int i = 0; i < model->input_count; i++)
    if (!bound[i]) fail("input %s is missing: --in %s=<file.npy>", model->inputs[i].name, model->inputs[i].name);

  size_t weights_bytes = 0, arena_bytes = model->arena_bytes(threads);
  const void *weights = map_weights(weights_path ? weights_path : beside_program(argv[0], model->weights), &weights_bytes);
  void *arena = allocate(arena_bytes, "the arena");
  check(model, model->init(context, weights, weights_bytes, arena, arena_bytes), "init");

  thread_pool pool;
  /* The pool is on the stack: threads are joined before main returns, and fail() ends the process. */
  start_pool(&pool, threads);
  if (threads > 1) check(model, model->set_parallel(context, parallel_for, &pool, threads), "set_parallel");

  check(model, model->output_dims(in, out), "shapes");
  allocate_outputs(model, out);

  profile times = {NULL, 0};
  if (profiling) {
    size_t bytes = ((size_t)model->node_count() + 1) * sizeof(double);
    times.ms = (double *)allocate(bytes, "the profile");
    for (int64_t i = 0; i < model->node_count(); i++) times.ms[i] = -1;
    model->set_observer(context, after_node, &times);
  }
  double *ms = (double *)allocate(sizeof(double) * (size_t)repeat, "the times");
  double *cpu = (double *)allocate(sizeof(double) * (size_t)repeat, "the times");
  for (int i = 0; i < repeat; i++) {
    double cpu_start = cpu_ms(), start = times.last = now_ms();
    check(model, model->run(context, in, out), "run");
    ms[i] = now_ms() - start;
    cpu[i] = cpu_ms() - cpu_start;
  }
  stop_pool(&pool);

  if (out_dir) {
    if (mkdir(out_dir, 0777) != 0 && errno != EEXIST) fail("%s: %s", out_dir, strerror(errno));
    for (int i = 0; i < model->output_count; i++) {
      const tensor_info *tensor = &model->outputs[i];
      size_t bytes = strlen(out_dir) + strlen(tensor->file) + 6;
      char *path = (char *)allocate(bytes, "a path");
      void *data = NULL;
      memcpy(&data, out + tensor->pointer_offset, sizeof data);
      snprintf(path, bytes, "%s/%s.npy", out_dir, tensor->file);
      write_npy(path, tensor, output_dims(tensor, out), data);
    }
  }
  if (profiling) print_profile(model, times.ms);
  printf("{\"ms\": [");
  for (int i = 0; i < repeat; i++) printf("%s%.4f", i > 0 ? ", " : "", ms[i]);
  printf("], \"cpu_ms\": [");
  for (int i = 0; i < repeat; i++) printf("%s%.4f", i > 0 ? ", " : "", cpu[i]);
  printf("], \"arena_bytes\": %zu, \"weights_bytes\": %zu, \"peak_rss_bytes\": %ld, \"threads\": %d}\n", arena_bytes,
         weights_bytes, peak_rss_bytes(), threads);
  release_to(NULL);
  return 0;
}
