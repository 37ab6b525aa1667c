/*
 * The native back end for Node.js: the models of src/models.h behind Node-API.
 *
 *   open(name, weights: Uint8Array) -> handle      run(handle, inputs: Uint8Array[], symbols: number[]) -> Promise of
 *   close(handle)                                  { data: ArrayBuffer, shape: number[] }[]
 *
 * Inputs are copied before `run` returns and the model runs on a thread of Node's pool. Errors have a `code`:
 * SAM_ARGUMENT, SAM_LOAD, SAM_MEMORY. One run of a handle at a time.
 */
#include <stdlib.h>
#include <string.h>

#include "../../src/models.h"
#include "node_api.h"

#define NAPI_EXPORT __attribute__((visibility("default")))
enum { ALIGNMENT = 64, UINT8_ARRAY = 1, NAME_BYTES = 128 };

typedef struct {
  const model_info *info;
  void *weights, *arena, *context, *inputs, *outputs;
  void **data; /* of each input */
  size_t *capacity;
  int busy, closed;
} instance;

typedef struct {
  instance *model;
  napi_deferred deferred;
  napi_async_work work;
  napi_ref result;
  int status;
} call;

static void *allocate(size_t bytes) { return aligned_alloc(ALIGNMENT, (bytes / ALIGNMENT + 1) * ALIGNMENT); }

static void release(instance *model) {
  if (model->data)
    for (int i = 0; i < model->info->input_count; i++) free(model->data[i]);
  free(model->data);
  free(model->capacity);
  free(model->weights);
  free(model->arena);
  free(model->context);
  free(model->inputs);
  free(model->outputs);
  model->data = NULL;
  model->capacity = NULL;
  model->weights = model->arena = model->context = model->inputs = model->outputs = NULL;
  model->closed = 1;
}

/* The collector has found the handle: no run holds it any more. */
static void finalize(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  release((instance *)data);
  free(data);
}

static napi_value error_value(napi_env env, const char *code, const char *message) {
  napi_value code_value, text, error;
  napi_create_string_utf8(env, code, strlen(code), &code_value);
  napi_create_string_utf8(env, message, strlen(message), &text);
  napi_create_error(env, code_value, text, &error);
  return error;
}

static napi_value throw_error(napi_env env, const char *code, const char *message) {
  napi_throw(env, error_value(env, code, message));
  return NULL;
}

/* Statuses 8 to 10 follow from values of the inputs. */
static const char *code_of(int status) { return status >= 8 && status <= 10 ? "SAM_ARGUMENT" : "SAM_LOAD"; }

static int bytes_of(napi_env env, napi_value value, const void **data, size_t *bytes) {
  napi_typedarray_type type;
  bool is_array = false;
  void *start = NULL;
  if (napi_is_typedarray(env, value, &is_array) || !is_array) return 0;
  if (napi_get_typedarray_info(env, value, &type, bytes, &start, NULL, NULL) || type != UINT8_ARRAY) return 0;
  *data = start;
  return 1;
}

