import { dequantizeU8, quantizeU8, snapU8 } from '../integer/quantize.js';
import { attr, defineOp, operand, requireTensor, requireType, TypeMismatch } from '../op.js';
import { elementCount, type TensorType } from '../types.js';

/** The quantization of a `u8` tensor; every integer op needs to know what the codes mean. */
export function requireQuantized(type: TensorType, name: string): NonNullable<TensorType['quant']> {
  if (type.dtype !== 'u8' || type.quant === undefined)
    throw new TypeMismatch(`${name} must be u8 codes with a quantization, found ${type.dtype}`);
  return type.quant;
}

export const quantize = defineOp({
  summary: 'float32 → codes: clamp(round(x / scale) + zero point), ties to even; NaN gives the zero point',
  operands: [operand('x')],
  attrs: { quant: attr.quant },
  infer: (types, { quant }) => {
    const x = requireType(types, 0, 'x');
    if (x.dtype !== 'f32') throw new TypeMismatch(`quantize takes f32, found ${x.dtype}`);
    return [{ dtype: 'u8', shape: x.shape, quant }];
  },
  evaluate: (operands, { quant }) => {
    const x = requireTensor(operands, 0);
    return [{ dtype: 'u8', shape: x.shape, data: quantizeU8(x.data as Float32Array, quant) }];
  },
});

export const dequantize = defineOp({
  summary: 'codes → float32: scale · (code − zero point)',
  operands: [operand('x')],
  attrs: { quant: attr.quant },
  infer: (types, { quant }) => {
    const x = requireType(types, 0, 'x');
    const own = requireQuantized(x, 'x');
    if (own.scale !== quant.scale || own.zeroPoint !== quant.zeroPoint)
      throw new TypeMismatch('dequantize must name the quantization of its operand');
    return [{ dtype: 'f32', shape: x.shape }];
  },
  evaluate: (operands, { quant }) => {
    const x = requireTensor(operands, 0);
    return [{ dtype: 'f32', shape: x.shape, data: dequantizeU8(x.data as Uint8Array, quant) }];
  },
});

export const snap = defineOp({
  summary:
    'codes → the nearest of a few ascending levels, of two as near the lower: what codes of fewer bits and uneven steps stand for',
  operands: [operand('x')],
  attrs: { levels: attr.ints },
  infer: (types, { levels }) => {
    const x = requireType(types, 0, 'x');
    const { bits } = requireQuantized(x, 'x');
    const ascend = levels.every((level, i) => Number.isInteger(level) && level > (levels[i - 1] ?? -1));
    if (levels.length === 0 || !ascend || levels.at(-1)! >= 2 ** bits)
      throw new TypeMismatch(`snap: levels must be ascending codes of ${bits} bits`);
    return [x];
  },
  evaluate: (operands, { levels }) => {
    const x = requireTensor(operands, 0);
    return [{ dtype: 'u8', shape: x.shape, data: snapU8(x.data as Uint8Array, levels) }];
  },
});

/** Histogram bins of `observe`: a float32 falls in the bin of its upper 16 bits (sign, exponent, 7 bits of mantissa). */
export const HISTOGRAM_BINS = 1 << 16;

export const observe = defineOp({
  summary:
    'calibration statistics of x [..., c]: channels f32 [3, c] (minimum, maximum, mean) and a histogram u32 [65536] keyed by the upper 16 bits of the float32',
  operands: [operand('x')],
  attrs: {},
  infer: (types) => {
    const x = requireType(types, 0, 'x');
    if (x.dtype !== 'f32') throw new TypeMismatch(`observe takes f32, found ${x.dtype}`);
    return [
      { dtype: 'f32', shape: [3, x.shape.at(-1) ?? 1] },
      { dtype: 'u32', shape: [HISTOGRAM_BINS] },
    ];
  },
  evaluate: (operands) => {
    const x = requireTensor(operands, 0);
    const data = x.data as Float32Array;
    const channels = x.shape.at(-1) ?? 1;
    const rows = channels === 0 ? 0 : elementCount(x.shape) / channels;
    const summary = new Float32Array(3 * channels);
    for (let c = 0; c < channels; c++) {
      let [min, max, sum] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
      for (let r = 0; r < rows; r++) {
        const v = data[r * channels + c]!;
        if (v < min) min = v;
        if (v > max) max = v;
        sum += v;
      }
      summary[c] = min;
      summary[channels + c] = max;
      summary[2 * channels + c] = rows === 0 ? 0 : sum / rows;
    }
    const histogram = new Uint32Array(HISTOGRAM_BINS);
    for (const bits of new Uint32Array(data.buffer, data.byteOffset, data.length)) histogram[bits >>> 16]!++;
    return [
      { dtype: 'f32', shape: [3, channels], data: summary },
      { dtype: 'u32', shape: [HISTOGRAM_BINS], data: histogram },
    ];
  },
});
