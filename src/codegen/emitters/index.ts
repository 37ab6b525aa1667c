import type { Emitters } from '../emit-context.js';
import { emitAttention } from './attention.js';
import { emitConv, emitConvTranspose } from './conv.js';
import { emitLinear } from './linear.js';
import { emitLayerNorm } from './norm.js';

/** The emitter of every op. An op without one does not type-check. */
export const emitters: Emitters = {
  reshape: () => undefined,
  linear: emitLinear,
  conv: emitConv,
  conv_transpose: emitConvTranspose,
  layer_norm: emitLayerNorm,
  attention: emitAttention,
} as unknown as Emitters;
