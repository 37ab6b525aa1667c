#ifndef SQ_TYPES_H
#define SQ_TYPES_H
/*
 * Element types for kernels that are macros over the dtype. For a dtype d (f32 f64 f16 bf16 i8 ... u64 bool):
 *
 *   SQ_C_d       type in memory                         SQ_LOAD_d(v)   memory -> arithmetic
 *   SQ_A_d       type of arithmetic                     SQ_STORE_d(v)  arithmetic -> memory, rounded to nearest even
 *   SQ_W_d       unsigned type in which + - * wrap without undefined behaviour (integers; no narrower than int)
 *   SQ_CLASS_d   flt, sgn or uns: chooses the expression of a function
 *   SQ_LOWEST_d, SQ_HIGHEST_d   ends of the range of SQ_A_d, infinite for floats
 */
#include "sq_kernel.h"

#define SQ_PASTE_(a, b) a##b
#define SQ_PASTE(a, b) SQ_PASTE_(a, b)

/* Kernels take (args, begin, end, worker); most do not care which worker they are. */
#define SQ_KERNEL_SIGNATURE(name) static void name(const void *args, int64_t begin, int64_t end, int64_t worker)

SQ_UNUSED static inline uint32_t sq_types_bits(float value) {
  union {
    float value;
    uint32_t bits;
  } pun = {value};
  return pun.bits;
}
SQ_UNUSED static inline float sq_types_float(uint32_t bits) {
  union {
    uint32_t bits;
    float value;
  } pun = {bits};
  return pun.value;
}

