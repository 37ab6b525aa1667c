import { geluNearF32 } from '../float-math.js';
import type { Quantization } from '../types.js';
import { codeOf, inverseScale, maxCode } from './code.js';

/** What both products need beside the codes: sq_epilogue_u8s8.h. */
export interface IntegerProduct {
  readonly x: Uint8Array;
  /** s8 codes, output channel first. */
  readonly weight: Int8Array;
  /** s32, −zero_point·Σw folded in. */
  readonly bias: Int32Array;
  readonly multiplier: Float32Array;
  /** float32 of the result's shape, added before the result is quantized. */
  readonly residual: Float32Array | undefined;
  readonly activation: 'none' | 'relu' | 'gelu';
  /** Quantization of the result; undefined: float32. */
  readonly output: Quantization | undefined;
}

const ACTIVATIONS: Readonly<Record<IntegerProduct['activation'], (v: number) => number>> = {
  none: (v) => v,
  // biome-ignore lint/complexity/useMathMinMax: as the kernels have it, NaN included
  relu: (v) => (v > 0 ? v : 0),
  gelu: geluNearF32,
};

/**
 * The inverse scale that the epilogue multiplies by: 1 where the multiplier has it already (requantize: neither
 * activation nor residual stands between).
 */
export const outputInverseScale = ({
  activation,
  residual,
  output,
}: {
  readonly activation: IntegerProduct['activation'];
  readonly residual: unknown;
  readonly output: Quantization | undefined;
}): number =>
  output === undefined || (activation === 'none' && residual === undefined) ? 1 : inverseScale(output.scale);

/** The exact sums [rows, n] to the result. */
function epilogue(p: IntegerProduct, sums: Int32Array, n: number): Float32Array | Uint8Array {
  const values = new Float32Array(sums.length);
  const activation = ACTIVATIONS[p.activation];
  for (let at = 0; at < sums.length; at++) {
    const dequantized = Math.fround(Math.fround(sums[at]!) * p.multiplier[at % n]!);
    const activated = activation(dequantized);
    values[at] = p.residual === undefined ? activated : activated + p.residual[at]!;
  }
  if (p.output === undefined) return values;
  const inverse = outputInverseScale(p);
  const { zeroPoint, bits } = p.output;
  const max = maxCode(bits);
  return Uint8Array.from(values, (v) => codeOf(Math.fround(v * inverse), zeroPoint, max));
}

/** `sq_linear_u8s8`: x [m, k] · weight [n, k]ᵀ + bias [n] in exact 32-bit sums, then the epilogue → [m, n]. */
export function integerLinear(
  p: IntegerProduct & { readonly n: number; readonly k: number },
): Float32Array | Uint8Array {
  const { x, weight, n, k } = p;
  const m = k === 0 ? 0 : x.length / k;
  const sums = new Int32Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = p.bias[j]!;
      for (let c = 0; c < k; c++) sum += x[i * k + c]! * weight[j * k + c]!;
      sums[i * n + j] = sum;
    }
  }
  return epilogue(p, sums, n);
}

type Shape4 = readonly [number, number, number, number];

/** `sq_conv_u8s8`: x [b, h, w, c], weight [o, kh, kw, c] → [b, oh, ow, o]; padding reads the zero point. */
export function integerConv(
  p: IntegerProduct & {
    readonly inputShape: Shape4;
    readonly weightShape: Shape4;
    readonly outputShape: Shape4;
    /** The code of zero. */
    readonly zeroPoint: number;
    readonly strides: readonly number[];
    readonly dilations: readonly number[];
    readonly pads_before: readonly number[];
  },
): Float32Array | Uint8Array {
  const [, h, w, c] = p.inputShape;
  const [n, kernelH, kernelW] = p.weightShape;
  const [batch, outH, outW] = p.outputShape;
  const [strideH = 1, strideW = 1] = p.strides;
  const [dilationH = 1, dilationW = 1] = p.dilations;
  const [padTop = 0, padLeft = 0] = p.pads_before;
  const k = kernelH * kernelW * c;
  const sums = new Int32Array(batch * outH * outW * n);
  const patch = new Uint8Array(k);
  for (let row = 0; row < batch * outH * outW; row++) {
    const [b, y, x] = [Math.floor(row / (outH * outW)), Math.floor(row / outW) % outH, row % outW];
    patch.fill(p.zeroPoint);
    for (let r = 0; r < kernelH; r++) {
      for (let s = 0; s < kernelW; s++) {
        const [iy, ix] = [y * strideH + r * dilationH - padTop, x * strideW + s * dilationW - padLeft];
        if (iy < 0 || iy >= h || ix < 0 || ix >= w) continue;
        const at = ((b * h + iy) * w + ix) * c;
        patch.set(p.x.subarray(at, at + c), (r * kernelW + s) * c);
      }
    }
    for (let j = 0; j < n; j++) {
      let sum = p.bias[j]!;
      for (let e = 0; e < k; e++) sum += patch[e]! * p.weight[j * k + e]!;
      sums[row * n + j] = sum;
    }
  }
  return epilogue(p, sums, n);
}
