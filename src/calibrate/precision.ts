import type { SoftmaxQuantizer } from '../ir/integer/attention-parameters.js';
import type { Quantization } from '../ir/types.js';
import { statisticsOfFloatBins } from './histogram.js';
import { type Observer, observeStatistics } from './observers.js';
import type { TensorProfile } from './profile.js';

/** Bit widths and how ranges are found. */
export interface Precision {
  readonly weightBits: number;
  readonly activationBits: number;
  readonly observer: Observer;
  /** The coding of probabilities that transforms of the keys are tried with. */
  readonly trialSoftmax: SoftmaxQuantizer;
}

export const rowLog2 = (bits: number, tau: number, offset: number): SoftmaxQuantizer => ({
  quantizer: 'row_log2',
  bits,
  tau,
  offset,
  reference: 1,
});

/** The usual best granularity of row-referenced codes at each width (METHOD 4). */
const TRIAL_TAU: Readonly<Record<number, number>> = { 4: 2, 6: 4, 8: 16 };

export const precisionOf = (weightBits: number, activationBits: number, observer: Observer): Precision => ({
  weightBits,
  activationBits,
  observer,
  trialSoftmax: rowLog2(activationBits, TRIAL_TAU[activationBits] ?? 4, 0),
});

/** The search for a range takes a while, and a tensor is asked for in several trials. */
const known = new WeakMap<TensorProfile, Map<string, Quantization>>();

/** Scale and zero point of an activation. Throws, naming the tensor, for constant, NaN or infinite values. */
export function activationQuant(name: string, profile: TensorProfile, precision: Precision): Quantization {
  const { activationBits: bits, observer } = precision;
  const before = known.get(profile)?.get(`${observer} ${bits}`);
  if (before !== undefined) return before;
  const extent = {
    min: profile.min.reduce((a, b) => Math.min(a, b)),
    max: profile.max.reduce((a, b) => Math.max(a, b)),
  };
  const statistics = statisticsOfFloatBins(name, profile.histogram, extent);
  const quant = { ...observeStatistics(statistics, { observer, bits }), bits };
  known.set(profile, new Map(known.get(profile)).set(`${observer} ${bits}`, quant));
  return quant;
}
