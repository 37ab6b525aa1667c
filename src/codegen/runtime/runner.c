/*
 * Runs compiled models on .npy files:
 *
 *   run <model> --in <input>=<file.npy> ... [--out <dir>] [--threads N] [--repeat N] [--profile] [--weights <file>]
 *
 * and prints one line of JSON: milliseconds of each run, sizes, peak memory, threads. The models and their tensors are in
 * the generated table src/models.h; nothing here is of one model.
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
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "src/models.h"

enum { MAX_THREADS = 256 };

static _Noreturn void fail(const char *format, ...) {
  va_list args;
  va_start(args, format);
  fputs("run: ", stderr);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
  exit(1);
}

static _Noreturn void usage(void) {
  fputs("usage: run <model> --in <input>=<file.npy> ... [--out <dir>] [--threads N] [--repeat N] [--profile] "
        "[--weights <file>]\nmodels:",
        stderr);
  for (int i = 0; i < MODEL_COUNT; i++) fprintf(stderr, " %s", models[i].name);
  fputc('\n', stderr);
  exit(2);
}

/* Everything allocated: each block begins with a line of 64 bytes that knows the block before. */
typedef struct allocation {
  struct allocation *before;
} allocation;
static allocation *allocations = NULL;

static void *allocate(size_t bytes, const char *what) {
  size_t lines = bytes / 64 + 2;
  allocation *block = lines <= SIZE_MAX / 64 ? (allocation *)aligned_alloc(64, lines * 64) : NULL;
  if (!block) fail("no memory for %s (%zu bytes)", what, bytes);
  block->before = allocations;
  allocations = block;
  return (char *)block + 64;
}

static void release_all(void) {
  while (allocations) {
    allocation *block = allocations;
    allocations = block->before;
    free(block);
  }
}

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* ---- threads: a pool that hands out pieces of the units; the caller is worker 0 ---- */

typedef struct {
  pthread_mutex_t lock;
  pthread_cond_t wake;
  atomic_uint generation; /* of the work */
  atomic_int busy;        /* workers that have not finished this generation */
  atomic_int stop;
  int workers, spins;
  task_function task;
  const void *args;
  int64_t units, piece;
  atomic_llong next;
} thread_pool;

typedef struct {
  thread_pool *pool;
  int64_t worker;
} worker_start;

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

static void do_pieces(thread_pool *pool, int64_t worker) {
  for (;;) {
    int64_t begin = atomic_fetch_add_explicit(&pool->next, pool->piece, memory_order_relaxed);
    if (begin >= pool->units) return;
    int64_t end = begin + pool->piece < pool->units ? begin + pool->piece : pool->units;
    pool->task(pool->args, begin, end, worker);
  }
}

static void *work(void *start) {
  thread_pool *pool = ((worker_start *)start)->pool;
  int64_t worker = ((worker_start *)start)->worker;
  unsigned seen = 0;
  for (;;) {
    for (int spin = 0; spin < pool->spins; spin++) {
      if (atomic_load_explicit(&pool->generation, memory_order_acquire) != seen) break;
      relax();
    }
    if (atomic_load_explicit(&pool->generation, memory_order_acquire) == seen) {
      pthread_mutex_lock(&pool->lock);
      while (atomic_load_explicit(&pool->generation, memory_order_acquire) == seen)
        pthread_cond_wait(&pool->wake, &pool->lock);
      pthread_mutex_unlock(&pool->lock);
    }
    seen = atomic_load_explicit(&pool->generation, memory_order_acquire);
    if (atomic_load(&pool->stop)) return NULL;
    do_pieces(pool, worker);
    atomic_fetch_sub_explicit(&pool->busy, 1, memory_order_release);
  }
}

static void advance(thread_pool *pool) {
  pthread_mutex_lock(&pool->lock);
  atomic_fetch_add_explicit(&pool->generation, 1, memory_order_release);
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->lock);
}

static void parallel_for(void *data, task_function task, const void *args, int64_t units) {
  thread_pool *pool = (thread_pool *)data;
  pool->task = task;
  pool->args = args;
  pool->units = units;
  pool->piece = units / ((int64_t)pool->workers * 4);
  if (pool->piece < 1) pool->piece = 1;
  atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
  atomic_store_explicit(&pool->busy, pool->workers - 1, memory_order_relaxed);
  advance(pool);
  do_pieces(pool, 0);
  for (int spin = 0; atomic_load_explicit(&pool->busy, memory_order_acquire) > 0; spin++) {
    if (spin < pool->spins) relax();
    else {
      struct timespec pause = {0, 20000};
      nanosleep(&pause, NULL);
    }
  }
}

/* ---- .npy ---- */

typedef struct {
  char descr[16];
  int rank;
  int64_t dims[MAX_RANK];
  void *data;
  size_t bytes;
} array;

