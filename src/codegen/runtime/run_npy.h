/* For runner.c and trial.c, which have run_base.h: reads and writes .npy files. */

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

/* An .npy file's bytes before the data, in at most 1024 of them. */
static size_t npy_header(char *header, const char *descr, int rank, const int64_t *dims) {
  size_t length = 10;
  length += (size_t)snprintf(header + length, 1024 - length, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
  for (int axis = 0; axis < rank; axis++)
    length += (size_t)snprintf(header + length, 1024 - length, "%lld%s", (long long)dims[axis],
                               axis + 1 < rank ? ", " : rank == 1 ? "," : "");
  length += (size_t)snprintf(header + length, 1024 - length, "), }");
  while ((length + 1) % 64 != 0) header[length++] = ' ';
  header[length++] = '\n';
  const unsigned char prefix[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)((length - 10) & 255),
                                    (unsigned char)((length - 10) >> 8)};
  memcpy(header, prefix, sizeof prefix);
  return length;
}

static size_t elements(int rank, const int64_t *dims) {
  size_t count = 1;
  for (int axis = 0; axis < rank; axis++) count *= (size_t)dims[axis];
  return count;
}

static void write_npy(const char *path, const tensor_info *tensor, const int64_t *dims, const void *data) {
  char header[1024];
  size_t length = npy_header(header, tensor->descr, tensor->rank, dims), count = elements(tensor->rank, dims);
  FILE *file = fopen(path, "wb");
  if (!file) fail("%s: %s", path, strerror(errno));
  if (fwrite(header, 1, length, file) != length ||
      fwrite(data, 1, count * tensor->item_bytes, file) != count * tensor->item_bytes || fclose(file) != 0)
    fail("%s: cannot be written: %s", path, strerror(errno));
}
