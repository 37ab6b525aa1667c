import type { DType } from '../../types.js';
import type { OnnxValue } from '../onnx-value.js';
import { dtypeOf, type NodeImport, type Operator, range, rankOf, resolveAxis } from '../operator.js';
import { dtypeOfCode } from '../read-tensor.js';
import { convolve } from './convolution.js';
import { multiplyMatrices } from './matmul.js';
import { reshapeTo } from './movement.js';
import { reduceOver } from './reduction.js';

/**
 * Operators of models that are already quantized, computed in float32 as ONNX defines them. Quantized builds find the
 * patterns of `quantizeTo` and `dequantizeFrom` again (passes/find-codes.ts) and keep their scales and zero points.
 */

const RANGES: Partial<Record<DType, readonly [number, number]>> = {
  u8: [0, 255],
  i8: [-128, 127],
  u16: [0, 65535],
  i16: [-32768, 32767],
};

const binary = (n: NodeImport, fn: 'add' | 'sub' | 'mul' | 'div' | 'min' | 'max', a: OnnxValue, b: OnnxValue) =>
  n.emit('binary', [a, b], { fn });
const castTo = (n: NodeImport, x: OnnxValue, to: DType): OnnxValue =>
  dtypeOf(x) === to ? x : n.emit('cast', [x], { to });

/** clamp(round(x) + zero point) */
function saturate(n: NodeImport, x: OnnxValue, zeroPoint: OnnxValue | undefined, to: DType): OnnxValue {
  const limits = RANGES[to];
  if (limits === undefined) return n.fail(`codes of type ${to} are not supported`);
  const rounded = n.emit('unary', [x], { fn: 'round' });
  const shifted = zeroPoint ? binary(n, 'add', rounded, castTo(n, zeroPoint, 'f32')) : rounded;
  const clamped = binary(n, 'min', binary(n, 'max', shifted, n.number('f32', limits[0])), n.number('f32', limits[1]));
  return n.emit('cast', [clamped], { to });
}

/** clamp(round(x / scale) + zero point); scale and zero point broadcast to x. */
const quantizeTo = (
  n: NodeImport,
  x: OnnxValue,
  scale: OnnxValue,
  zeroPoint: OnnxValue | undefined,
  to: DType,
): OnnxValue => saturate(n, binary(n, 'div', castTo(n, x, 'f32'), castTo(n, scale, 'f32')), zeroPoint, to);

/** Integers less their zero point, which broadcasts to them, as `to`. */
function centred(n: NodeImport, codes: OnnxValue, zeroPoint: OnnxValue | undefined, to: DType): OnnxValue {
  const wide = n.emit('cast', [codes], { to });
  return zeroPoint === undefined ? wide : binary(n, 'sub', wide, n.emit('cast', [zeroPoint], { to }));
}

/** (codes − zero point)·scale, of the scale's type; scale and zero point broadcast to the codes. */
function dequantizeFrom(
  n: NodeImport,
  codes: OnnxValue,
  scale: OnnxValue,
  zeroPoint: OnnxValue | undefined,
): OnnxValue {
  const steps = castTo(n, scale, 'f32');
  const y = binary(n, 'mul', castTo(n, centred(n, codes, zeroPoint, 'i32'), 'f32'), steps);
  return castTo(n, n.multipleOf(y, steps), dtypeOf(scale));
}

/** A parameter [c] with `after` axes of 1 behind it; a parameter of one element as a scalar. */
function column(n: NodeImport, parameter: OnnxValue, after: number): OnnxValue {
  const { shape } = parameter.type;
  return shape.length === 1 && shape[0] !== 1
    ? reshapeTo(n, parameter, [...shape, ...range(after).map(() => 1)])
    : reshapeTo(n, parameter, []);
}

/**
 * A scale or zero point, shaped to broadcast to x: one for all, one for each element of `axis`, or (opset 21) one for
 * every `block_size` elements along `axis`.
 */
function alongAxis(n: NodeImport, parameter: OnnxValue, x: OnnxValue): OnnxValue {
  const rank = rankOf(parameter);
  const block = n.int('block_size', 0);
  if (block === 0 && rank <= 1) {
    if (rank === 0 || parameter.type.shape[0] === 1) return column(n, parameter, 0);
    return column(n, parameter, rankOf(x) - 1 - resolveAxis(n, n.int('axis', 1), rankOf(x)));
  }
  const axis = resolveAxis(n, n.int('axis', 1), rankOf(x));
  const [size, blocks] = [x.type.shape[axis], parameter.type.shape[axis]];
  if (rank !== rankOf(x) || typeof size !== 'number' || typeof blocks !== 'number')
    return n.fail(`scales of rank ${rank} do not fit an input of rank ${rankOf(x)}`);
  if (blocks * block !== size) n.fail(`${blocks} blocks of ${block} are not the ${size} elements of axis ${axis}`);
  const { shape } = parameter.type;
  const [before, after] = [shape.slice(0, axis + 1), shape.slice(axis + 1)];
  const wide = n.emit('expand', [reshapeTo(n, parameter, [...before, 1, ...after])], {
    shape: [...before, block, ...after],
  });
  return reshapeTo(n, wide, x.type.shape);
}

