/* For runner.c and trial.c: errors end the program, memory is freed in the order that it was not allocated in. */

static _Noreturn void fail(const char *format, ...) {
  va_list args;
  va_start(args, format);
  fputs("run: ", stderr);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
  exit(1);
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

/* Frees what was allocated after `mark`; NULL: everything. */
static void release_to(const allocation *mark) {
  while (allocations != mark) {
    allocation *block = allocations;
    allocations = block->before;
    free(block);
  }
}
