#ifndef SQ_MODEL_INFO_H
#define SQ_MODEL_INFO_H
/* What the runner and the bindings know of a model: the rows of the generated table models.h. */
#include <stddef.h>
#include <stdint.h>

enum { MAX_RANK = 16 };

/* A tensor of a model: where its pointer is in the inputs or outputs struct, and its shape. */
typedef struct {
  const char *name;  /* in the source model */
  const char *field; /* in C */
  const char *file;  /* base name of its .npy */
  const char *descr; /* NumPy's type code, as "<f4" */
  size_t item_bytes;
  size_t pointer_offset;
  size_t dims_offset; /* outputs: of the int64_t dims written by the model */
  int rank;
  int64_t dims[MAX_RANK]; /* a size, or -1 - i for symbol i */
} tensor_info;

typedef struct {
  const char *name;
  size_t offset; /* in the inputs struct */
} symbol_info;

typedef void (*task_function)(const void *args, int64_t begin, int64_t end, int64_t worker);
typedef void (*parallel_function)(void *pool, task_function task, const void *args, int64_t units);

typedef struct {
  const char *name;
  const char *weights; /* file beside the build folder */
  size_t context_bytes, inputs_bytes, outputs_bytes;
  const tensor_info *inputs, *outputs;
  int input_count, output_count;
  const symbol_info *symbols;
  int symbol_count;
  size_t (*arena_bytes)(int64_t workers);
  int (*init)(void *model, const void *weights, size_t weights_bytes, void *arena, size_t arena_bytes);
  int (*set_parallel)(void *model, parallel_function parallel_for, void *pool, int64_t workers);
  int (*output_dims)(const void *in, void *out);
  int (*run)(void *model, const void *in, void *out);
  const char *(*error_string)(int status);
  int64_t (*node_count)(void);
  const char *(*node_name)(int64_t node);
  void (*set_observer)(void *model, void (*observer)(void *data, int64_t node), void *data);
} model_info;

#endif
