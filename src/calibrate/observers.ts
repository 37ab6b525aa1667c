import { coalesce, extremes, quantile, statisticsOf, type TensorStatistics } from './histogram.js';

/** Affine quantization of a tensor: real = scale · (code − zeroPoint), 0 ≤ code < 2^bits. */
export interface AffineRange {
  /** A float32. */
  readonly scale: number;
  /** A code: zero is represented exactly. */
  readonly zeroPoint: number;
}

export const OBSERVERS = ['minmax', 'percentile', 'mse'] as const;
export type Observer = (typeof OBSERVERS)[number];

export interface ObserverOptions {
  readonly observer: Observer;
  readonly bits: number;
  /** For `percentile`: this many per cent of the elements lie below the upper bound, and above the lower one. Default 99.99. */
  readonly percentile?: number;
  /** For `mse`: exponent of the error. Default 2.4, as in PTQ4SAM's and QDrop's observers; 2 is the mean squared error proper. */
  readonly power?: number;
}

const DEFAULT_PERCENTILE = 99.99;
const DEFAULT_POWER = 2.4;
/** Finer bins than this share of the range are joined for the search, and wider ones for its grid, which only has to find the neighbourhood. */
const FINEST_BIN = 1 / 4096;
const COARSE_BIN = 1 / 1024;
/** The search tries each bound at so many fractions of its extreme value, then halves the step so many times around the best pair. */
const COARSE_STEPS = 10;
const HALVINGS = 6;
/** Of these halvings so many still look at the wider bins. */
const COARSE_HALVINGS = 3;
/** Below this a scale's reciprocal, or its product with a weight's, could leave the float32 range. */
const LEAST_SCALE = 2 ** -100;

/**
 * Scale and zero point of an activation from its statistics.
 *
 * @throws naming the tensor, where all its values are equal
 */
export function observeStatistics(statistics: TensorStatistics, options: ObserverOptions): AffineRange {
  const { name, min, max } = statistics;
  checkVariation(name, min, max);
  switch (options.observer) {
    case 'minmax':
      return affineRange(name, min, max, options.bits);
    case 'percentile': {
      const share = (options.percentile ?? DEFAULT_PERCENTILE) / 100;
      return percentileRange(statistics, (p) => quantile(statistics.histogram, p), share, options.bits);
    }
    case 'mse':
      return leastErrorRange(statistics, options.bits, options.power ?? DEFAULT_POWER);
    default:
      throw new Error(`unknown observer ${options.observer satisfies never}`);
  }
}

/**
 * The same from the values themselves; percentiles are then exact (linear between the two nearest elements).
 *
 * @throws naming the tensor, where all its values are equal, or one is NaN or infinite
 */
export function observeTensor(name: string, values: Float32Array, options: ObserverOptions): AffineRange {
  if (options.observer === 'mse') return observeStatistics(statisticsOf(name, values), options);
  const { min, max } = extremes(name, values);
  checkVariation(name, min, max);
  if (options.observer === 'minmax') return affineRange(name, min, max, options.bits);
  const sorted = values.slice().sort();
  const at = (share: number): number => {
    const position = share * (sorted.length - 1);
    const below = sorted[Math.floor(position)]!;
    return below + (sorted[Math.ceil(position)]! - below) * (position - Math.floor(position));
  };
  return percentileRange({ name, min, max }, at, (options.percentile ?? DEFAULT_PERCENTILE) / 100, options.bits);
}

/** The range [min, max], widened to hold zero. */
export function affineRange(name: string, min: number, max: number, bits: number): AffineRange {
  const [low, high] = [Math.min(min, 0), Math.max(max, 0)];
  const codes = 2 ** bits - 1;
  const scale = Math.fround((high - low) / codes);
  if (!(scale >= LEAST_SCALE)) {
    throw new Error(`tensor ${name}: its values, ${min} to ${max}, are too small to quantize`);
  }
  return { scale, zeroPoint: Math.min(codes, Math.max(0, Math.round(-low / scale))) };
}

function checkVariation(name: string, min: number, max: number): void {
  if (!(max > min)) {
    throw new Error(`tensor ${name}: constant over the calibration data (every value is ${min}), its range is zero`);
  }
}

type Extent = Pick<TensorStatistics, 'name' | 'min' | 'max'>;

/** Where so many elements are zero that both bounds are, the extremes are taken: no other range holds anything. */
function percentileRange(
  { name, min, max }: Extent,
  at: (share: number) => number,
  share: number,
  bits: number,
): AffineRange {
  const [low, high] = [Math.min(0, at(1 - share)), Math.max(0, at(share))];
  const tooNarrow = high - low < LEAST_SCALE * 2 ** bits;
  return tooNarrow ? affineRange(name, min, max, bits) : affineRange(name, low, high, bits);
}

/**
 * The range of least error: over both bounds, first on a grid of fractions of the extremes, then around the best pair of them with
 * ever smaller steps. Two bounds span the same plane as range and zero point.
 */
