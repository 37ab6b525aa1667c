import type { CompileOptions } from '../src/options.js';

/** What a row of the accuracy table compiles with, besides bits. */
export type Passes = Required<
  Pick<
    CompileOptions,
    'keys' | 'values' | 'scales' | 'offsets' | 'clip' | 'rounding' | 'softmax' | 'observer' | 'steps'
  >
>;

const MINMAX: Passes = {
  observer: 'minmax',
  keys: 'none',
  softmax: 'uniform',
  values: 'none',
  scales: 'none',
  offsets: 'none',
  clip: 'none',
  rounding: 'nearest',
  steps: 'even',
};
const MSE: Passes = { ...MINMAX, observer: 'mse' };
const PUBLISHED: Passes = { ...MSE, keys: 'sign', softmax: 'agq' };
const KEYS: Passes = { ...PUBLISHED, keys: 'auto' };
const SOFTMAX: Passes = { ...KEYS, softmax: 'auto' };
const SCALES: Passes = { ...SOFTMAX, scales: 'auto' };
const OFFSETS: Passes = { ...SCALES, offsets: 'auto' };
const VALUES: Passes = { ...OFFSETS, values: 'auto' };
const SECOND_ORDER: Passes = { ...VALUES, rounding: 'second-order' };
const STEPS: Passes = { ...SECOND_ORDER, steps: 'auto' };
const RECONSTRUCT: Passes = { ...STEPS, rounding: 'auto' };
const ALL: Passes = { ...RECONSTRUCT, clip: 'auto' };

export interface Row {
  readonly name: string;
  readonly passes: Passes;
  /** False: at 8 bits it does what the row before it does. */
  readonly at8Bits: boolean;
}

/** From min-max to everything; from the published recipe on each row adds one pass of ours to the one before it. */
export const ROWS: readonly Row[] = [
  { name: 'min-max', passes: MINMAX, at8Bits: true },
  { name: 'percentile', passes: { ...MINMAX, observer: 'percentile' }, at8Bits: true },
  { name: 'mse', passes: MSE, at8Bits: true },
  { name: 'published: mse, BIG, AGQ', passes: PUBLISHED, at8Bits: true },
  { name: '+ keys centred, equalised, mixed', passes: KEYS, at8Bits: true },
  { name: '+ row-referenced softmax', passes: SOFTMAX, at8Bits: true },
  { name: '+ scales moved', passes: SCALES, at8Bits: true },
  { name: '+ offsets taken out', passes: OFFSETS, at8Bits: false },
  { name: '+ values centred and mixed', passes: VALUES, at8Bits: false },
  { name: '+ second-order rounding', passes: SECOND_ORDER, at8Bits: false },
  { name: '+ uneven steps', passes: STEPS, at8Bits: false },
  { name: '+ reconstruction', passes: RECONSTRUCT, at8Bits: false },
  { name: '+ perceptual clip: all', passes: ALL, at8Bits: true },
];