static void *read_file(const char *path, size_t *bytes) {
  FILE *file = fopen(path, "rb");
  if (!file) fail("%s: %s", path, strerror(errno));
  struct stat status;
  if (fstat(fileno(file), &status) != 0 || !S_ISREG(status.st_mode)) fail("%s: not a file", path);
  *bytes = (size_t)status.st_size;
  char *content = (char *)allocate(*bytes + 1, path);
  if (fread(content, 1, *bytes, file) != *bytes) fail("%s: cannot be read", path);
  content[*bytes] = 0;
  fclose(file);
  return content;
}

/* The text after `'key':` in an .npy header. */
static const char *after_key(const char *header, const char *key, const char *path) {
  const char *at = strstr(header, key);
  at = at ? strchr(at + strlen(key), ':') : NULL;
  if (!at) fail("%s: the .npy header has no %s", path, key);
  at++;
  while (*at == ' ') at++;
  return at;
}

static array read_npy(const char *path) {
  array result;
  size_t bytes = 0;
  unsigned char *content = (unsigned char *)read_file(path, &bytes);
  memset(&result, 0, sizeof result);
  if (bytes < 12 || memcmp(content, "\x93NUMPY", 6) != 0) fail("%s: not an .npy file", path);
  size_t start = content[6] == 1 ? 10 : 12, length = content[8] | (size_t)content[9] << 8;
  if (content[6] != 1) length |= (size_t)content[10] << 16 | (size_t)content[11] << 24;
  if (start + length > bytes) fail("%s: ends inside the header", path);
  char *header = (char *)allocate(length + 1, "the header");
  memcpy(header, content + start, length);
  header[length] = 0;
  const char *descr = after_key(header, "descr", path);
  for (size_t i = 0; i + 1 < sizeof result.descr && descr[i + 1] && descr[i + 1] != '\'' && descr[i + 1] != '"'; i++)
    result.descr[i] = descr[i + 1];
  if (strncmp(after_key(header, "fortran_order", path), "False", 5) != 0) fail("%s: in Fortran order", path);
  const char *shape = after_key(header, "shape", path);
  int64_t count = 1;
  if (*shape != '(') fail("%s: no shape in the header", path);
  for (shape++; *shape && *shape != ')';) {
    char *end = NULL;
    errno = 0;
    long long dim = strtoll(shape, &end, 10);
    if (end == shape || dim < 0 || errno != 0) fail("%s: no shape in the header", path);
    if (result.rank == MAX_RANK) fail("%s: more than %d axes", path, MAX_RANK);
    result.dims[result.rank++] = dim;
    if (__builtin_mul_overflow(count, (int64_t)dim, &count)) fail("%s: too large", path);
    for (shape = end; *shape == ' ' || *shape == ',';) shape++;
  }
  result.bytes = bytes - start - length;
  result.data = allocate(result.bytes, path);
  memcpy(result.data, content + start + length, result.bytes);
  int item = atoi(result.descr + (result.descr[0] ? 2 : 0));
  if (item < 1 || (uint64_t)count != result.bytes / (size_t)item || result.bytes % (size_t)item != 0)
    fail("%s: the data does not have the size that the header says", path);
  return result;
}

static void write_npy(const char *path, const tensor_info *tensor, const int64_t *dims, const void *data) {
  char header[1024];
  size_t count = 1;
  int length = snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (", tensor->descr);
  for (int axis = 0; axis < tensor->rank; axis++) {
    length += snprintf(header + length, sizeof header - (size_t)length, "%lld%s", (long long)dims[axis],
                       axis + 1 < tensor->rank ? ", " : tensor->rank == 1 ? "," : "");
    count *= (size_t)dims[axis];
  }
  length += snprintf(header + length, sizeof header - (size_t)length, "), }");
  while ((10 + length + 1) % 64 != 0) header[length++] = ' ';
  header[length++] = '\n';
  FILE *file = fopen(path, "wb");
  if (!file) fail("%s: %s", path, strerror(errno));
  unsigned char prefix[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)(length & 255), (unsigned char)(length >> 8)};
  if (fwrite(prefix, 1, sizeof prefix, file) != sizeof prefix || fwrite(header, 1, (size_t)length, file) != (size_t)length ||
      fwrite(data, 1, count * tensor->item_bytes, file) != count * tensor->item_bytes || fclose(file) != 0)
    fail("%s: cannot be written", path);
}

/* ---- inputs and outputs ---- */

/* The byte order mark says nothing of one-byte elements; bool may come as bytes. */
static int same_type(const char *expected, const char *found) {
  if (strcmp(expected, found) == 0) return 1;
  return strcmp(expected, "|b1") == 0 && strcmp(found, "|u1") == 0;
}

static int is_called(const char *name, const char *text, size_t length) {
  return strlen(name) == length && memcmp(name, text, length) == 0;
}

