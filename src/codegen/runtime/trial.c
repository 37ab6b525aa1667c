/*
 * Runs a program of calibration over many samples in one process:
 *
 *   trial <weights> <threads> [<output> ...]
 *
 * The outputs of those numbers are added up over the samples (u32, as doubles) and written once, at the end. Each line on standard
 * input is a command:
 *
 *   in <i> <file.npy>     input i of the next sample
 *   out <i> <file.npy>    its output i goes to a file
 *   run                   the sample is complete
 *
 * Every other output is written to standard output: its number and its size, int64_t each, then an .npy file; the number -1
 * ends a sample. The program is in a table of its own, so that this file is compiled once for all of them.
 */
#define _DEFAULT_SOURCE
#define _POSIX_C_SOURCE 200809L
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
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "model_info.h"

#include "run_base.h"
#include "run_npy.h"
#include "run_tensors.h"
#include "run_threads.h"

extern const model_info *const trial_program;

enum { MAX_LINE = 8192 };

static void write_all(const void *data, size_t bytes) {
  if (fwrite(data, 1, bytes, stdout) != bytes) fail("cannot write: %s", strerror(errno));
}

static void write_output(int64_t index, const char *descr, size_t item_bytes, int rank, const int64_t *dims, const void *data) {
  char header[1024];
  size_t length = npy_header(header, descr, rank, dims), bytes = elements(rank, dims) * item_bytes;
  const int64_t frame[2] = {index, (int64_t)(length + bytes)};
  write_all(frame, sizeof frame);
  write_all(header, length);
  write_all(data, bytes);
}

static int number(const char *text, int most) {
  char *end = NULL;
  long value = strtol(text, &end, 10);
  if (end == text || value < 0 || value >= most) fail("not a number below %d: %s", most, text);
  return (int)value;
}

int main(int argc, char **argv) {
  const model_info *model = trial_program;
  if (argc < 3) fail("usage: trial <weights> <threads> [<output> ...]");
  int threads = number(argv[2], MAX_THREADS);
  size_t weights_bytes = 0, arena_bytes = model->arena_bytes(threads), tables = (size_t)(model->output_count + 1);
  void *context = allocate(model->context_bytes, "the context"), *arena = allocate(arena_bytes, "the arena");
  unsigned char *in = (unsigned char *)allocate(model->inputs_bytes, "the inputs");
  unsigned char *out = (unsigned char *)allocate(model->outputs_bytes, "the outputs");
  double **sums = (double **)allocate(tables * sizeof(double *), "the sums");
  char *summed = (char *)allocate(tables, "the sums"), **files = (char **)allocate(tables * sizeof(char *), "the files");
  memset(context, 0, model->context_bytes);
  memset(in, 0, model->inputs_bytes);
  memset(out, 0, model->outputs_bytes);
  memset(sums, 0, tables * sizeof(double *));
  memset(files, 0, tables * sizeof(char *));
  memset(summed, 0, tables);
  for (int i = 3; i < argc; i++) summed[number(argv[i], model->output_count)] = 1;
  const void *weights = map_weights(argv[1], &weights_bytes);
  check(model, model->init(context, weights, weights_bytes, arena, arena_bytes), "init");
  thread_pool pool;
  start_pool(&pool, threads);
  if (threads > 1) check(model, model->set_parallel(context, parallel_for, &pool, threads), "set_parallel");

  const allocation *mark = allocations;
  char line[MAX_LINE];
  forget_symbols(model, in);
  while (fgets(line, sizeof line, stdin)) {
    size_t length = strlen(line);
    if (length == 0 || line[length - 1] != '\n') fail("a line is too long");
    line[length - 1] = 0;
    if (strcmp(line, "run") != 0) {
      char *index = strchr(line, ' '), *path = index ? strchr(index + 1, ' ') : NULL;
      if (!path) fail("not a command: %s", line);
      *path++ = 0;
      if (strncmp(line, "in ", 3) == 0) bind_input(model, in, number(index + 1, model->input_count), path);
      else {
        char *copy = (char *)allocate(strlen(path) + 1, "a path");
        memcpy(copy, path, strlen(path) + 1);
        files[number(index + 1, model->output_count)] = copy;
      }
      continue;
    }
    check(model, model->output_dims(in, out), "shapes");
    allocate_outputs(model, out);
    check(model, model->run(context, in, out), "run");
    for (int i = 0; i < model->output_count; i++) {
      const tensor_info *tensor = &model->outputs[i];
      const int64_t *dims = output_dims(tensor, out);
      void *data = NULL;
      memcpy(&data, out + tensor->pointer_offset, sizeof data);
      if (summed[i]) {
        size_t count = elements(tensor->rank, dims);
        if (!sums[i]) sums[i] = (double *)calloc(count + 1, sizeof(double));
        if (!sums[i]) fail("no memory for %s", tensor->name);
        for (size_t j = 0; j < count; j++) sums[i][j] += ((const uint32_t *)data)[j];
      } else if (files[i]) write_npy(files[i], tensor, dims, data);
      else write_output(i, tensor->descr, tensor->item_bytes, tensor->rank, dims, data);
    }
    const int64_t end[2] = {-1, 0};
    write_all(end, sizeof end);
    if (fflush(stdout) != 0) fail("cannot write: %s", strerror(errno));
    release_to(mark);
    memset(files, 0, tables * sizeof(char *));
    forget_symbols(model, in);
  }
  for (int i = 0; i < model->output_count; i++) {
    const tensor_info *tensor = &model->outputs[i];
    if (sums[i]) write_output(i, "<f8", sizeof(double), tensor->rank, output_dims(tensor, out), sums[i]);
    free(sums[i]);
  }
  if (fflush(stdout) != 0) fail("cannot write: %s", strerror(errno));
  stop_pool(&pool);
  release_to(NULL);
  return 0;
}
