/**
 * Weight layouts of the float convolutions. ONNX stores Conv as [oc, ic / groups, ...kernel] and ConvTranspose as
 * [ic, oc / groups, ...kernel]; the kernels read channels last.
 */

/** Conv [oc, c, taps] to the matrix [oc, taps * c] of sq_conv_f32 (groups = 1); pack it with `packLinearF32`. */
export function convF32Matrix(weights: Float32Array, oc: number, c: number, taps: number): Float32Array {
  expectLength('convF32Matrix', weights, oc * c * taps);
  const out = new Float32Array(weights.length);
  let at = 0;
  for (let o = 0; o < oc; o++) {
    for (let t = 0; t < taps; t++) {
      for (let i = 0; i < c; i++) out[at++] = weights[(o * c + i) * taps + t] ?? 0;
    }
  }
  return out;
}

/** Packing `conv_nd_f32`: Conv [oc, icg, taps] to [taps, icg, oc], `icg` input channels a group. */
export function packConvNdF32(weights: Float32Array, oc: number, icg: number, taps: number): Float32Array {
  expectLength('packConvNdF32', weights, oc * icg * taps);
  const out = new Float32Array(weights.length);
  let at = 0;
  for (let t = 0; t < taps; t++) {
    for (let i = 0; i < icg; i++) {
      for (let o = 0; o < oc; o++) out[at++] = weights[(o * icg + i) * taps + t] ?? 0;
    }
  }
  return out;
}

/**
 * Packing `conv_transpose_nd_f32`: ConvTranspose [ic, ocg, taps] to [taps, ic / groups, oc]: input channel c of group g meets
 * output channel g * ocg + o.
 */
export function packConvTransposeNdF32(
  weights: Float32Array,
  ic: number,
  ocg: number,
  taps: number,
  groups: number,
): Float32Array {
  expectLength('packConvTransposeNdF32', weights, ic * ocg * taps);
  const out = new Float32Array(weights.length);
  const icg = ic / groups;
  let at = 0;
  for (let t = 0; t < taps; t++) {
    for (let i = 0; i < icg; i++) {
      for (let o = 0; o < ocg * groups; o++) {
        const channel = Math.floor(o / ocg) * icg + i;
        out[at++] = weights[(channel * ocg + (o % ocg)) * taps + t] ?? 0;
      }
    }
  }
  return out;
}

function expectLength(what: string, weights: Float32Array, count: number): void {
  if (weights.length !== count) throw new RangeError(`${what}: ${weights.length} weights, expected ${count}`);
}
