import type { ValueId } from '../../ir/graph.js';
import { product } from '../../ir/scalar.js';
import { DTYPE_BYTES, type DType } from '../../ir/types.js';
import type { EmitContext, Emitter } from '../emit-context.js';
import { broadcastStrides, collapse, emitStridedCopy, viewFields } from './strided.js';

export const bitsOf = (dtype: DType): number => 8 * DTYPE_BYTES[dtype];

/** Emits fn of x, element by element, for fn of sq_unary.h. */
function emitElements(context: EmitContext, fn: string, x: ValueId, y: ValueId): void {
  const { dtype, shape } = context.type(x);
  context.runGeneric('sq_unary.h', 'SQ_DEFINE_UNARY', [fn, dtype], `sq_unary_${fn}_${dtype}`, {
    x: context.pointer(x),
    y: context.pointer(y),
    count: context.dim(product(shape)),
  });
}

export const emitUnary: Emitter<'unary'> = (node, context) => {
  const [x] = node.operands as readonly [ValueId];
  emitElements(context, node.attrs.fn, x, node.results[0]!);
};

const GELU_FUNCTIONS = { none: 'gelu_erf', tanh: 'gelu_tanh' } as const;

/** Gelu of any float type; float32 has kernels of its own. */
export const emitGeluGeneric: Emitter<'gelu'> = (node, context) => {
  const [x] = node.operands as readonly [ValueId];
  emitElements(context, GELU_FUNCTIONS[node.attrs.approximation], x, node.results[0]!);
};

/** Dimensions of a result and the strides of its broadcast operands. */
function broadcastView(context: EmitContext, operands: readonly ValueId[], result: ValueId) {
  const { shape } = context.type(result);
  return collapse({
    dims: shape,
    strides: [...operands.map((operand) => broadcastStrides(context.type(operand).shape, shape))],
  });
}

export const emitBinary: Emitter<'binary'> = (node, context) => {
  const [a, b] = node.operands as readonly [ValueId, ValueId];
  const [y] = node.results as readonly [ValueId];
  const { fn } = node.attrs;
  const { dtype } = context.type(a);
  const fields = {
    a: context.pointer(a),
    b: context.pointer(b),
    y: context.pointer(y),
    ...viewFields(context, broadcastView(context, [a, b], y), ['strides_a', 'strides_b']),
  };
  if (fn === 'pow') {
    const exponent = context.type(b).dtype;
    const kernel = `sq_pow_${dtype}_${exponent}`;
    context.runGeneric('sq_pow.h', 'SQ_DEFINE_POW', [dtype, exponent], kernel, fields);
  } else context.runGeneric('sq_binary.h', 'SQ_DEFINE_BINARY', [fn, dtype], `sq_binary_${fn}_${dtype}`, fields);
};

export const emitSelect: Emitter<'select'> = (node, context) => {
  const [condition, a, b] = node.operands as readonly [ValueId, ValueId, ValueId];
  const [y] = node.results as readonly [ValueId];
  const bits = bitsOf(context.type(y).dtype);
  const view = broadcastView(context, [condition, a, b], y);
  context.runGeneric('sq_select.h', 'SQ_DEFINE_SELECT', [`${bits}`], `sq_select_${bits}`, {
    condition: context.pointer(condition),
    a: context.pointer(a),
    b: context.pointer(b),
    y: context.pointer(y),
    ...viewFields(context, view, ['strides_condition', 'strides_a', 'strides_b']),
  });
};

export const emitGate: Emitter<'gate'> = (node, context) => {
  const [x, flag] = node.operands as readonly [ValueId, ValueId];
  context.run('sq_gate_f32', {
    x: context.pointer(x),
    flag: context.pointer(flag),
    y: context.pointer(node.results[0]!),
    n: context.dim(product(context.type(x).shape)),
  });
};

export const emitCast: Emitter<'cast'> = (node, context) => {
  const [x] = node.operands as readonly [ValueId];
  const [y] = node.results as readonly [ValueId];
  const { dtype, shape } = context.type(x);
  const { to } = node.attrs;
  const count = product(shape);
  const [from, into] = [context.pointer(x), context.pointer(y)];
  if (dtype === to)
    emitStridedCopy(context, { x: from, y: into, bits: bitsOf(dtype), dims: [count], from: [1], to: [1] });
  else
    context.runGeneric('sq_cast.h', 'SQ_DEFINE_CAST', [dtype, to], `sq_cast_${dtype}_${to}`, {
      x: from,
      y: into,
      count: context.dim(count),
    });
};
