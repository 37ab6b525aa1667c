import type { DType } from '../ir/types.js';

/** The C type that holds one element in memory, as sq_types.h has it. */
export const C_TYPES: Readonly<Record<DType, string>> = {
  f32: 'float',
  f64: 'double',
  f16: 'uint16_t',
  bf16: 'uint16_t',
  i8: 'int8_t',
  u8: 'uint8_t',
  i16: 'int16_t',
  u16: 'uint16_t',
  i32: 'int32_t',
  u32: 'uint32_t',
  i64: 'int64_t',
  u64: 'uint64_t',
  bool: 'uint8_t',
};
