import type { Graph } from '../ir/graph.js';
import type { Tensor } from '../ir/types.js';

/** Values that one program leaves for later ones, sample by sample. */
export interface KeptValues {
  /** Outputs of the program that computes them, inputs of those that read them. */
  readonly names: ReadonlySet<string>;
  /** They are kept of so many samples, spread over all. */
  readonly samples: number;
}

/** Inputs and outputs of a program that are not handed on sample by sample. */
export interface HeldValues {
  /** Outputs in it are kept and not handed on; inputs in it have what was kept, and then only samples of which it was are run. */
  readonly kept?: KeptValues;
  /** Outputs of type u32 that are added up over the samples. */
  readonly summed?: ReadonlySet<string>;
}

/**
 * Runs a program over the calibration samples and hands on the outputs of each, one sample at a time. `label` says what
 * is being measured, for progress; `limit` takes fewer samples. Returns the sums, f64.
 */
export type RunSamples = (
  graph: Graph,
  label: string,
  onOutputs: (outputs: ReadonlyMap<string, Tensor>) => void,
  limit?: number,
  held?: HeldValues,
) => Promise<ReadonlyMap<string, Tensor>>;

/** At most `count` of `items`, spread over them: samples may be sorted by picture. */
export const spread = <T>(items: readonly T[], count: number): readonly T[] => {
  const total = Math.min(count, items.length);
  return Array.from({ length: total }, (_, i) => items[Math.floor((i * items.length) / total)]!);
};