function quantize(n: NodeImport): OnnxValue {
  const x = n.input(0);
  const zeroPoint = n.optional(2);
  const code = n.int('output_dtype', 0);
  const to = zeroPoint ? dtypeOf(zeroPoint) : code === 0 ? 'u8' : dtypeOfCode(code, n.fail);
  return quantizeTo(n, x, alongAxis(n, n.input(1), x), zeroPoint && alongAxis(n, zeroPoint, x), to);
}

function dequantize(n: NodeImport): OnnxValue {
  const x = n.input(0);
  const zeroPoint = n.optional(2);
  return dequantizeFrom(n, x, alongAxis(n, n.input(1), x), zeroPoint && alongAxis(n, zeroPoint, x));
}

/** The range of x, widened to hold 0, on 0…255. */
function dynamicQuantize(n: NodeImport): readonly OnnxValue[] {
  const x = n.input(0);
  const zero = n.number('f32', 0);
  const axes = range(rankOf(x));
  const low = binary(n, 'min', reduceOver(n, 'min', x, axes, false), zero);
  const high = binary(n, 'max', reduceOver(n, 'max', x, axes, false), zero);
  const scale = binary(n, 'div', binary(n, 'sub', high, low), n.number('f32', 255));
  const zeroPoint = saturate(n, binary(n, 'div', binary(n, 'sub', zero, low), scale), undefined, 'u8');
  return [quantizeTo(n, x, scale, zeroPoint, 'u8'), scale, zeroPoint];
}

/** x, its scale and zero point; the same of the weight, per output channel or for all; the same of the result; bias in int32. */
function qLinearConv(n: NodeImport): OnnxValue {
  const [x, scale, weight, weightScale] = [n.input(0), column(n, n.input(1), 0), n.input(3), n.input(4)];
  const rows = (parameter: OnnxValue): OnnxValue => column(n, parameter, rankOf(weight) - 1);
  const bias = n.optional(8);
  const y = convolve(
    n,
    dequantizeFrom(n, x, scale, column(n, n.input(2), 0)),
    dequantizeFrom(n, weight, rows(weightScale), rows(n.input(5))),
    bias && dequantizeFrom(n, bias, binary(n, 'mul', scale, column(n, weightScale, 0)), undefined),
  );
  return quantizeTo(n, y, column(n, n.input(6), 0), column(n, n.input(7), 0), dtypeOf(n.input(7)));
}

/** a, scale, zero point (one for each row, or for all); b, scale, zero point (each column); scale and zero point of the result. */
function qLinearMatMul(n: NodeImport): OnnxValue {
  const a = dequantizeFrom(n, n.input(0), column(n, n.input(1), 1), column(n, n.input(2), 1));
  const b = dequantizeFrom(n, n.input(3), column(n, n.input(4), 0), column(n, n.input(5), 0));
  const y = multiplyMatrices(n, a, b);
  return quantizeTo(n, y, column(n, n.input(6), 1), column(n, n.input(7), 1), dtypeOf(n.input(7)));
}

function matMulInteger(n: NodeImport): OnnxValue {
  const [rows, columns] = [n.optional(2), n.optional(3)];
  const a = centred(n, n.input(0), rows && column(n, rows, 1), 'i32');
  return multiplyMatrices(n, a, centred(n, n.input(1), columns && column(n, columns, 0), 'i32'));
}

function convInteger(n: NodeImport): OnnxValue {
  const [weight, zeroPoint, rows] = [n.input(1), n.optional(2), n.optional(3)];
  const x = centred(n, n.input(0), zeroPoint && column(n, zeroPoint, 0), 'i32');
  return convolve(n, x, centred(n, weight, rows && column(n, rows, rankOf(weight) - 1), 'i32'), undefined);
}

const CODES = 'codes of 4 bits made at run time, codes of 8-bit floats';
export const quantizations: Readonly<Record<string, Operator>> = {
  QuantizeLinear: {
    since: 10,
    into: ['cast', 'binary', 'unary', 'reshape', 'expand'],
    refuses: CODES,
    import: quantize,
  },
  DequantizeLinear: {
    since: 10,
    into: ['cast', 'binary', 'reshape', 'expand'],
    refuses: 'codes of 8-bit floats',
    import: dequantize,
  },
  DynamicQuantizeLinear: { since: 11, into: ['reduce', 'binary', 'unary', 'cast'], import: dynamicQuantize },
  QLinearConv: {
    since: 10,
    into: ['cast', 'binary', 'unary', 'reshape', 'transpose', 'conv'],
    refuses: CODES,
    import: qLinearConv,
  },
  QLinearMatMul: {
    since: 10,
    into: ['cast', 'binary', 'unary', 'reshape', 'matmul'],
    refuses: CODES,
    import: qLinearMatMul,
  },
  MatMulInteger: { since: 10, into: ['cast', 'reshape', 'binary', 'matmul'], import: matMulInteger },
  ConvInteger: {
    since: 10,
    into: ['cast', 'reshape', 'binary', 'transpose', 'conv'],
    refuses: 'more than three spatial axes',
    import: convInteger,
  },
};
