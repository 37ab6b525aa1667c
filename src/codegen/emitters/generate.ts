import type { ValueId } from '../../ir/graph.js';
import { type Scalar, scalarType } from '../../ir/scalar.js';
import type { DType } from '../../ir/types.js';
import type { EmitContext, Emitter } from '../emit-context.js';
import { bitsOf } from './elementwise.js';

export const emitIota: Emitter<'iota'> = (node, context) => {
  const { size, dtype } = node.attrs;
  context.runGeneric('sq_iota.h', 'SQ_DEFINE_IOTA', [dtype], `sq_iota_${dtype}`, {
    y: context.pointer(node.results[0]!),
    count: context.dim(size),
  });
};

/** A scalar as it is in a tensor of `dtype`: floats rounded, integers saturated (`fromFloat` of the evaluator). */
function stored(context: EmitContext, scalar: Scalar, dtype: DType): string {
  const type = typeof scalar !== 'number' ? scalarType(scalar) : Number.isSafeInteger(scalar) ? 'int' : 'f32';
  const value = context.scalar(scalar, type);
  if (dtype === 'bool') return `(uint8_t)(${value} != 0)`;
  if (dtype === 'f32') return typeof scalar === 'number' ? context.floatLiteral(scalar) : `(float)${value}`;
  if (dtype === 'f64') return typeof scalar === 'number' ? context.floatLiteral(scalar, 'f64') : `(double)${value}`;
  if (dtype === 'f16' || dtype === 'bf16') return `sq_types_store_${dtype}(sq_cast_double_half((double)${value}))`;
  if (dtype === 'i64' && type === 'int') return value;
  return type === 'int' ? `sq_cast_double_${dtype}((double)${value})` : `sq_cast_float_${dtype}(${value})`;
}

export const emitScalars: Emitter<'scalars'> = (node, context) => {
  const { values, dtype } = node.attrs;
  const [y] = node.results as readonly [ValueId];
  if (values.length === 0) return;
  const bits = bitsOf(dtype);
  const elements = values.map((value) => stored(context, value, dtype)).join(', ');
  context.runGeneric('sq_scalars.h', 'SQ_DEFINE_SCALARS', [`${bits}`], `sq_scalars_${bits}`, {
    values: `(const SQ_C_${dtype}[]){${elements}}`,
    y: context.pointer(y),
    count: context.dim(values.length),
  });
};
