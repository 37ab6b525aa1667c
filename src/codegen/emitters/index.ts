import type { Emitters } from '../emit-context.js';
import { emitAttention } from './attention.js';
import { emitConv, emitConvTranspose } from './conv.js';
import { emitBinary, emitCast, emitGate, emitSelect, emitUnary } from './elementwise.js';
import { emitIota, emitScalars } from './generate.js';
import { emitGridSample } from './grid-sample.js';
import { emitGather, emitGatherElements, emitGatherNd, emitScatterElements, emitScatterNd } from './indexing.js';
import {
  addQuantize,
  dequantize,
  integerAttention,
  integerConv,
  integerLinear,
  layerNormQuantize,
  observe,
  quantize,
  snap,
} from './integer.js';
import { emitLinear } from './linear.js';
import { emitMatmul } from './matmul-f32.js';
import { emitConcat, emitExpand, emitPad, emitSlice, emitTranspose } from './movement.js';
import { emitGelu, emitLayerNorm, emitSoftmax } from './norm.js';
import { emitAveragePool, emitMaxPool } from './pool.js';
import { emitArgReduce, emitCumsum, emitReduce, emitTopK } from './reduce.js';
import { emitResize, emitResizeTwice } from './resize-bilinear.js';

/** The emitter of every op. An op without one does not type-check. */
export const emitters: Emitters = {
  unary: emitUnary,
  binary: emitBinary,
  select: emitSelect,
  cast: emitCast,
  gelu: emitGelu,
  gate: emitGate,
  // The result has its operand's memory.
  reshape: () => undefined,
  transpose: emitTranspose,
  slice: emitSlice,
  concat: emitConcat,
  expand: emitExpand,
  pad: emitPad,
  gather: emitGather,
  gather_elements: emitGatherElements,
  gather_nd: emitGatherNd,
  scatter_nd: emitScatterNd,
  scatter_elements: emitScatterElements,
  iota: emitIota,
  scalars: emitScalars,
  reduce: emitReduce,
  arg_reduce: emitArgReduce,
  cumsum: emitCumsum,
  top_k: emitTopK,
  matmul: emitMatmul,
  linear: emitLinear,
  conv: emitConv,
  conv_transpose: emitConvTranspose,
  max_pool: emitMaxPool,
  average_pool: emitAveragePool,
  layer_norm: emitLayerNorm,
  softmax: emitSoftmax,
  attention: emitAttention,
  resize: emitResize,
  resize_twice: emitResizeTwice,
  grid_sample: emitGridSample,
  quantize,
  dequantize,
  snap,
  integer_linear: integerLinear,
  integer_conv: integerConv,
  integer_attention: integerAttention,
  layer_norm_quantize: layerNormQuantize,
  add_quantize: addQuantize,
  observe,
};
