#ifndef SQ_CAST_H
#define SQ_CAST_H
/*
 * SQ_DEFINE_CAST(from, to): kernel sq_cast_<from>_<to>, y[i] = (to)x[i] over `count` contiguous elements. Unit:
 * SQ_CAST_BLOCK elements.
 *
 * Float to integer truncates and saturates, NaN gives 0. Integer to integer keeps the low bits. To bool: not equal to 0,
 * NaN is true. To f16 and bf16 rounded once, to nearest even.
 */
#include "sq_types.h"

#define SQ_CAST_BLOCK 4096

typedef struct {
  const void *x;
  void *y;
  int64_t count;
} sq_cast_args;

SQ_UNUSED static inline int64_t sq_cast_units(const sq_cast_args *p) {
  return sq_ceil_div_i64(p->count, SQ_CAST_BLOCK);
}

/* The least power of two above the range of an integer type; a float of any format. */
#define SQ_CAST_LIMIT_i8 0x1p7f
#define SQ_CAST_LIMIT_u8 0x1p8f
#define SQ_CAST_LIMIT_i16 0x1p15f
#define SQ_CAST_LIMIT_u16 0x1p16f
#define SQ_CAST_LIMIT_i32 0x1p31f
#define SQ_CAST_LIMIT_u32 0x1p32f
#define SQ_CAST_LIMIT_i64 0x1p63f
#define SQ_CAST_LIMIT_u64 0x1p64f

/* Saturating conversions of floats: sq_cast_<float or double>_<to>. */
#define SQ_CAST_SIGNED_(F, to)                                                                     \
  SQ_UNUSED static inline SQ_A_##to sq_cast_##F##_##to(F v) {                                      \
    return v >= (F)SQ_CAST_LIMIT_##to     ? SQ_HIGHEST_##to                                        \
           : v <= -(F)SQ_CAST_LIMIT_##to  ? SQ_LOWEST_##to                                         \
           : v != v                       ? (SQ_A_##to)0                                           \
                                          : (SQ_A_##to)v;                                          \
  }
#define SQ_CAST_UNSIGNED_(F, to)                                                                   \
  SQ_UNUSED static inline SQ_A_##to sq_cast_##F##_##to(F v) {                                      \
    return v >= (F)SQ_CAST_LIMIT_##to ? SQ_HIGHEST_##to : v > (F)0 ? (SQ_A_##to)v : (SQ_A_##to)0;  \
  }
SQ_CAST_SIGNED_(float, i8)
SQ_CAST_SIGNED_(float, i16)
SQ_CAST_SIGNED_(float, i32)
SQ_CAST_SIGNED_(float, i64)
SQ_CAST_SIGNED_(double, i8)
SQ_CAST_SIGNED_(double, i16)
SQ_CAST_SIGNED_(double, i32)
SQ_CAST_SIGNED_(double, i64)
SQ_CAST_UNSIGNED_(float, u8)
SQ_CAST_UNSIGNED_(float, u16)
SQ_CAST_UNSIGNED_(float, u32)
SQ_CAST_UNSIGNED_(float, u64)
SQ_CAST_UNSIGNED_(double, u8)
SQ_CAST_UNSIGNED_(double, u16)
SQ_CAST_UNSIGNED_(double, u32)
SQ_CAST_UNSIGNED_(double, u64)

/*
 * On the way to f16 or bf16: v as a float32 rounded to odd (an inexact result has its last bit set), which the second
 * rounding turns into what one rounding gives, as it keeps at least two bits less.
 */
SQ_UNUSED static inline float sq_cast_double_half(double v) {
  const float nearest = (float)v;
  const double magnitude = v < 0.0 ? -v : v, found = v < 0.0 ? -(double)nearest : (double)nearest;
  uint32_t bits = sq_types_bits(nearest);
  if (v != v || found == magnitude) return nearest;
  bits -= found > magnitude ? 1u : 0u;
  return sq_types_float(bits | 1u);
}
SQ_UNUSED static inline float sq_cast_float_half(float v) { return v; }
/* Beyond 53 bits a double would round as well: the low bits are folded into one. */
SQ_UNUSED static inline float sq_cast_whole_half(int64_t v) {
  const int64_t folded = (v & ~(int64_t)0xfff) | (v & 0xfff ? 0x1000 : 0);
  return sq_cast_double_half((double)(v > -((int64_t)1 << 53) && v < ((int64_t)1 << 53) ? v : folded));
}
SQ_UNUSED static inline float sq_cast_natural_half(uint64_t v) {
  return v >> 63 ? sq_cast_whole_half((int64_t)((v >> 1) | (v & 1))) * 2.0f : sq_cast_whole_half((int64_t)v);
}

