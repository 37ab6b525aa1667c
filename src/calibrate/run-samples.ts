import type { Graph } from '../ir/graph.js';
import type { Tensor } from '../ir/types.js';

/**
 * Runs a program over the calibration samples and hands on the outputs of each, one sample at a time. `label` says what
 * is being measured, for progress; `limit` takes fewer samples.
 */
export type RunSamples = (
  graph: Graph,
  label: string,
  onOutputs: (outputs: ReadonlyMap<string, Tensor>) => void,
  limit?: number,
) => Promise<void>;