/* Without branches on the value, so that loops over it vectorise. Subnormals are multiples of 2^-24. */
SQ_UNUSED static inline float sq_types_load_f16(uint16_t half) {
  uint32_t sign = (uint32_t)(half & 0x8000u) << 16, magnitude = half & 0x7fffu;
  uint32_t wide = (magnitude << 13) + (magnitude >= 0x7c00u ? 0x70000000u : 0x38000000u);
  float tiny = (float)(int32_t)magnitude * 0x1p-24f;
  return sq_types_float((magnitude < 0x400u ? sq_types_bits(tiny) : wide) | sign);
}
SQ_UNUSED static inline uint16_t sq_types_store_f16(float value) {
  uint32_t bits = sq_types_bits(value), sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7fffffffu;
  /* 0.5f has an ulp of 2^-24, the spacing of f16 subnormals: the addition rounds. */
  float small = sq_types_float(magnitude < 0x38800000u ? magnitude : 0u) + 0.5f;
  uint32_t subnormal = sq_types_bits(small) - 0x3f000000u;
  uint32_t normal = (magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  uint32_t finite = magnitude < 0x38800000u ? subnormal : normal;
  uint32_t result = magnitude >= 0x477ff000u ? (magnitude > 0x7f800000u ? 0x7e00u : 0x7c00u) : finite;
  return (uint16_t)(result | sign);
}
SQ_UNUSED static inline float sq_types_load_bf16(uint16_t half) { return sq_types_float((uint32_t)half << 16); }
SQ_UNUSED static inline uint16_t sq_types_store_bf16(float value) {
  uint32_t bits = sq_types_bits(value);
  uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return (uint16_t)((bits & 0x7fffffffu) > 0x7f800000u ? ((bits >> 16) & 0x8000u) | 0x7fc0u : rounded);
}

#define SQ_C_f32 float
#define SQ_C_f64 double
#define SQ_C_f16 uint16_t
#define SQ_C_bf16 uint16_t
#define SQ_C_i8 int8_t
#define SQ_C_u8 uint8_t
#define SQ_C_i16 int16_t
#define SQ_C_u16 uint16_t
#define SQ_C_i32 int32_t
#define SQ_C_u32 uint32_t
#define SQ_C_i64 int64_t
#define SQ_C_u64 uint64_t
#define SQ_C_bool uint8_t

#define SQ_A_f32 float
#define SQ_A_f64 double
#define SQ_A_f16 float
#define SQ_A_bf16 float
#define SQ_A_i8 int8_t
#define SQ_A_u8 uint8_t
#define SQ_A_i16 int16_t
#define SQ_A_u16 uint16_t
#define SQ_A_i32 int32_t
#define SQ_A_u32 uint32_t
#define SQ_A_i64 int64_t
#define SQ_A_u64 uint64_t
#define SQ_A_bool uint8_t

#define SQ_W_f32 float
#define SQ_W_f64 double
#define SQ_W_f16 float
#define SQ_W_bf16 float
#define SQ_W_i8 uint32_t
#define SQ_W_u8 uint32_t
#define SQ_W_i16 uint32_t
#define SQ_W_u16 uint32_t
#define SQ_W_i32 uint32_t
#define SQ_W_u32 uint32_t
#define SQ_W_i64 uint64_t
#define SQ_W_u64 uint64_t
#define SQ_W_bool uint32_t

#define SQ_CLASS_f32 flt
#define SQ_CLASS_f64 flt
#define SQ_CLASS_f16 flt
#define SQ_CLASS_bf16 flt
#define SQ_CLASS_i8 sgn
#define SQ_CLASS_u8 uns
#define SQ_CLASS_i16 sgn
#define SQ_CLASS_u16 uns
#define SQ_CLASS_i32 sgn
#define SQ_CLASS_u32 uns
#define SQ_CLASS_i64 sgn
#define SQ_CLASS_u64 uns
#define SQ_CLASS_bool uns

#define SQ_LOAD_f32(v) (v)
#define SQ_LOAD_f64(v) (v)
#define SQ_LOAD_f16(v) sq_types_load_f16(v)
#define SQ_LOAD_bf16(v) sq_types_load_bf16(v)
#define SQ_LOAD_i8(v) (v)
#define SQ_LOAD_u8(v) (v)
#define SQ_LOAD_i16(v) (v)
#define SQ_LOAD_u16(v) (v)
#define SQ_LOAD_i32(v) (v)
#define SQ_LOAD_u32(v) (v)
#define SQ_LOAD_i64(v) (v)
#define SQ_LOAD_u64(v) (v)
#define SQ_LOAD_bool(v) ((uint8_t)((v) != 0))

#define SQ_STORE_f32(v) (v)
#define SQ_STORE_f64(v) (v)
#define SQ_STORE_f16(v) sq_types_store_f16(v)
#define SQ_STORE_bf16(v) sq_types_store_bf16(v)
#define SQ_STORE_i8(v) ((int8_t)(v))
#define SQ_STORE_u8(v) ((uint8_t)(v))
#define SQ_STORE_i16(v) ((int16_t)(v))
#define SQ_STORE_u16(v) ((uint16_t)(v))
#define SQ_STORE_i32(v) ((int32_t)(v))
#define SQ_STORE_u32(v) ((uint32_t)(v))
#define SQ_STORE_i64(v) ((int64_t)(v))
#define SQ_STORE_u64(v) ((uint64_t)(v))
#define SQ_STORE_bool(v) ((uint8_t)((v) != 0))

#define SQ_LOWEST_f32 (-__builtin_inff())
#define SQ_LOWEST_f64 (-__builtin_inf())
#define SQ_LOWEST_f16 (-__builtin_inff())
#define SQ_LOWEST_bf16 (-__builtin_inff())
#define SQ_LOWEST_i8 INT8_MIN
#define SQ_LOWEST_u8 0
#define SQ_LOWEST_i16 INT16_MIN
#define SQ_LOWEST_u16 0
#define SQ_LOWEST_i32 INT32_MIN
#define SQ_LOWEST_u32 0
#define SQ_LOWEST_i64 INT64_MIN
#define SQ_LOWEST_u64 0
#define SQ_LOWEST_bool 0

#define SQ_HIGHEST_f32 __builtin_inff()
#define SQ_HIGHEST_f64 __builtin_inf()
#define SQ_HIGHEST_f16 __builtin_inff()
#define SQ_HIGHEST_bf16 __builtin_inff()
#define SQ_HIGHEST_i8 INT8_MAX
#define SQ_HIGHEST_u8 UINT8_MAX
#define SQ_HIGHEST_i16 INT16_MAX
#define SQ_HIGHEST_u16 UINT16_MAX
#define SQ_HIGHEST_i32 INT32_MAX
#define SQ_HIGHEST_u32 UINT32_MAX
#define SQ_HIGHEST_i64 INT64_MAX
#define SQ_HIGHEST_u64 UINT64_MAX
#define SQ_HIGHEST_bool 1

/*
 * Element types by size in bits, for kernels that only move data. What they move was written, and will be read, as
 * another type of that size, often in the function they are inlined into: without may_alias the compiler may take those
 * accesses for unrelated and drop the writes.
 */
typedef uint16_t sq_types_16 __attribute__((may_alias));
typedef uint32_t sq_types_32 __attribute__((may_alias));
typedef uint64_t sq_types_64 __attribute__((may_alias));
#define SQ_C_8 uint8_t
#define SQ_C_16 sq_types_16
#define SQ_C_32 sq_types_32
#define SQ_C_64 sq_types_64

#endif
