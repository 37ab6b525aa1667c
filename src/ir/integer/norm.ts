import { geluNearF32, sum16F32 } from '../float-math.js';
import type { Quantization } from '../types.js';
import { codeOf, inverseScale, maxCode } from './code.js';

const f = Math.fround;

function quantized(values: Float32Array, { scale, zeroPoint, bits }: Quantization): Uint8Array {
  const inverse = inverseScale(scale);
  const max = maxCode(bits);
  return Uint8Array.from(values, (v) => codeOf(f(v * inverse), zeroPoint, max));
}

/** `sq_layer_norm_quantize_u8`: LayerNorm over rows of gamma's length, and GELU; the codes and the float32 they were made from. */
export function layerNormQuantizeU8(p: {
  readonly x: Float32Array;
  readonly gamma: Float32Array;
  readonly beta: Float32Array;
  readonly epsilon: number;
  readonly activation?: 'gelu' | undefined;
  readonly quant: Quantization;
}): { readonly codes: Uint8Array; readonly values: Float32Array } {
  const k = p.gamma.length;
  const epsilon = f(p.epsilon);
  const values = new Float32Array(p.x.length);
  for (let at = 0; at + k <= p.x.length && k > 0; at += k) {
    const row = p.x.subarray(at, at + k);
    const mean = f(sum16F32(row) / k);
    const variance = f(sum16F32(row.map((v) => f(f(v - mean) * f(v - mean)))) / k);
    const r = f(1 / f(Math.sqrt(f(variance + epsilon))));
    for (let j = 0; j < k; j++) values[at + j] = f(f(f(row[j]! - mean) * r) * p.gamma[j]!) + p.beta[j]!;
  }
  const activated = p.activation === 'gelu' ? values.map(geluNearF32) : values;
  return { codes: quantized(activated, p.quant), values: activated };
}

/** `sq_add_quantize_u8`: a + b, b repeated over a; the codes and the float32 they were made from. */
export function addQuantizeU8(p: {
  readonly a: Float32Array;
  readonly b: Float32Array;
  readonly quant: Quantization;
}): { readonly codes: Uint8Array; readonly values: Float32Array } {
  const values = p.a.map((v, at) => v + p.b[at % p.b.length]!);
  return { codes: quantized(values, p.quant), values };
}
