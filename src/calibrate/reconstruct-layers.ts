import type { Graph, ValueId } from '../ir/graph.js';
import type { LayerPlan, QuantizationPlan } from '../passes/insert-quantize.js';
import { choleskyFactor, choleskySolve } from './cholesky.js';
import type { LayerMoments } from './layer-moments.js';
import { improveRow, prepareRounding, type Rounding, roundRow } from './second-order-codes.js';
import { observeWeights } from './weight-scales.js';

/**
 * How much weights resist being moved, as a share of the mean square of an input channel: always, and for each input channel
 * that comes upon a row of samples, since few rows say little.
 */
const STIFFNESS = 0.02;
const STIFFNESS_PER_ROW = 0.2;
/** Scales of a row that are tried, beside that of least squared error of its weights. */
const OTHER_SCALES = [0.85, 1.15];

interface Centred {
  readonly rows: number;
  readonly inputMean: Float64Array;
  readonly stiffness: number;
  /** Of the covariance of X̂ [k, k], stiffness on its diagonal. */
  readonly rounding: Rounding;
  /** Its Cholesky factor. */
  readonly factor: Float64Array;
}

/** Undefined for inputs that never move, or of which nothing can be said. */
function centred({ gram, k }: LayerMoments): Centred | undefined {
  const wide = k + 1;
  const rows = gram[wide * wide - 1]!;
  const inputMean = Float64Array.from({ length: k }, (_, j) => gram[k * wide + j]! / rows);
  const h = new Float64Array(k * k);
  let trace = 0;
  for (let i = 0; i < k; i++) {
    for (let j = 0; j < k; j++) h[i * k + j] = gram[i * wide + j]! / rows - inputMean[i]! * inputMean[j]!;
    trace += h[i * k + i]!;
  }
  if (!(trace > 0)) return undefined;
  const stiffness = ((STIFFNESS + (STIFFNESS_PER_ROW * k) / rows) * trace) / k;
  for (let i = 0; i < k; i++) h[i * k + i]! += stiffness;
  const rounding = prepareRounding(h, k);
  return rounding && choleskyFactor(h, k) ? { rows, inputMean, stiffness, rounding, factor: h } : undefined;
}

/**
 * One layer again, for the codes that it reads: the weights that give the exact result from them with least squared error,
 * held near the model's own (ridge regression), then rounded by second order with the scale of each row chosen by what
 * rounding costs; and the bias that makes up for what is left of the mean. Inputs are exact but for their own codes: were
 * each layer to take back what those before it lost as well, all would do so at once, and the sum be too much.
 */
function reconstructed(
  weights: Float32Array,
  bias: Float32Array | undefined,
  moments: LayerMoments,
  { inputMean, rows, stiffness, rounding, factor }: Centred,
  plan: LayerPlan,
): LayerPlan {
  const { n, k, cross } = moments;
  const scales = new Float32Array(n);
  const codes = new Int8Array(n * k);
  const biasShift = new Float32Array(n);
  const ideal = new Float64Array(k);
  for (let i = 0; i < n; i++) {
    const own = weights.subarray(i * k, (i + 1) * k);
    const targetMean = cross[k * n + i]! / rows;
    for (let j = 0; j < k; j++) ideal[j] = cross[j * n + i]! / rows - inputMean[j]! * targetMean + stiffness * own[j]!;
    choleskySolve(factor, k, ideal);
    const row = Float32Array.from(ideal);
    const [middle] = observeWeights('', row, { channels: 1, bits: plan.bits, observer: 'mse', mirrored: true });
    let best = { scale: middle!, ...roundRow(rounding, row, middle!, plan.bits)! };
    for (const share of OTHER_SCALES) {
      const scale = Math.fround(middle! * share);
      const other = roundRow(rounding, row, scale, plan.bits, best.error);
      if (other) best = { scale, ...other };
    }
    improveRow(rounding, row, best.scale, plan.bits, best.codes);
    scales[i] = best.scale;
    codes.set(best.codes, i * k);
    const given = best.codes.reduce((sum, code, j) => sum + code * inputMean[j]!, 0) * best.scale;
    biasShift[i] = targetMean - given - (bias?.[i] ?? 0);
  }
  return { bits: plan.bits, scales, codes, biasShift };
}

/** The plan with every layer that moments are known of reconstructed. */
export function reconstructLayers(
  graph: Graph,
  layers: QuantizationPlan['layers'],
  moments: readonly LayerMoments[],
): QuantizationPlan['layers'] {
  const floats = (value: ValueId | null | undefined): Float32Array | undefined =>
    value == null ? undefined : (graph.constants.get(value)!.load().data as Float32Array);
  const plans = new Map(layers);
  // Input by input: what layers that read the same codes need of them is large, and takes long to find.
  for (const gram of new Set(moments.map((one) => one.gram))) {
    const reading = moments.filter((one) => one.gram === gram);
    const known = centred(reading[0]!);
    if (known === undefined) continue;
    for (const one of reading) {
      const [result] = one.layer.results as [ValueId];
      const [, weight, bias] = one.layer.operands;
      plans.set(result, reconstructed(floats(weight)!, floats(bias), one, known, layers.get(result)!));
    }
  }
  return plans;
}