#define SQ_CAST_F_f32 float
#define SQ_CAST_F_f64 double
#define SQ_CAST_F_f16 float
#define SQ_CAST_F_bf16 float

/* SQ_CAST_<class>_<to>(v, from): the float class converts by the functions above, integers by C's conversion. */
#define SQ_CAST_SATURATE_(F, to, v) SQ_CAST_SATURATE__(F, to, v)
#define SQ_CAST_SATURATE__(F, to, v) sq_cast_##F##_##to(v)
#define SQ_CAST_flt_f32(v, from) ((float)(v))
#define SQ_CAST_flt_f64(v, from) ((double)(v))
#define SQ_CAST_flt_f16(v, from) SQ_CAST_SATURATE_(SQ_CAST_F_##from, half, v)
#define SQ_CAST_flt_bf16(v, from) SQ_CAST_SATURATE_(SQ_CAST_F_##from, half, v)
#define SQ_CAST_flt_i8(v, from) SQ_CAST_SATURATE_(SQ_CAST_F_##from, i8, v)
#define SQ_CAST_flt_u8(v, from) SQ_CAST_SATURATE_(SQ_CAST_F_##from, u8, v)
#define SQ_CAST_flt_i16(v, from) SQ_CAST_SATURATE_(SQ_CAST_F_##from, i16, v)
#define SQ_CAST_flt_u16(v, from) SQ_CAST_SATURATE_(SQ_CAST_F_##from, u16, v)
#define SQ_CAST_flt_i32(v, from) SQ_CAST_SATURATE_(SQ_CAST_F_##from, i32, v)
#define SQ_CAST_flt_u32(v, from) SQ_CAST_SATURATE_(SQ_CAST_F_##from, u32, v)
#define SQ_CAST_flt_i64(v, from) SQ_CAST_SATURATE_(SQ_CAST_F_##from, i64, v)
#define SQ_CAST_flt_u64(v, from) SQ_CAST_SATURATE_(SQ_CAST_F_##from, u64, v)
#define SQ_CAST_flt_bool(v, from) ((uint8_t)((v) != 0))

#define SQ_CAST_VALUE(from, to, v) SQ_CAST_CLASS_(SQ_CLASS_##from, from, to, v)
#define SQ_CAST_CLASS_(class, from, to, v) SQ_CAST_CLASS__(class, from, to, v)
#define SQ_CAST_CLASS__(class, from, to, v) SQ_CAST_##class##_(from, to, v)
#define SQ_CAST_flt_(from, to, v) SQ_CAST_flt_##to(v, from)
#define SQ_CAST_sgn_(from, to, v) SQ_CAST_whole_##to(v, whole)
#define SQ_CAST_uns_(from, to, v) SQ_CAST_whole_##to(v, natural)
#define SQ_CAST_whole_f32(v, kind) ((float)(v))
#define SQ_CAST_whole_f64(v, kind) ((double)(v))
#define SQ_CAST_whole_f16(v, kind) sq_cast_##kind##_half(v)
#define SQ_CAST_whole_bf16(v, kind) sq_cast_##kind##_half(v)
#define SQ_CAST_whole_i8(v, kind) ((int8_t)(v))
#define SQ_CAST_whole_u8(v, kind) ((uint8_t)(v))
#define SQ_CAST_whole_i16(v, kind) ((int16_t)(v))
#define SQ_CAST_whole_u16(v, kind) ((uint16_t)(v))
#define SQ_CAST_whole_i32(v, kind) ((int32_t)(v))
#define SQ_CAST_whole_u32(v, kind) ((uint32_t)(v))
#define SQ_CAST_whole_i64(v, kind) ((int64_t)(v))
#define SQ_CAST_whole_u64(v, kind) ((uint64_t)(v))
#define SQ_CAST_whole_bool(v, kind) ((uint8_t)((v) != 0))

#define SQ_DEFINE_CAST(from, to)                                                                   \
  SQ_KERNEL_SIGNATURE(sq_cast_##from##_##to) {                                                     \
    const sq_cast_args *p = (const sq_cast_args *)args;                                            \
    const SQ_C_##from *x = (const SQ_C_##from *)p->x;                                              \
    SQ_C_##to *y = (SQ_C_##to *)p->y;                                                              \
    const int64_t stop = sq_min_i64(end * SQ_CAST_BLOCK, p->count);                                \
    (void)worker;                                                                                  \
    for (int64_t i = begin * SQ_CAST_BLOCK; i < stop; i++) {                                       \
      const SQ_A_##from v = SQ_LOAD_##from(x[i]);                                                  \
      y[i] = SQ_STORE_##to(SQ_CAST_VALUE(from, to, v));                                            \
    }                                                                                              \
  }

#endif
