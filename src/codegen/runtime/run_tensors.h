/* For runner.c and trial.c, which have run_base.h and run_npy.h: the inputs, outputs and weights of a model. */

/* The byte order mark says nothing of one-byte elements; bool may come as bytes. */
static int same_type(const char *expected, const char *found) {
  if (strcmp(expected, found) == 0) return 1;
  return strcmp(expected, "|b1") == 0 && strcmp(found, "|u1") == 0;
}

/* Reads input `i` and points the inputs struct at it; the first to have a symbolic dimension says what it is. */
static void bind_input(const model_info *model, unsigned char *in, int i, const char *path) {
  const tensor_info *tensor = &model->inputs[i];
  array value = read_npy(path);
  if (!same_type(tensor->descr, value.descr))
    fail("%s: type %s, but input %s has type %s", path, value.descr, tensor->name, tensor->descr);
  if (value.rank != tensor->rank) fail("%s: %d axes, but input %s has %d", path, value.rank, tensor->name, tensor->rank);
  for (int axis = 0; axis < tensor->rank; axis++) {
    int64_t dim = tensor->dims[axis];
    if (dim < 0) {
      int symbol = (int)(-1 - dim);
      int64_t *field = (int64_t *)(void *)(in + model->symbols[symbol].offset);
      if (*field < 0) *field = value.dims[axis];
      dim = *field;
    }
    if (value.dims[axis] != dim)
      fail("%s: axis %d is %lld, but input %s has %lld there", path, axis, (long long)value.dims[axis], tensor->name,
           (long long)dim);
  }
  memcpy(in + tensor->pointer_offset, &value.data, sizeof value.data);
}

static void forget_symbols(const model_info *model, unsigned char *in) {
  for (int i = 0; i < model->symbol_count; i++) {
    int64_t unknown = -1;
    memcpy(in + model->symbols[i].offset, &unknown, sizeof unknown);
  }
}

static const int64_t *output_dims(const tensor_info *tensor, const unsigned char *out) {
  return (const int64_t *)(const void *)(out + tensor->dims_offset);
}

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

/* Room for the outputs, whose sizes the inputs decide. */
static void allocate_outputs(const model_info *model, unsigned char *out) {
  for (int i = 0; i < model->output_count; i++) {
    const tensor_info *tensor = &model->outputs[i];
    size_t bytes = tensor->item_bytes;
    for (int axis = 0; axis < tensor->rank; axis++) bytes *= (size_t)output_dims(tensor, out)[axis];
    void *data = allocate(bytes, tensor->name);
    memcpy(out + tensor->pointer_offset, &data, sizeof data);
  }
}

static void check(const model_info *model, int status, const char *what) {
  if (status != 0) fail("%s: %s: %s", model->name, what, model->error_string(status));
}
