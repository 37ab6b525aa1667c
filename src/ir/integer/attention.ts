import { exp2F32, log2F32, sum16F32 } from '../float-math.js';
import type { AttentionConstants, SoftmaxQuantizer } from './attention-parameters.js';
import { codeOf, roundHalfEven } from './code.js';

const f = Math.fround;
const LOG2_E = f(Math.LOG2E);

/** Operands of `sq_attention_u8`: token-major codes q [batch, queries, heads·channels], k, v likewise. */
export interface IntegerAttention {
  readonly q: Uint8Array;
  readonly k: Uint8Array;
  readonly v: Uint8Array;
  readonly batch: number;
  readonly queries: number;
  readonly keys: number;
  readonly heads: number;
  readonly channels: number;
  readonly valueChannels: number;
  /** Broadcasts to [batch (times windows), heads, queries, keys]. */
  readonly bias: { readonly data: Float32Array; readonly shape: readonly number[] } | undefined;
  /** Codes of SAM's tables, [query rows, key rows, channels] and [query columns, key columns, channels]. */
  readonly relHeight: { readonly data: Int8Array; readonly shape: readonly number[] } | undefined;
  readonly relWidth: { readonly data: Int8Array; readonly shape: readonly number[] } | undefined;
  /** Codes that a key outside the grid has, [heads·channels] and [heads·valueChannels]; needed where windows hang over. */
  readonly keyPad: Uint8Array | undefined;
  readonly valuePad: Uint8Array | undefined;
  /** [grid height, grid width, window height, window width]: attention inside windows, `queries` = `keys` = the grid. */
  readonly window: readonly number[] | undefined;
  readonly quantizer: SoftmaxQuantizer['quantizer'];
  readonly constants: AttentionConstants;
  /** The result dequantized to float32. */
  readonly float: boolean;
}

/** The tokens of one window in order; −1 outside the grid. Without windows, all tokens. */
function windowsOf(window: readonly number[] | undefined, tokens: number): number[][] {
  if (window === undefined) return [Array.from({ length: tokens }, (_, token) => token)];
  const [gridH = 0, gridW = 0, winH = 1, winW = 1] = window;
  const windows: number[][] = [];
  for (let y0 = 0; y0 < gridH; y0 += winH) {
    for (let x0 = 0; x0 < gridW; x0 += winW) {
      windows.push(
        Array.from({ length: winH * winW }, (_, at) => {
          const [y, x] = [y0 + Math.floor(at / winW), x0 + (at % winW)];
          return y < gridH && x < gridW ? y * gridW + x : -1;
        }),
      );
    }
  }
  return windows;
}

/** rel[key] = float(Σ (q − zq)·R[slice][key]) · scale. */
function relativeTerms(
  q: Uint8Array,
  zq: number,
  table: { readonly data: Int8Array; readonly shape: readonly number[] },
  slice: number,
  scale: number,
): Float32Array {
  const [, keys = 0, channels = 0] = table.shape;
  return Float32Array.from({ length: keys }, (_, key) => {
    let sum = 0;
    const at = (slice * keys + key) * channels;
    for (let c = 0; c < channels; c++) sum += (q[c]! - zq) * table.data[at + c]!;
    return f(sum) * scale;
  });
}

/** The codes of one row of logits, as sq_attention_u8.h defines them. */
export function attentionCodes(
  quantizer: SoftmaxQuantizer['quantizer'],
  { levels, tScale, offset, tau, log2S }: AttentionConstants,
  x: Float32Array,
): Uint8Array {
  let max = Number.NEGATIVE_INFINITY;
  for (const logit of x) if (logit > max) max = logit;
  const top = levels - 1;
  const exponential = (logit: number): number => exp2F32(f(f(logit - max) * LOG2_E));
  if (quantizer === 'row_uniform') {
    return Uint8Array.from(x, (logit) => {
      const t = f(exponential(logit) * top);
      return roundHalfEven(t > 0 ? Math.min(t, top) : 0);
    });
  }
  const shift = quantizer === 'agq' ? f(tau * f(log2F32(sum16F32(x.map(exponential))) + log2S)) : 0;
  const low = quantizer === 'agq' ? 0 : offset;
  return Uint8Array.from(x, (logit) => {
    const scaled = f(f(max - logit) * tScale);
    const t = quantizer === 'agq' ? f(scaled + shift) : scaled;
    return roundHalfEven(t < low + top ? Math.max(t, low) : low + top) - low;
  });
}