function leastErrorRange({ name, min, max, histogram }: TensorStatistics, bits: number, power: number): AffineRange {
  const [low, high] = [Math.min(min, 0), Math.max(max, 0)];
  const joined = (finest: number) => coalesce(histogram, (max - min) * finest);
  let bins = joined(COARSE_BIN);
  const errorOf = (range: AffineRange): number => quantizationError(bins, range, bits, power);
  const whole = affineRange(name, low, high, bits);
  let best = { lowShare: 1, highShare: 1, range: whole, error: errorOf(whole) };

  const attempt = (lowShare: number, highShare: number): void => {
    const inside = (share: number): boolean => share >= 0 && share <= 1;
    if (!inside(lowShare) || !inside(highShare) || high * highShare - low * lowShare < (high - low) * FINEST_BIN)
      return;
    const range = affineRange(name, low * lowShare, high * highShare, bits);
    const error = errorOf(range);
    if (error < best.error) best = { lowShare, highShare, range, error };
  };

  // A bound of zero has no fractions.
  const shares = Array.from({ length: COARSE_STEPS + 1 }, (_, i) => i / COARSE_STEPS);
  for (const lowShare of low < 0 ? shares : [1])
    for (const highShare of high > 0 ? shares : [1]) attempt(lowShare, highShare);
  for (let halving = 1; halving <= HALVINGS; halving++) {
    if (halving === COARSE_HALVINGS + 1) {
      bins = joined(FINEST_BIN);
      best.error = errorOf(best.range);
    }
    const step = 2 ** -halving / COARSE_STEPS;
    const { lowShare, highShare } = best;
    for (const dl of low < 0 ? [-step, 0, step] : [0]) {
      for (const dh of high > 0 ? [-step, 0, step] : [0]) attempt(lowShare + dl, highShare + dh);
    }
  }
  return best.range;
}

/** Intervals of an octave in a table of powers; between their ends powers are taken as linear, to 5e-6. */
const OCTAVE = 2 ** 9;
const OCTAVE_SHIFT = 23 - 9;
/** Octaves of a table, and the exponent that it begins with: below 2^−16 a power is zero, beyond 2^16 it is computed. */
const OCTAVES = 32;
const FIRST_PATTERN = (127 - OCTAVES / 2) << 23;

const powerTables = new Map<number, Float64Array>();

/** x^power for x ≥ 0: the search for a range asks for some hundred thousand of them. */
function powerOf(power: number): (x: number) => number {
  const float = new Float32Array(1);
  const pattern = new Uint32Array(float.buffer);
  const edges = OCTAVES * OCTAVE;
  let table = powerTables.get(power);
  if (table === undefined) {
    table = Float64Array.from({ length: edges + 1 }, (_, i) => {
      pattern[0] = FIRST_PATTERN + (i << OCTAVE_SHIFT);
      return float[0]! ** power;
    });
    powerTables.set(power, table);
  }
  const powers = table;
  const rest = 2 ** OCTAVE_SHIFT - 1;
  return (x) => {
    float[0] = x;
    const offset = pattern[0]! - FIRST_PATTERN;
    if (offset < 0) return 0;
    const at = offset >>> OCTAVE_SHIFT;
    if (at >= edges) return x ** power;
    const low = powers[at]!;
    return low + (powers[at + 1]! - low) * ((offset & rest) / (rest + 1));
  };
}

/**
 * Σ over the elements of |x − quantized x|^power, each bin's elements spread evenly over it. The integral of the error has a closed form,
 * so bins may be wider or narrower than a quantization step: with u = x / scale + zeroPoint, measured from the
 * nearest code, the antiderivative of |u|^p is sign(u)·|u|^(p+1)/(p+1).
 */
export function quantizationError(
  { lower, upper, counts }: TensorStatistics['histogram'],
  { scale, zeroPoint }: AffineRange,
  bits: number,
  power: number,
): number {
  const lastCode = 2 ** bits - 1;
  const cell = (2 * 0.5 ** (power + 1)) / (power + 1);
  const raised = powerOf(power + 1);
  const integral = (u: number): number => {
    const code = Math.min(lastCode, Math.max(0, Math.round(u)));
    const rest = u - code;
    return code * cell + (rest < 0 ? -raised(-rest) : raised(rest)) / (power + 1);
  };
  let sum = 0;
  let end = Number.NaN;
  let endIntegral = 0;
  for (let bin = 0; bin < counts.length; bin++) {
    const from = lower[bin]! / scale + zeroPoint;
    const to = upper[bin]! / scale + zeroPoint;
    // Bins mostly touch: the end of one is the start of the next.
    const fromIntegral = from === end ? endIntegral : integral(from);
    endIntegral = integral(to);
    end = to;
    if (to - from > 1e-6) {
      sum += (counts[bin]! * (endIntegral - fromIntegral)) / (to - from);
    } else {
      const code = Math.min(lastCode, Math.max(0, Math.round(from)));
      sum += counts[bin]! * Math.abs(from - code) ** power;
    }
  }
  return sum * scale ** power;
}