static void bind_input(const model_info *model, unsigned char *in, int *bound, const char *argument) {
  const char *equals = strchr(argument, '=');
  if (!equals) fail("--in wants <input>=<file.npy>, not %s", argument);
  size_t length = (size_t)(equals - argument);
  for (int i = 0; i < model->input_count; i++) {
    const tensor_info *tensor = &model->inputs[i];
    if (!is_called(tensor->name, argument, length) && !is_called(tensor->field, argument, length) &&
        !is_called(tensor->file, argument, length))
      continue;
    array value = read_npy(equals + 1);
    if (!same_type(tensor->descr, value.descr))
      fail("%s: type %s, but input %s has type %s", equals + 1, value.descr, tensor->name, tensor->descr);
    if (value.rank != tensor->rank) fail("%s: %d axes, but input %s has %d", equals + 1, value.rank, tensor->name, tensor->rank);
    for (int axis = 0; axis < tensor->rank; axis++) {
      int64_t dim = tensor->dims[axis];
      if (dim < 0) {
        int symbol = (int)(-1 - dim);
        int64_t *field = (int64_t *)(void *)(in + model->symbols[symbol].offset);
        if (*field < 0) *field = value.dims[axis];
        dim = *field;
      }
      if (value.dims[axis] != dim)
        fail("%s: axis %d is %lld, but input %s has %lld there", equals + 1, axis, (long long)value.dims[axis],
             tensor->name, (long long)dim);
    }
    memcpy(in + tensor->pointer_offset, &value.data, sizeof value.data);
    bound[i] = 1;
    return;
  }
  fail("model %s has no input %.*s", model->name, (int)length, argument);
}

static const int64_t *output_dims(const tensor_info *tensor, const unsigned char *out) {
  return (const int64_t *)(const void *)(out + tensor->dims_offset);
}

/* ---- weights ---- */

static const void *map_weights(const char *path, size_t *bytes) {
  int file = open(path, O_RDONLY);
  struct stat status;
  if (file < 0 || fstat(file, &status) != 0) fail("%s: %s", path, strerror(errno));
  *bytes = (size_t)status.st_size;
  if (*bytes == 0) fail("%s: empty", path);
  const void *mapped = mmap(NULL, *bytes, PROT_READ, MAP_PRIVATE, file, 0);
  if (mapped == MAP_FAILED) fail("%s: %s", path, strerror(errno));
  close(file);
  return mapped;
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

static void check(const model_info *model, int status, const char *what) {
  if (status != 0) fail("%s: %s: %s", model->name, what, model->error_string(status));
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
  for (int i = 0; i < model->symbol_count; i++) {
    int64_t unknown = -1;
    memcpy(in + model->symbols[i].offset, &unknown, sizeof unknown);
  }
  for (int i = 2; i < argc; i++) {
    const char *value = i + 1 < argc ? argv[i + 1] : NULL;
    if (strcmp(argv[i], "--profile") == 0) {
      profiling = 1;
      continue;
    }
    if (!value) usage();
    if (strcmp(argv[i], "--in") == 0) bind_input(model, in, bound, value);
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
  pthread_t handles[MAX_THREADS];
  worker_start starts[MAX_THREADS];
  memset(&pool, 0, sizeof pool);
  pthread_mutex_init(&pool.lock, NULL);
  pthread_cond_init(&pool.wake, NULL);
  pool.workers = threads;
  /* Waiting in a loop pays only where every worker has a processor of its own. */
  pool.spins = sysconf(_SC_NPROCESSORS_ONLN) >= threads ? 20000 : 0;
  for (int i = 1; i < threads; i++) {
    starts[i].pool = &pool;
    starts[i].worker = i;
    if (pthread_create(&handles[i], NULL, work, &starts[i]) != 0) fail("cannot start %d threads", threads);
  }
  if (threads > 1) check(model, model->set_parallel(context, parallel_for, &pool, threads), "set_parallel");

  check(model, model->output_dims(in, out), "shapes");
  for (int i = 0; i < model->output_count; i++) {
    const tensor_info *tensor = &model->outputs[i];
    size_t bytes = tensor->item_bytes;
    for (int axis = 0; axis < tensor->rank; axis++) bytes *= (size_t)output_dims(tensor, out)[axis];
    void *data = allocate(bytes, tensor->name);
    memcpy(out + tensor->pointer_offset, &data, sizeof data);
  }

  profile times = {NULL, 0};
  if (profiling) {
    size_t bytes = ((size_t)model->node_count() + 1) * sizeof(double);
    times.ms = (double *)allocate(bytes, "the profile");
    for (int64_t i = 0; i < model->node_count(); i++) times.ms[i] = -1;
    model->set_observer(context, after_node, &times);
  }
  double *ms = (double *)allocate(sizeof(double) * (size_t)repeat, "the times");
  for (int i = 0; i < repeat; i++) {
    double start = times.last = now_ms();
    check(model, model->run(context, in, out), "run");
    ms[i] = now_ms() - start;
  }
  atomic_store(&pool.stop, 1);
  advance(&pool);
  for (int i = 1; i < threads; i++) pthread_join(handles[i], NULL);

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
  printf("], \"arena_bytes\": %zu, \"weights_bytes\": %zu, \"peak_rss_bytes\": %ld, \"threads\": %d}\n", arena_bytes,
         weights_bytes, peak_rss_bytes(), threads);
  release_all();
  return 0;
}