static napi_value open_model(napi_env env, napi_callback_info info) {
  size_t count = 2, length = 0, bytes = 0;
  napi_value args[2], handle;
  char name[NAME_BYTES];
  const void *weights;
  const model_info *found = NULL;
  int status;
  if (napi_get_cb_info(env, info, &count, args, NULL, NULL) || count < 2 ||
      napi_get_value_string_utf8(env, args[0], name, sizeof name, &length) || !bytes_of(env, args[1], &weights, &bytes))
    return throw_error(env, "SAM_ARGUMENT", "open(name, weights)");
  for (int i = 0; i < MODEL_COUNT; i++)
    if (strcmp(models[i].name, name) == 0) found = &models[i];
  if (!found) return throw_error(env, "SAM_LOAD", "models.node has no such model");
  instance *model = (instance *)calloc(1, sizeof *model);
  if (!model) return throw_error(env, "SAM_MEMORY", "no memory");
  size_t arena_bytes = found->arena_bytes(1);
  model->info = found;
  model->weights = allocate(bytes);
  model->arena = allocate(arena_bytes);
  model->context = allocate(found->context_bytes);
  model->inputs = allocate(found->inputs_bytes);
  model->outputs = allocate(found->outputs_bytes);
  model->data = (void **)calloc((size_t)found->input_count + 1, sizeof(void *));
  model->capacity = (size_t *)calloc((size_t)found->input_count + 1, sizeof(size_t));
  if (!model->weights || !model->arena || !model->context || !model->inputs || !model->outputs || !model->data ||
      !model->capacity) {
    finalize(env, model, NULL);
    return throw_error(env, "SAM_MEMORY", "no memory for the model");
  }
  memcpy(model->weights, weights, bytes);
  status = found->init(model->context, model->weights, bytes, model->arena, arena_bytes);
  if (status != 0 || napi_create_external(env, model, finalize, NULL, &handle)) {
    finalize(env, model, NULL);
    return throw_error(env, "SAM_LOAD", found->error_string(status));
  }
  return handle;
}

static const int64_t *output_dims(const instance *model, int output) {
  return (const int64_t *)(const void *)((const char *)model->outputs + model->info->outputs[output].dims_offset);
}

/* Copies the inputs to memory of the model's. 0 where there is none, -1 where the arguments are not as the index checks. */
static int take_inputs(napi_env env, instance *model, napi_value inputs, napi_value symbols) {
  const model_info *info = model->info;
  napi_value item;
  for (int i = 0; i < info->input_count; i++) {
    const void *from;
    size_t bytes;
    if (napi_get_element(env, inputs, (uint32_t)i, &item) || !bytes_of(env, item, &from, &bytes)) return -1;
    if (bytes > model->capacity[i] || !model->data[i]) {
      free(model->data[i]);
      model->capacity[i] = 0;
      model->data[i] = allocate(bytes);
      if (!model->data[i]) return 0;
      model->capacity[i] = bytes;
    }
    if (bytes > 0) memcpy(model->data[i], from, bytes);
    memcpy((char *)model->inputs + info->inputs[i].pointer_offset, &model->data[i], sizeof(void *));
  }
  for (int i = 0; i < info->symbol_count; i++) {
    int64_t value;
    if (napi_get_element(env, symbols, (uint32_t)i, &item) || napi_get_value_int64(env, item, &value)) return -1;
    memcpy((char *)model->inputs + info->symbols[i].offset, &value, sizeof value);
  }
  return 1;
}

/* The list that the promise gives, with an ArrayBuffer for each output to write to. */
static int make_result(napi_env env, instance *model, napi_value *result) {
  const model_info *info = model->info;
  if (napi_create_array_with_length(env, (size_t)info->output_count, result)) return 0;
  for (int i = 0; i < info->output_count; i++) {
    const tensor_info *tensor = &info->outputs[i];
    napi_value object, buffer, shape, size;
    void *data = NULL;
    size_t bytes = tensor->item_bytes;
    if (napi_create_object(env, &object) || napi_create_array_with_length(env, (size_t)tensor->rank, &shape)) return 0;
    for (int axis = 0; axis < tensor->rank; axis++) {
      int64_t dim = output_dims(model, i)[axis];
      bytes *= (size_t)dim;
      if (napi_create_int64(env, dim, &size) || napi_set_element(env, shape, (uint32_t)axis, size)) return 0;
    }
    /* An empty output too has an address. */
    if (napi_create_arraybuffer(env, bytes ? bytes : tensor->item_bytes, &data, &buffer) || !data) return 0;
    memcpy((char *)model->outputs + tensor->pointer_offset, &data, sizeof data);
    if (napi_set_named_property(env, object, "data", buffer) || napi_set_named_property(env, object, "shape", shape) ||
        napi_set_element(env, *result, (uint32_t)i, object))
      return 0;
  }
  return 1;
}

static void execute(napi_env env, void *data) {
  call *run = (call *)data;
  (void)env;
  run->status = run->model->info->run(run->model->context, run->model->inputs, run->model->outputs);
}

