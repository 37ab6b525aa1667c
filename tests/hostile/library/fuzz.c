/*
 * libFuzzer drives the models of a package: every way to call the functions of the header wrongly, and any bytes as inputs.
 * SQ_FUZZ_WEIGHTS is the folder of the weights. What must hold: no sanitizer finds anything; a wrong call has the status that
 * the header gives it; a right one has status 0 and the same outputs whatever the arena held and however work was split.
 */
#include "models.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                 \
  do {                                                                   \
    if (!(condition)) {                                                  \
      fprintf(stderr, "line %d: %s\n", __LINE__, #condition);            \
      abort();                                                           \
    }                                                                    \
  } while (0)

enum { MOST_TENSORS = 16, ALIGN = 64, WORKERS = 3 };

typedef struct {
  const uint8_t *at, *end, *start;
} source;

/* The next byte of the input, which repeats itself with a twist once it is used up. */
static uint8_t take(source *s) {
  if (s->at == s->end) s->at = s->start;
  return s->at == s->end ? 0 : *s->at++;
}
static uint64_t take_u64(source *s) {
  uint64_t value = 0;
  for (int i = 0; i < 8; i++) value = value << 8 | take(s);
  return value;
}

static unsigned char *weights[MODEL_COUNT];
static size_t weights_bytes[MODEL_COUNT];

static void *aligned(size_t bytes, size_t offset) {
  /* Exactly as many bytes as are asked for, so that the sanitizer sees one too far. */
  void *memory = NULL;
  CHECK(posix_memalign(&memory, ALIGN, bytes + offset) == 0);
  return memory;
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  const char *folder = getenv("SQ_FUZZ_WEIGHTS");
  (void)argc;
  (void)argv;
  for (int m = 0; m < MODEL_COUNT; m++) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder ? folder : ".", models[m].weights);
    FILE *file = fopen(path, "rb");
    CHECK(file && fseek(file, 0, SEEK_END) == 0);
    weights_bytes[m] = (size_t)ftell(file);
    rewind(file);
    weights[m] = (unsigned char *)aligned(weights_bytes[m], 0);
    CHECK(fread(weights[m], 1, weights_bytes[m], file) == weights_bytes[m]);
    fclose(file);
  }
  return 0;
}

