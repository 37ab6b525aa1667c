import type { SoftmaxQuantizer } from '../ir/integer/attention-parameters.js';
import type { ActivationCodes } from '../passes/insert-quantize.js';
import { statisticsOfFloatBins, type TensorStatistics } from './histogram.js';
import { type Observer, observeStatistics, quantizationError } from './observers.js';
import type { TensorProfile } from './profile.js';
import { countsByCode, fittedLevels, levelsError } from './uneven-levels.js';

/** Steps between the codes of an activation: even, or `auto`: uneven ones where they are better by calibration. */
export const STEP_MODES = ['auto', 'even'] as const;
export type StepMode = (typeof STEP_MODES)[number];

/** Uneven steps cost a pass over the codes: they must take this share of the squared error away. */
const LEAST_GAIN = 0.2;
/** The codes that levels are chosen from. */
const FINE_BITS = 8;

/** How the codes of activations are found, at any number of bits. */
export interface CodeOptions {
  readonly observer: Observer;
  readonly steps: StepMode;
}

/** Bit widths and how ranges are found. */
export interface Precision extends CodeOptions {
  readonly weightBits: number;
  readonly activationBits: number;
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

export const precisionOf = (
  weightBits: number,
  activationBits: number,
  { observer, steps }: CodeOptions,
): Precision => ({
  weightBits,
  activationBits,
  observer,
  steps,
  trialSoftmax: rowLog2(activationBits, TRIAL_TAU[activationBits] ?? 4, 0),
});

/** For what is only tried: uneven steps take longer to find than they change the order of candidates. */
export const trialPrecision = (precision: Precision): Precision => ({ ...precision, steps: 'even' });

/** The search for a range takes a while, and a tensor is asked for in several trials. */
const known = new WeakMap<TensorProfile, Map<string, ActivationCodes>>();

/** The codes of an activation. Throws, naming the tensor, for constant, NaN or infinite values. */
export function activationQuant(name: string, profile: TensorProfile, precision: Precision): ActivationCodes {
  const { activationBits, observer, steps } = precision;
  const key = `${observer} ${steps} ${activationBits}`;
  const before = known.get(profile)?.get(key);
  if (before !== undefined) return before;
  const extent = {
    min: profile.min.reduce((a, b) => Math.min(a, b)),
    max: profile.max.reduce((a, b) => Math.max(a, b)),
  };
  const statistics = statisticsOfFloatBins(name, profile.histogram, extent);
  const affine = (bits: number): ActivationCodes => ({ ...observeStatistics(statistics, { observer, bits }), bits });
  const even = affine(activationBits);
  const codes = steps === 'even' || activationBits >= FINE_BITS ? even : betterOf(even, affine(FINE_BITS), statistics);
  known.set(profile, new Map(known.get(profile)).set(key, codes));
  return codes;
}

/** Even steps, or as many of the `fine` codes as fit the tensor best (METHOD 5). */
function betterOf(even: ActivationCodes, fine: ActivationCodes, { histogram }: TensorStatistics): ActivationCodes {
  const counts = countsByCode(histogram, fine);
  const levels = fittedLevels(counts, 2 ** even.bits, fine.zeroPoint);
  const uneven = levelsError(counts, levels) * fine.scale ** 2;
  return uneven < (1 - LEAST_GAIN) * quantizationError(histogram, even, even.bits, 2) ? { ...fine, levels } : even;
}
