/*
 * One compiled model as a WebAssembly module without imports but `progress`. The caller lays out the memory: it asks for
 * the first free address, places weights, arena, inputs and outputs after it and hands over their addresses. The model is
 * the only row of the generated table.
 */
#include SQ_MODELS_H

#define EXPORT(name) __attribute__((export_name(#name)))

__attribute__((import_module("sam_qc"), import_name("progress"))) void sq_wasm_progress(int32_t node);

extern unsigned char __heap_base;

static const model_info *const model = &models[0];
static unsigned char *context, *inputs, *outputs;

static unsigned char *aligned(unsigned char *address) {
  return (unsigned char *)(((uintptr_t)address + 63) & ~(uintptr_t)63);
}

/* Products of 64-bit dimensions that are checked for overflow call this; there is no compiler runtime to have it from. */
typedef struct {
  uint64_t low, high;
} sq_wasm_u128;
void __multi3(sq_wasm_u128 *product, uint64_t a_low, uint64_t a_high, uint64_t b_low, uint64_t b_high);
void __multi3(sq_wasm_u128 *product, uint64_t a_low, uint64_t a_high, uint64_t b_low, uint64_t b_high) {
  const uint64_t mask = UINT32_MAX;
  uint64_t a0 = a_low & mask, a1 = a_low >> 32, b0 = b_low & mask, b1 = b_low >> 32;
  uint64_t low = a0 * b0;
  uint64_t middle = a1 * b0 + (low >> 32);
  uint64_t cross = a0 * b1 + (middle & mask);
  product->low = a_low * b_low;
  product->high = a1 * b1 + (middle >> 32) + (cross >> 32) + a_low * b_high + a_high * b_low;
}

/* Takes what is needed for the structs of the interface; gives the first free address. */
EXPORT(open) unsigned char *sq_wasm_open(void);
unsigned char *sq_wasm_open(void) {
  context = aligned(&__heap_base);
  inputs = aligned(context + model->context_bytes);
  outputs = aligned(inputs + model->inputs_bytes);
  return aligned(outputs + model->outputs_bytes);
}

/* Bytes that are in use from the first free address on must exist before `init` is called. */
EXPORT(arena_bytes) uint32_t sq_wasm_arena_bytes(void);
uint32_t sq_wasm_arena_bytes(void) { return (uint32_t)model->arena_bytes(1); }

EXPORT(init) int32_t sq_wasm_init(const void *weights, uint32_t weights_bytes, void *arena, uint32_t arena_bytes);
int32_t sq_wasm_init(const void *weights, uint32_t weights_bytes, void *arena, uint32_t arena_bytes) {
  return model->init(context, weights, weights_bytes, arena, arena_bytes);
}

EXPORT(set_input) void sq_wasm_set_input(int32_t input, const void *data);
void sq_wasm_set_input(int32_t input, const void *data) {
  *(const void **)(void *)(inputs + model->inputs[input].pointer_offset) = data;
}

EXPORT(set_symbol) void sq_wasm_set_symbol(int32_t symbol, int32_t value);
void sq_wasm_set_symbol(int32_t symbol, int32_t value) {
  *(int64_t *)(void *)(inputs + model->symbols[symbol].offset) = value;
}

EXPORT(set_output) void sq_wasm_set_output(int32_t output, void *data);
void sq_wasm_set_output(int32_t output, void *data) {
  *(void **)(void *)(outputs + model->outputs[output].pointer_offset) = data;
}

/* Computes the shapes of the outputs from the inputs; `output_dim` reads them. */
EXPORT(output_dims) int32_t sq_wasm_output_dims(void);
int32_t sq_wasm_output_dims(void) { return model->output_dims(inputs, outputs); }

EXPORT(output_dim) int32_t sq_wasm_output_dim(int32_t output, int32_t axis);
int32_t sq_wasm_output_dim(int32_t output, int32_t axis) {
  const int64_t *dims = (const int64_t *)(const void *)(outputs + model->outputs[output].dims_offset);
  return (int32_t)dims[axis];
}

static void report(void *data, int64_t node) {
  (void)data;
  sq_wasm_progress((int32_t)node);
}

/* With `observed`, `progress` is called after each node. */
EXPORT(run) int32_t sq_wasm_run(int32_t observed);
int32_t sq_wasm_run(int32_t observed) {
  model->set_observer(context, observed ? report : 0, 0);
  return model->run(context, inputs, outputs);
}

/* Address of a C string. */
EXPORT(error_string) const char *sq_wasm_error_string(int32_t status);
const char *sq_wasm_error_string(int32_t status) { return model->error_string(status); }
