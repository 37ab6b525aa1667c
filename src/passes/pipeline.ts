import { foldConstants } from './fold-constants.js';
import { fuseEpilogue } from './fuse-epilogue.js';
import { fuseGelu } from './fuse-gelu.js';
import { fuseLayerNorm } from './fuse-layer-norm.js';
import { fuseLinear } from './fuse-linear.js';
import { mergeDuplicates } from './merge-duplicates.js';
import type { Pass } from './pass.js';
import { simplifyMovement } from './simplify-movement.js';
import { sinkTransposes } from './sink-transposes.js';

export const PASSES: readonly Pass[] = [
  simplifyMovement,
  mergeDuplicates,
  foldConstants,
  fuseGelu,
  fuseLayerNorm,
  fuseLinear,
  fuseEpilogue,
  sinkTransposes,
];
