/* Every status of the interface, provoked on the model of example-graph.ts. argv[1]: its weights. */
#include "include/example.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures = 0;
static void expect(int status, int wanted, int line) {
  if (status == wanted) return;
  printf("line %d: %d (%s), expected %d\n", line, status, example_error_string(status), wanted);
  failures++;
}
#define EXPECT(call, wanted) expect(call, wanted, __LINE__)

/* The worst that a parallel-for may do: single units, backwards, each on another worker. */
static int64_t most_units = 0;
static void backwards(void *pool, sq_task task, const void *args, int64_t units) {
  for (int64_t unit = units - 1; unit >= 0; unit--) task(args, unit, unit + 1, unit % *(int64_t *)pool);
  if (units > most_units) most_units = units;
}

static void count(void *data, int64_t node) {
  (void)node;
  ++*(int64_t *)data;
}

int main(int argc, char **argv) {
  FILE *file = argc > 1 ? fopen(argv[1], "rb") : NULL;
  static unsigned char bytes[1 << 16];
  size_t size = file ? fread(bytes, 1, sizeof bytes, file) : 0;
  unsigned char *weights = (unsigned char *)aligned_alloc(64, (size + 127) / 64 * 64);
  size_t arena_bytes = example_arena_bytes_for(4);
  void *arena = malloc(arena_bytes);
  example model;
  float x[9 * 8] = {0}, image[60] = {0}, wanted[2] = {12, 12};
  float tokens[72], tokens_2[72], picture[12 * 12 * 6], same[72], constant[24], alone[12 * 12 * 6];
  example_inputs in = {x, image, wanted, 9};
  example_outputs out;
  if (!weights || !arena || size < 64) return 1;
  fclose(file);
  memcpy(weights, bytes, size);
  for (int i = 0; i < 60; i++) image[i] = (float)i;
  memset(&model, 0, sizeof model);
  memset(&out, 0, sizeof out);

  EXPECT(example_run(&model, &in, &out), SQ_ERROR_NOT_INITIALISED);
  EXPECT(example_set_parallel(&model, backwards, NULL, 1), SQ_ERROR_NOT_INITIALISED);
  EXPECT(example_init(NULL, weights, size, arena, arena_bytes), SQ_ERROR_NULL);
  EXPECT(example_init(&model, NULL, size, arena, arena_bytes), SQ_ERROR_NULL);
  EXPECT(example_init(&model, weights, size, NULL, arena_bytes), SQ_ERROR_NULL);
  EXPECT(example_init(&model, weights, 63, arena, arena_bytes), SQ_ERROR_WEIGHTS_SIZE);
  EXPECT(example_init(&model, weights, size - 1, arena, arena_bytes), SQ_ERROR_WEIGHTS_SIZE);
  EXPECT(example_init(&model, weights + 4, size, arena, arena_bytes), SQ_ERROR_WEIGHTS_FORMAT);
  memmove(weights + 4, weights, size);
  EXPECT(example_init(&model, weights + 4, size, arena, arena_bytes), SQ_ERROR_ALIGNMENT);
  memcpy(weights, bytes, size);
  for (size_t at = 16; at < size; at = at == 23 ? 64 : at + 1) { /* the checksum, and all that it covers */
    weights[at] ^= 0x40;
    EXPECT(example_init(&model, weights, size, arena, arena_bytes), SQ_ERROR_WEIGHTS_CONTENT);
    weights[at] ^= 0x40;
  }
  EXPECT(example_init(&model, weights, size, arena, example_arena_bytes() - 1), SQ_ERROR_ARENA_SIZE);
  EXPECT(example_run(&model, &in, &out), SQ_ERROR_NOT_INITIALISED);

  EXPECT(example_init(&model, weights, size, (char *)arena + 1, example_arena_bytes()), SQ_OK);
  EXPECT(example_set_parallel(&model, backwards, NULL, 0), SQ_ERROR_WORKERS);
  EXPECT(example_set_parallel(&model, backwards, NULL, 4), SQ_ERROR_ARENA_SIZE);
  EXPECT(example_run(&model, NULL, &out), SQ_ERROR_NULL);
  EXPECT(example_run(&model, &in, NULL), SQ_ERROR_NULL);
  EXPECT(example_run(&model, &in, &out), SQ_ERROR_NULL);
  EXPECT(example_output_dims(&in, &out), SQ_OK);
  if (out.picture_dims[1] != 12 || out.tokens_dims[0] != 9 || out.tokens_2_dims[1] != 9) failures++;

  out.tokens = tokens;
  out.tokens_2 = tokens_2;
  out.picture = picture;
  out.the_same = same;
  out.constant = constant;
  EXPECT(example_run(&model, &in, &out), SQ_OK);
  memcpy(alone, picture, sizeof picture);

  in.n_tokens = 10;
  EXPECT(example_run(&model, &in, &out), SQ_ERROR_SYMBOL);
  in.n_tokens = -1;
  EXPECT(example_output_dims(&in, &out), SQ_ERROR_SYMBOL);
  in.n_tokens = 0;
  EXPECT(example_run(&model, &in, &out), SQ_OK);
  in.n_tokens = 9;
  const float bad[] = {NAN, INFINITY, -INFINITY, 0.5f, 12.5f, -3.0f, 1e30f};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    wanted[1] = bad[i];
    EXPECT(example_run(&model, &in, &out), SQ_ERROR_SCALAR);
  }
  wanted[1] = 12;
  in.x_1_ = NULL;
  EXPECT(example_run(&model, &in, &out), SQ_ERROR_NULL);
  in.x_1_ = x;

  int64_t workers = 4, nodes = 0;
  EXPECT(example_init(&model, weights, size, arena, arena_bytes), SQ_OK);
  EXPECT(example_set_parallel(&model, backwards, &workers, 4), SQ_OK);
  example_set_observer(&model, count, &nodes);
  memset(picture, 0, sizeof picture);
  EXPECT(example_run(&model, &in, &out), SQ_OK);
  if (memcmp(alone, picture, sizeof picture) != 0 || most_units < 2 || nodes != example_node_count()) failures++;
  if (*example_node_name(0) == 0 || *example_node_name(-1) != 0 || *example_node_name(nodes) != 0) failures++;
  free(arena);
  free(weights);
  if (failures == 0) puts("ok");
  return failures != 0;
}