/** The row of head h of one token, or of the padding. */
function headRow(
  tokens: Uint8Array,
  pad: Uint8Array | undefined,
  token: number,
  heads: number,
  h: number,
  width: number,
) {
  if (token >= 0) return tokens.subarray((token * heads + h) * width, (token * heads + h + 1) * width);
  if (pad === undefined)
    throw new Error('integer attention: windows hang over the grid, but no padding codes are given');
  return pad.subarray(h * width, (h + 1) * width);
}

/** Where a bias that broadcasts to [batch, heads, queries, keys] has the row of one query, and the step between keys. */
function biasRow(
  shape: readonly number[],
  item: number,
  h: number,
  i: number,
): { readonly at: number; readonly step: number } {
  const [batch = 1, heads = 1, queries = 1, keys = 1] = [
    ...Array<number>(Math.max(0, 4 - shape.length)).fill(1),
    ...shape,
  ];
  const row = ((item % batch) * heads + (h % heads)) * queries + (i % queries);
  return { at: row * keys, step: keys === 1 ? 0 : 1 };
}

/** x[j] for one query of one head: logits from exact sums, then the relative terms, then the bias. */
function logitsOf(
  p: IntegerAttention,
  q: Uint8Array,
  keys: readonly Uint8Array[],
  item: number,
  h: number,
  i: number,
): Float32Array {
  const { relHeight, relWidth, bias, constants: c } = p;
  const x = Float32Array.from(keys, (key) => {
    let sum = 0;
    for (let ch = 0; ch < p.channels; ch++) sum += (q[ch]! - c.zq) * (key[ch]! - c.kOffset);
    return f(sum) * c.logitScale;
  });
  if (relHeight && relWidth) {
    const [queryWidth = 1, keyWidth = 1] = relWidth.shape;
    const rh = relativeTerms(q, c.zq, relHeight, Math.floor(i / queryWidth), c.relHeightScale);
    const rw = relativeTerms(q, c.zq, relWidth, i % queryWidth, c.relWidthScale);
    for (let j = 0; j < x.length; j++) x[j] = f(x[j]! + rh[Math.floor(j / keyWidth)]!) + rw[j % keyWidth]!;
  }
  if (bias) {
    const { at, step } = biasRow(bias.shape, item, h, i);
    for (let j = 0; j < x.length; j++) x[j] = x[j]! + bias.data[at + j * step]!;
  }
  return x;
}

/** `sq_attention_u8` → [batch, queries, heads·valueChannels]. */
export function integerAttention(p: IntegerAttention): Uint8Array | Float32Array {
  const { heads, channels, valueChannels, constants: c } = p;
  const windows = windowsOf(p.window, p.queries);
  const results = new Float32Array(p.batch * p.queries * heads * valueChannels);
  const sums = new Float64Array(valueChannels);
  for (let item = 0; item < p.batch * windows.length; item++) {
    const b = Math.floor(item / windows.length);
    const [q, k, v] = [
      p.q.subarray(b * p.queries * heads * channels),
      p.k.subarray(b * p.keys * heads * channels),
      p.v.subarray(b * p.keys * heads * valueChannels),
    ] as const;
    const queryTokens = windows[item % windows.length]!;
    const keyTokens = p.window === undefined ? Array.from({ length: p.keys }, (_, token) => token) : queryTokens;
    for (let h = 0; h < heads; h++) {
      const keys = keyTokens.map((token) => headRow(k, p.keyPad, token, heads, h, channels));
      const values = keyTokens.map((token) => headRow(v, p.valuePad, token, heads, h, valueChannels));
      for (const [i, token] of queryTokens.entries()) {
        if (token < 0) continue;
        const x = logitsOf(p, headRow(q, undefined, token, heads, h, channels), keys, item, h, i);
        let total = 0;
        sums.fill(0);
        for (const [j, code] of attentionCodes(p.quantizer, c, x).entries()) {
          const weight = c.table[code]!;
          if (weight === 0) continue;
          total += weight;
          const value = values[j]!;
          for (let ch = 0; ch < valueChannels; ch++) sums[ch]! += weight * (value[ch]! - c.zv);
        }
        const at = ((b * p.queries + token) * heads + h) * valueChannels;
        for (let ch = 0; ch < valueChannels; ch++) {
          const sum = f(sums[ch]!);
          if (p.quantizer === 'agq') results[at + ch] = sum * c.agqScale;
          else results[at + ch] = total > 0 ? sum / f(total) : 0;
        }
      }
    }
  }
  if (p.float) return results.map((result) => result * c.vScale);
  return Uint8Array.from(results, (result) => codeOf(f(result * c.outMul), c.outZeroPoint, c.outMax));
}