/* A float that kernels may trip over; else any bits. */
static uint32_t odd_float(source *s) {
  static const uint32_t odd[] = {
      0x00000000, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00001, 0x7f800001,
      0x00000001, 0x807fffff, 0x00800000, 0x7f7fffff, 0xff7fffff, 0x4f000000, 0xcf000000, 0x5f000000, 0x4b000000,
      0x3effffff, 0x3f000000, 0x42b17218, 0xc2cff1b5, 0x40400000, 0x41800000,
  };
  const uint8_t byte = take(s);
  if (byte < sizeof odd / sizeof *odd) return odd[byte];
  if (byte < 64) return (uint32_t)take_u64(s);
  /* A number of the size that activations have. */
  const float value = (float)(byte - 160) / 16.0f;
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static void fill(void *data, size_t bytes, source *s) {
  const uint8_t kind = take(s) % 4;
  if (kind == 0) {
    const uint32_t value = odd_float(s);
    for (size_t i = 0; i + 4 <= bytes; i += 4) memcpy((char *)data + i, &value, 4);
  } else if (kind == 1) {
    for (size_t i = 0; i < bytes; i++) ((uint8_t *)data)[i] = take(s);
  } else
    for (size_t i = 0; i + 4 <= bytes; i += 4) {
      const uint32_t value = odd_float(s);
      memcpy((char *)data + i, &value, 4);
    }
  /* Small whole numbers where there are few: sizes. */
  if (kind == 3 && bytes <= 16)
    for (size_t i = 0; i + 4 <= bytes; i += 4) {
      const float value = (float)(take(s) % 72) - 4.0f;
      memcpy((char *)data + i, &value, 4);
    }
}

static int64_t symbol_of(const model_info *model, const void *in, int symbol) {
  return *(const int64_t *)((const char *)in + model->symbols[symbol].offset);
}

/* The worst that a parallel-for may do: uneven pieces, backwards, each on another worker. */
static void backwards(void *pool, task_function task, const void *args, int64_t units) {
  const int64_t piece = 1 + *(const int64_t *)pool;
  int64_t worker = 0;
  for (int64_t end = units; end > 0; end -= piece) task(args, end > piece ? end - piece : 0, end, worker++ % WORKERS);
}

/* Calls that init must refuse. */
static void wrong_init(const model_info *model, int m, source *s) {
  uint64_t context_memory[64];
  uint64_t inputs[64] = {0}, outputs[128] = {0};
  void *context = context_memory;
  CHECK(model->context_bytes <= sizeof context_memory && model->inputs_bytes <= sizeof inputs &&
        model->outputs_bytes <= sizeof outputs);
  memset(context, take(s), sizeof context_memory);
  const size_t arena_bytes = model->arena_bytes(1);
  char *arena = (char *)aligned(arena_bytes, 0);
  const uint64_t number = take_u64(s);
  int status = 0;
  uint8_t fault = take(s) % 9;
  if (arena_bytes == 0 && (fault == 2 || fault == 3)) fault = 0; /* no arena can be too small */
  switch (fault) {
    case 0: status = model->init(NULL, weights[m], weights_bytes[m], arena, arena_bytes); break;
    case 1: status = model->init(context, NULL, weights_bytes[m], arena, arena_bytes); break;
    case 2: status = model->init(context, weights[m], weights_bytes[m], NULL, arena_bytes); break;
    case 3: {
      const size_t less = (size_t)(number % arena_bytes);
      char *small = (char *)aligned(less, 0);
      status = model->init(context, weights[m], weights_bytes[m], small, less);
      free(small);
      break;
    }
    case 4: { /* cut short */
      const size_t less = (size_t)(number % weights_bytes[m]);
      unsigned char *copy = (unsigned char *)aligned(less, 0);
      memcpy(copy, weights[m], less);
      status = model->init(context, copy, less, arena, arena_bytes);
      free(copy);
      break;
    }
    case 5: { /* one bit */
      unsigned char *byte = weights[m] + number % weights_bytes[m];
      /* The header's unused bytes are nobody's. */
      if (byte >= weights[m] + 24 && byte < weights[m] + 64) byte = weights[m];
      const unsigned char bit = (unsigned char)(1u << (number >> 61));
      *byte ^= bit;
      status = model->init(context, weights[m], weights_bytes[m], arena, arena_bytes);
      *byte ^= bit;
      break;
    }
    case 6: { /* misaligned */
      const size_t offset = 1 + number % 15;
      unsigned char *copy = (unsigned char *)aligned(weights_bytes[m], offset);
      memcpy(copy + offset, weights[m], weights_bytes[m]);
      status = model->init(context, copy + offset, weights_bytes[m], arena, arena_bytes);
      free(copy);
      break;
    }
    case 7: { /* any bytes with the header of weights */
      const size_t bytes = 64 + (size_t)(number % 512);
      unsigned char *copy = (unsigned char *)aligned(bytes, 0);
      memcpy(copy, weights[m], 64);
      for (size_t i = take(s) % 2 ? 8 : 64; i < bytes; i++) copy[i] = take(s);
      if (bytes == weights_bytes[m]) copy[0] ^= 1; /* the right ones, where a model has none of its own */
      status = model->init(context, copy, bytes, arena, arena_bytes);
      free(copy);
      break;
    }
    default: /* whatever the caller says of the size */
      status = model->init(context, weights[m], weights_bytes[m] + 1 + (size_t)(number % 100), arena, arena_bytes);
  }
  CHECK(status != 0 && model->error_string(status)[0] != 0);
  if (take(s) % 2) ((uint32_t *)context)[0] = 0;
  if (status != 1 || take(s) % 2) CHECK(model->run(context, inputs, outputs) != 0);
  CHECK(model->run(NULL, inputs, outputs) != 0);
  free(arena);
}

static void run_model(const model_info *model, int m, source *s) {
  uint64_t context[64], in[64] = {0}, out[128] = {0};
  void *buffers[2 * MOST_TENSORS] = {0}, *again[MOST_TENSORS] = {0};
  size_t sizes[MOST_TENSORS] = {0};
  const uint8_t flags = take(s);
  const int workers = flags & 1 ? WORKERS : 1;
  CHECK(model->input_count <= MOST_TENSORS && model->output_count <= MOST_TENSORS);
  CHECK(model->context_bytes <= sizeof context && model->inputs_bytes <= sizeof in && model->outputs_bytes <= sizeof out);

  /* The arena needs no alignment. */
  const size_t arena_bytes = model->arena_bytes(workers), shift = flags & 2 ? 1 + take(s) % 63 : 0;
  char *arena = (char *)aligned(arena_bytes, shift);
  memset(arena, take(s), arena_bytes + shift);
  CHECK(model->init(context, weights[m], weights_bytes[m], arena + shift, arena_bytes) == 0);
  int64_t piece = take(s) % 8;
  if (workers > 1) CHECK(model->set_parallel(context, backwards, &piece, workers) == 0);

  const int wild = (flags & 12) == 12;
  for (int i = 0; i < model->symbol_count; i++)
    *(int64_t *)((char *)in + model->symbols[i].offset) = wild ? (int64_t)take_u64(s) : take(s) % 20 - 1;

  for (int i = 0; i < model->input_count; i++) {
    const tensor_info *t = &model->inputs[i];
    size_t elements = 1;
    for (int axis = 0; axis < t->rank; axis++) {
      const int64_t dim = t->dims[axis] < 0 ? symbol_of(model, in, (int)(-1 - t->dims[axis])) : t->dims[axis];
      /* Of a size that is refused nothing may be read. */
      elements = dim < 0 || dim > 64 * 1024 ? 0 : elements * (size_t)dim;
    }
    const size_t bytes = elements * t->item_bytes;
    buffers[i] = aligned(bytes, 0);
    fill(buffers[i], bytes, s);
    *(void **)((char *)in + t->pointer_offset) = buffers[i];
  }

  int status = model->output_dims(in, out);
  CHECK(model->error_string(status)[0] != 0);
  if (status == 0) {
    for (int i = 0; i < model->output_count; i++) {
      const tensor_info *t = &model->outputs[i];
      const int64_t *dims = (const int64_t *)((const char *)out + t->dims_offset);
      sizes[i] = t->item_bytes;
      for (int axis = 0; axis < t->rank; axis++) {
        CHECK(dims[axis] >= 0 && dims[axis] < 1 << 20);
        sizes[i] *= (size_t)dims[axis];
      }
      buffers[MOST_TENSORS + i] = aligned(sizes[i], 0);
      *(void **)((char *)out + t->pointer_offset) = buffers[MOST_TENSORS + i];
    }
    const uint8_t fault = take(s);
    const int tensors = model->input_count + model->output_count;
    if (fault < 48) { /* one pointer is wrong */
      const int which = fault % tensors;
      const int is_input = which < model->input_count;
      const tensor_info *t = is_input ? &model->inputs[which] : &model->outputs[which - model->input_count];
      void **pointer = (void **)((is_input ? (char *)in : (char *)out) + t->pointer_offset);
      void *const right = *pointer;
      *pointer = fault < 24 ? NULL : (char *)right + 1;
      if (fault < 24 || t->item_bytes > 1) CHECK(model->run(context, in, out) == (fault < 24 ? 1 : 5));
      *pointer = right;
    }
    status = model->run(context, in, out);
    CHECK(status == 0);
    if (flags & 16) { /* again, in an arena of other garbage, on one thread */
      for (int i = 0; i < model->output_count; i++) {
        again[i] = aligned(sizes[i], 0);
        memcpy(again[i], buffers[MOST_TENSORS + i], sizes[i]);
        memset(buffers[MOST_TENSORS + i], 0xa5, sizes[i]);
      }
      memset(arena, take(s), arena_bytes + shift);
      if (workers > 1) CHECK(model->set_parallel(context, NULL, NULL, 1) == 0);
      CHECK(model->run(context, in, out) == 0);
      for (int i = 0; i < model->output_count; i++)
        CHECK(memcmp(again[i], buffers[MOST_TENSORS + i], sizes[i]) == 0);
    }
  } else {
    /* Found before an output is looked at: these are NULL. */
    memset(out, 0, sizeof out);
    CHECK(model->run(context, in, out) == status);
  }
  CHECK(model->run(context, NULL, out) == 1 && model->run(context, in, NULL) == 1);
  for (int i = 0; i < 2 * MOST_TENSORS; i++) free(buffers[i]);
  for (int i = 0; i < MOST_TENSORS; i++) free(again[i]);
  free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  source s = {data, data + size, data};
  const int m = take(&s) % MODEL_COUNT;
  if (take(&s) % 8 == 0)
    wrong_init(&models[m], m, &s);
  else
    run_model(&models[m], m, &s);
  return 0;
}
