import type { Node, ValueId } from '../../ir/graph.js';
import { type Dim, isStatic } from '../../ir/scalar.js';
import { DTYPE_BYTES } from '../../ir/types.js';
import { UserError } from '../../user-error.js';
import type { EmitContext } from '../emit-context.js';

/** Elements of a float32 constant. */
export function floatConstant(context: EmitContext, value: ValueId): Float32Array {
  const tensor = context.graph.constants.get(value)?.load();
  if (tensor?.dtype !== 'f32') throw new Error(`%${value} is not a float32 constant`);
  return tensor.data as Float32Array;
}

/** @throws where an operand or result is not float32, for ops whose kernels are */
export function requireF32(context: EmitContext, node: Node): void {
  for (const value of [...node.operands, ...node.results]) {
    if (value === null) continue;
    const { dtype } = context.type(value);
    if (dtype !== 'f32') throw new UserError(`only float32 is supported here, found ${dtype}`);
  }
}

/** @throws where a dimension is symbolic */
export function requireStatic(shape: readonly Dim[], what: string): readonly number[] {
  if (!isStatic(shape)) throw new UserError(`${what}: symbolic dimensions are not supported here`);
  return shape;
}

/** y[i · toStrides] = x[i · fromStrides] for every index i of dims, in elements of float32's size. */
export function emitCopy(
  context: EmitContext,
  from: string,
  to: string,
  dims: readonly number[],
  fromStrides: readonly number[],
  toStrides: readonly number[],
): void {
  context.runGeneric('sq_copy', 'SQ_DEFINE_COPY', [String(8 * DTYPE_BYTES.f32)], 'sq_copy_32', {
    x: from,
    y: to,
    rank: String(dims.length),
    dims: context.int64s(dims),
    strides_x: context.int64s(fromStrides),
    strides_y: context.int64s(toStrides),
  });
}
