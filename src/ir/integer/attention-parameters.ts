import type { Quantization } from '../types.js';

/** How an attention's probabilities are coded (METHOD 4). */
export interface SoftmaxQuantizer {
  /** `row_log2` and `row_uniform` refer to each row's maximum; `agq` to one reference for the tensor, as published. */
  readonly quantizer: 'row_log2' | 'row_uniform' | 'agq';
  readonly bits: number;
  /** Granularity: code steps per octave. 1 for `row_uniform`. */
  readonly tau: number;
  /** Codes cut off at the top, so that the largest probabilities share code 0 (`row_log2`). */
  readonly offset: number;
  /** The published scale s of `agq`. */
  readonly reference: number;
}

const f = Math.fround;
const LOG2_E = f(Math.LOG2E);
/** The largest value of the table of probabilities: 15 bits, so that a signed 16-bit product is exact. */
const TABLE_MAX = 32767;

/**
 * Values of the codes, scaled to 15 bits: round(32767 · 2^(−code/τ)), the last code standing for zero; the code itself
 * for `row_uniform`.
 */
export function probabilityTable({ quantizer, bits, tau }: SoftmaxQuantizer): Int16Array {
  const levels = 1 << bits;
  return Int16Array.from({ length: levels }, (_, code) => {
    if (quantizer === 'row_uniform') return code;
    return code === levels - 1 ? 0 : Math.round(TABLE_MAX * 2 ** (-code / tau));
  });
}

/**
 * The constants of the integer attention kernel, from the quantizations around it. Each is computed in double and
 * rounded to float32 once, so that the evaluator and the generated C start from the same bytes.
 */
export function attentionConstants(p: {
  readonly q: Quantization;
  readonly k: Quantization;
  readonly v: Quantization;
  readonly scale: number;
  readonly softmax: SoftmaxQuantizer;
  readonly relHeightScale: number;
  readonly relWidthScale: number;
  readonly output: Quantization | undefined;
}) {
  const { q, k, v, softmax, output } = p;
  const table = probabilityTable(softmax);
  return {
    zq: q.zeroPoint,
    // Any constant works (softmax ignores it); 8-bit codes need 128 to fit a signed byte.
    kOffset: k.bits === 8 ? 128 : k.zeroPoint,
    zv: v.zeroPoint,
    logitScale: f(q.scale * k.scale * p.scale),
    tScale: f(softmax.tau * LOG2_E),
    offset: softmax.offset,
    tau: f(softmax.tau),
    log2S: f(Math.log2(softmax.reference)),
    agqScale: f(softmax.reference / table[0]!),
    table,
    levels: table.length,
    outMul: output ? f(v.scale / output.scale) : 0,
    vScale: f(v.scale),
    outZeroPoint: output?.zeroPoint ?? 0,
    outMax: output ? 2 ** output.bits - 1 : 0,
    // The relative terms use the unscaled query.
    relHeightScale: f(q.scale * p.relHeightScale),
    relWidthScale: f(q.scale * p.relWidthScale),
  };
}
export type AttentionConstants = ReturnType<typeof attentionConstants>;
