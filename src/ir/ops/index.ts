import { attention } from './attention.js';
import { conv, conv_transpose } from './conv.js';
import { binary, cast, gelu, select, unary } from './elementwise.js';
import { gate } from './gate.js';
import { gather, gather_elements, gather_nd } from './gather.js';
import { iota, scalars } from './generate.js';
import { grid_sample } from './grid-sample.js';
import { integer_attention } from './integer-attention.js';
import { integer_conv, integer_linear } from './integer-linear.js';
import { add_quantize, layer_norm_quantize } from './integer-norm.js';
import { linear, matmul } from './matmul.js';
import { concat, expand, pad, reshape, slice, transpose } from './movement.js';
import { layer_norm, softmax } from './normalize.js';
import { average_pool, max_pool } from './pool.js';
import { dequantize, observe, quantize, snap } from './quantize.js';
import { arg_reduce, cumsum, reduce, top_k } from './reduce.js';
import { resize, resize_twice } from './resize.js';
import { scatter_elements, scatter_nd } from './scatter.js';

/** Every op of the IR. */
export const ops = {
  unary,
  binary,
  select,
  cast,
  gelu,
  gate,
  reshape,
  transpose,
  slice,
  concat,
  expand,
  pad,
  gather,
  gather_elements,
  gather_nd,
  scatter_nd,
  scatter_elements,
  iota,
  scalars,
  reduce,
  arg_reduce,
  cumsum,
  top_k,
  matmul,
  linear,
  conv,
  conv_transpose,
  max_pool,
  average_pool,
  layer_norm,
  softmax,
  attention,
  resize,
  resize_twice,
  grid_sample,
  quantize,
  dequantize,
  snap,
  integer_linear,
  integer_conv,
  integer_attention,
  layer_norm_quantize,
  add_quantize,
  observe,
} as const;
export type Ops = typeof ops;
export type OpName = keyof Ops;
