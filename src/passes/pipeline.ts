import { foldConstants } from './fold-constants.js';
import { fuseAttention } from './fuse-attention.js';
import { fuseEpilogue } from './fuse-epilogue.js';
import { fuseGelu } from './fuse-gelu.js';
import { fuseLayerNorm } from './fuse-layer-norm.js';
import { fuseLinear } from './fuse-linear.js';
import { fuseResizes } from './fuse-resizes.js';
import { fuseWindowAttention } from './fuse-window-attention.js';
import { gateProducts } from './gate-products.js';
import { mergeDuplicates } from './merge-duplicates.js';
import type { Pass } from './pass.js';
import { simplifyMovement } from './simplify-movement.js';
import { sinkTransposes } from './sink-transposes.js';
import { splitLinear } from './split-linear.js';
import { widenHalves } from './widen-halves.js';

/**
 * From the program as imported to the one that is compiled, in float32 or as the start of quantization: the passes in
 * the order in which they run. Some run twice.
 */
export const PASSES: readonly Pass[] = [
  // What shape arithmetic left behind, so that every later pattern sees constants as constants.
  foldConstants,
  // Every pattern below asks for float32.
  widenHalves,
  // One form for each movement; the patterns below trace through views, and shorter chains trace faster.
  simplifyMovement,
  // The same slice or mask computed twice must be one value before patterns ask whether two operands are the same.
  mergeDuplicates,
  // Before fuse-layer-norm and fuse-linear: a norm over the channels of NCHW must be one over the last axis first.
  sinkTransposes,
  fuseLayerNorm,
  fuseGelu,
  // After sink-transposes, which brings a convolution of kernel 1 next to its bias and activation.
  fuseLinear,
  // After fuse-linear: q, k and v must be linears of their own before heads can be read off their channels.
  splitLinear,
  fuseAttention,
  // What is left of the heads' reshapes and transposes cancels; windows must be plain views for the next pass.
  simplifyMovement,
  fuseWindowAttention,
  // Again: depth-to-space, which fuse-linear made, moves past norm, activation and the next linear.
  sinkTransposes,
  simplifyMovement,
  // After all that moves activations and residuals next to their linear.
  fuseEpilogue,
  // After simplify-movement, which takes the slice between them away.
  fuseResizes,
  mergeDuplicates,
  // Last: the passes above know products, not gates.
  gateProducts,
];