static void complete(napi_env env, napi_status status, void *data) {
  call *run = (call *)data;
  instance *model = run->model;
  napi_value list, result;
  model->busy = 0;
  napi_get_reference_value(env, run->result, &list);
  if (status == 0 && run->status == 0) {
    napi_get_element(env, list, 0, &result);
    napi_resolve_deferred(env, run->deferred, result);
  } else
    napi_reject_deferred(
        env, run->deferred,
        error_value(env, code_of(run->status), status == 0 ? model->info->error_string(run->status) : "the run was cancelled"));
  if (model->closed) release(model);
  napi_delete_reference(env, run->result);
  napi_delete_async_work(env, run->work);
  free(run);
}

static napi_value run_model(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value args[3], result, keep, label, promise;
  instance *model;
  void *handle;
  int taken, status;
  if (napi_get_cb_info(env, info, &count, args, NULL, NULL) || count < 3 ||
      napi_get_value_external(env, args[0], &handle))
    return throw_error(env, "SAM_ARGUMENT", "run(handle, inputs, symbols)");
  model = (instance *)handle;
  if (model->closed || model->busy) return throw_error(env, "SAM_ARGUMENT", model->busy ? "a run is going on" : "closed");
  taken = take_inputs(env, model, args[1], args[2]);
  if (taken < 0) return throw_error(env, "SAM_ARGUMENT", "run(handle, inputs, symbols)");
  if (taken == 0) return throw_error(env, "SAM_MEMORY", "no memory for the inputs");
  status = model->info->output_dims(model->inputs, model->outputs);
  if (status != 0) return throw_error(env, code_of(status), model->info->error_string(status));
  if (!make_result(env, model, &result)) return throw_error(env, "SAM_MEMORY", "no memory for the outputs");
  call *run = (call *)calloc(1, sizeof *run);
  if (!run) return throw_error(env, "SAM_MEMORY", "no memory");
  run->model = model;
  /* The handle stays alive with the outputs until the run is over. */
  if (napi_create_array_with_length(env, 2, &keep) || napi_set_element(env, keep, 0, result) ||
      napi_set_element(env, keep, 1, args[0]) || napi_create_reference(env, keep, 1, &run->result) ||
      napi_create_string_utf8(env, "sam-qc", 6, &label) ||
      napi_create_async_work(env, NULL, label, execute, complete, run, &run->work) ||
      napi_create_promise(env, &run->deferred, &promise)) {
    free(run);
    return throw_error(env, "SAM_MEMORY", "no memory");
  }
  model->busy = 1;
  if (napi_queue_async_work(env, run->work)) {
    model->busy = 0;
    napi_delete_reference(env, run->result);
    napi_delete_async_work(env, run->work);
    free(run);
    return throw_error(env, "SAM_MEMORY", "the run cannot be queued");
  }
  return promise;
}

static napi_value close_model(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value arg, nothing;
  void *handle;
  if (napi_get_cb_info(env, info, &count, &arg, NULL, NULL) || count < 1 || napi_get_value_external(env, arg, &handle))
    return throw_error(env, "SAM_ARGUMENT", "close(handle)");
  if (((instance *)handle)->busy)
    ((instance *)handle)->closed = 1;
  else
    release((instance *)handle);
  napi_get_undefined(env, &nothing);
  return nothing;
}

NAPI_EXPORT int32_t node_api_module_get_api_version_v1(void);
int32_t node_api_module_get_api_version_v1(void) { return 8; }

NAPI_EXPORT napi_value napi_register_module_v1(napi_env env, napi_value exports);
napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  static const struct {
    const char *name;
    napi_callback function;
  } functions[] = {{"open", open_model}, {"run", run_model}, {"close", close_model}};
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    napi_value function;
    if (napi_create_function(env, functions[i].name, strlen(functions[i].name), functions[i].function, NULL, &function) ||
        napi_set_named_property(env, exports, functions[i].name, function))
      return NULL;
  }
  return exports;
}
