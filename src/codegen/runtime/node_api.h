#ifndef SQ_NODE_API_H
#define SQ_NODE_API_H
/*
 * The part of Node-API (version 8, the same binary interface in every Node.js since 12.22 and in Deno and Bun) that the
 * addon uses, declared here so that it builds without the headers of a Node.js.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct napi_env__ *napi_env;
typedef struct napi_value__ *napi_value;
typedef struct napi_deferred__ *napi_deferred;
typedef struct napi_async_work__ *napi_async_work;
typedef struct napi_ref__ *napi_ref;
typedef struct napi_callback_info__ *napi_callback_info;
typedef int napi_status; /* napi_ok = 0 */
typedef int napi_typedarray_type; /* napi_uint8_array = 1 */

typedef napi_value (*napi_callback)(napi_env env, napi_callback_info info);
typedef void (*napi_finalize)(napi_env env, void *data, void *hint);
typedef void (*napi_async_execute_callback)(napi_env env, void *data);
typedef void (*napi_async_complete_callback)(napi_env env, napi_status status, void *data);

napi_status napi_create_function(napi_env, const char *name, size_t length, napi_callback, void *data, napi_value *);
napi_status napi_get_cb_info(napi_env, napi_callback_info, size_t *count, napi_value *args, napi_value *self, void **data);
napi_status napi_set_named_property(napi_env, napi_value object, const char *name, napi_value);
napi_status napi_create_string_utf8(napi_env, const char *text, size_t length, napi_value *);
napi_status napi_get_value_string_utf8(napi_env, napi_value, char *buffer, size_t bytes, size_t *length);
napi_status napi_create_external(napi_env, void *data, napi_finalize, void *hint, napi_value *);
napi_status napi_get_value_external(napi_env, napi_value, void **data);
napi_status napi_get_typedarray_info(napi_env, napi_value, napi_typedarray_type *, size_t *length, void **data,
                                     napi_value *buffer, size_t *offset);
napi_status napi_is_typedarray(napi_env, napi_value, bool *);
napi_status napi_get_array_length(napi_env, napi_value, uint32_t *);
napi_status napi_is_array(napi_env, napi_value, bool *);
napi_status napi_get_element(napi_env, napi_value, uint32_t index, napi_value *);
napi_status napi_set_element(napi_env, napi_value, uint32_t index, napi_value);
napi_status napi_get_value_int64(napi_env, napi_value, int64_t *);
napi_status napi_create_int64(napi_env, int64_t, napi_value *);
napi_status napi_create_object(napi_env, napi_value *);
napi_status napi_create_array_with_length(napi_env, size_t, napi_value *);
napi_status napi_create_arraybuffer(napi_env, size_t bytes, void **data, napi_value *);
napi_status napi_create_reference(napi_env, napi_value, uint32_t count, napi_ref *);
napi_status napi_get_reference_value(napi_env, napi_ref, napi_value *);
napi_status napi_delete_reference(napi_env, napi_ref);
napi_status napi_create_error(napi_env, napi_value code, napi_value message, napi_value *);
napi_status napi_throw(napi_env, napi_value);
napi_status napi_create_promise(napi_env, napi_deferred *, napi_value *);
napi_status napi_resolve_deferred(napi_env, napi_deferred, napi_value);
napi_status napi_reject_deferred(napi_env, napi_deferred, napi_value);
napi_status napi_create_async_work(napi_env, napi_value resource, napi_value name, napi_async_execute_callback,
                                   napi_async_complete_callback, void *data, napi_async_work *);
napi_status napi_queue_async_work(napi_env, napi_async_work);
napi_status napi_delete_async_work(napi_env, napi_async_work);
napi_status napi_get_undefined(napi_env, napi_value *);

#endif
