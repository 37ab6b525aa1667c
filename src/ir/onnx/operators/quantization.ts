import type { DType } from '../../types.js';
import type { OnnxValue } from '../onnx-value.js';
import { dtypeOf, type NodeImport, type Operator, range, rankOf, resolveAxis } from '../operator.js';
import { dtypeOfCode } from '../read-tensor.js';
import { convolve } from './convolution.js';
import { centred, multiplyMatrices } from './matmul.js';
import { reshapeTo } from './movement.js';
import { reduceOver } from './reduction.js';

/** Operators of models that are already quantized, computed in float32 as ONNX defines them. */

const RANGES: Partial<Record<DType, readonly [number, number]>> = {
  u8: [0, 255],
  i8: [-128, 127],
  u16: [0, 65535],
  i16: [-32768, 32767],
};

const binary = (n: NodeImport, fn: 'add' | 'sub' | 'mul' | 'div' | 'min' | 'max', a: OnnxValue, b: OnnxValue) =>
  n.emit('binary', [a, b], { fn });
const toF32 = (n: NodeImport, x: OnnxValue): OnnxValue =>
  dtypeOf(x) === 'f32' ? x : n.emit('cast', [x], { to: 'f32' });

/** clamp(round(x) + zero point) */
function saturate(n: NodeImport, x: OnnxValue, zeroPoint: OnnxValue | undefined, to: DType): OnnxValue {
  const limits = RANGES[to];
  if (limits === undefined) return n.fail(`codes of type ${to} are not supported`);
  const rounded = n.emit('unary', [x], { fn: 'round' });
  const shifted = zeroPoint ? binary(n, 'add', rounded, toF32(n, zeroPoint)) : rounded;
  const clamped = binary(n, 'min', binary(n, 'max', shifted, n.number('f32', limits[0])), n.number('f32', limits[1]));
  return n.emit('cast', [clamped], { to });
}

/** A scale or zero point per element of `axis`, shaped to broadcast along it. */
function alongAxis(n: NodeImport, parameter: OnnxValue, x: OnnxValue): OnnxValue {
  if (rankOf(parameter) === 0) return parameter;
  if (rankOf(parameter) === 1 && parameter.type.shape[0] === 1) return reshapeTo(n, parameter, []);
  if (rankOf(parameter) !== 1 || n.int('block_size', 0) !== 0) n.fail('blocked quantization is not supported');
  const axis = resolveAxis(n, n.int('axis', 1), rankOf(x));
  return reshapeTo(n, parameter, [...parameter.type.shape, ...range(rankOf(x) - 1 - axis).map(() => 1)]);
}

function quantize(n: NodeImport): OnnxValue {
  const [x, scale] = [n.input(0), alongAxis(n, n.input(1), n.input(0))];
  const zeroPoint = n.optional(2);
  const code = n.int('output_dtype', 0);
  const to = zeroPoint ? dtypeOf(zeroPoint) : code === 0 ? 'u8' : dtypeOfCode(code, n.fail);
  const scaled = binary(n, 'div', toF32(n, x), toF32(n, scale));
  return saturate(n, scaled, zeroPoint && alongAxis(n, zeroPoint, x), to);
}

/** (x − zero point)·scale, of the scale's type. */
function dequantize(n: NodeImport): OnnxValue {
  const x = n.input(0);
  const zeroPoint = n.optional(2);
  const difference = centred(n, x, zeroPoint && alongAxis(n, zeroPoint, x), 'i32', false);
  const scale = alongAxis(n, n.input(1), x);
  const y = binary(n, 'mul', toF32(n, difference), toF32(n, scale));
  return dtypeOf(scale) === 'f32' ? y : n.emit('cast', [y], { to: dtypeOf(scale) });
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
  return [saturate(n, binary(n, 'div', x, scale), zeroPoint, 'u8'), scale, zeroPoint];
}

/**
 * x, its scale and zero point; the same of the weight, per output channel or one for all; the same of the result; bias
 * in int32 with the scale x·weight. Sums of products of 8-bit codes are exact in float32 up to 2^24.
 */
function qLinearConv(n: NodeImport): OnnxValue {
  const [x, weight] = [n.input(0), n.input(3)];
  const rows = (parameter: OnnxValue, after: number): OnnxValue =>
    rankOf(parameter) === 0
      ? parameter
      : reshapeTo(n, parameter, [...parameter.type.shape, ...range(after).map(() => 1)]);
  const bias = n.optional(8);
  const product = convolve(
    n,
    centred(n, x, n.input(2), 'f32', false),
    centred(n, weight, rows(n.input(5), rankOf(weight) - 1), 'f32', false),
    bias && toF32(n, bias),
  );
  const ratio = binary(n, 'div', binary(n, 'mul', n.input(1), n.input(4)), n.input(6));
  const scaled = binary(n, 'mul', product, rows(ratio, rankOf(x) - 2));
  return saturate(n, scaled, n.input(7), dtypeOf(n.input(7)));
}

/** As QLinearConv: a, scale, zero point; b, scale, zero point; scale and zero point of the result. */
function qLinearMatMul(n: NodeImport): OnnxValue {
  const a = centred(n, n.input(0), n.input(2), 'i32', true);
  const b = centred(n, n.input(3), n.input(5), 'i32', false);
  const column = (scale: OnnxValue): OnnxValue =>
    rankOf(scale) === 1 && scale.type.shape[0] !== 1 ? reshapeTo(n, scale, [...scale.type.shape, 1]) : scale;
  const ratio = binary(n, 'div', binary(n, 'mul', column(n.input(1)), n.input(4)), n.input(6));
  const scaled = binary(n, 'mul', toF32(n, multiplyMatrices(n, a, b)), toF32(n, ratio));
  return saturate(n, scaled, n.input(7), dtypeOf(n.input(7)));
}

export const quantizations: Readonly<Record<string, Operator>> = {
  QuantizeLinear: { since: 10, import: quantize },
  DequantizeLinear: { since: 10, import: dequantize },
  DynamicQuantizeLinear: { since: 11, import: dynamicQuantize },
  QLinearConv: { since: 10, import: qLinearConv },
  QLinearMatMul: { since: 10, import: qLinearMatMul },
};
