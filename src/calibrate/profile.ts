import { editGraph } from '../ir/edit.js';
import type { Graph, Node, ValueId } from '../ir/graph.js';
import { HISTOGRAM_BINS } from '../ir/ops/quantize.js';
import type { Tensor } from '../ir/types.js';
import { isQuantizable } from '../passes/insert-quantize.js';
import { ATTENTION } from '../passes/scale-query-key.js';
import { type Bimodality, type DensityPeak, detectBimodalityFromHistogram } from './detect-bimodality.js';
import { statisticsOfFloatBins } from './histogram.js';

/** What calibration saw of one tensor [..., c], over all samples. */
export interface TensorProfile {
  /** Per channel (last axis). */
  readonly min: Float32Array;
  readonly max: Float32Array;
  readonly mean: Float32Array;
  /** Elements by the upper 16 bits of their float32. */
  readonly histogram: Float64Array;
  /** Of keys: the published test of two peaks, by sample. */
  readonly bimodality?: BimodalityVotes;
}

/** The test looks at one sample and is near a coin toss for some keys, so every sample votes. */
export interface BimodalityVotes {
  readonly bimodal: number;
  readonly samples: number;
  /** Those of the first sample, for the report. */
  readonly peaks: readonly DensityPeak[];
}
export type Profile = ReadonlyMap<ValueId, TensorProfile>;

/** Whether any channel of a tensor moved at all. */
export const varies = ({ min, max }: TensorProfile): boolean => max.some((high, j) => high > min[j]!);

/** The activations that quantization needs to know: inputs of layers, and q, k, v of attentions. */
export function observedValues(graph: Graph): ValueId[] {
  const editor = editGraph(graph);
  const values = new Set<ValueId>();
  const read = (node: Node): readonly number[] => {
    if (node.op === 'attention') return [ATTENTION.q, ATTENTION.k, ATTENTION.v];
    return isQuantizable(editor, node) ? [0] : [];
  };
  for (const node of graph.nodes)
    for (const index of read(node)) {
      const value = node.operands[index]!;
      if (!graph.constants.has(value)) values.add(value);
    }
  return [...values];
}

/** The program with an `observe` on each value; statistics are its only outputs. */
export function instrument(graph: Graph, values: readonly ValueId[]): Graph {
  const editor = editGraph({ ...graph, outputs: [] });
  for (const value of values) {
    const node = editor.definition(value);
    if (node) editor.at(node);
    const [channels, histogram] = editor.emit('observe', [value], {});
    editor.output(`channels_${value}`, channels!);
    editor.output(`histogram_${value}`, histogram!);
  }
  return editor.finish();
}

interface Accumulator {
  min: Float32Array;
  max: Float32Array;
  mean: Float64Array;
  histogram: Float64Array;
  votes: Bimodality[];
  samples: number;
}

/** Most of the bins are empty. */
function addCounts(sums: Float64Array, counts: Uint32Array | Float64Array): void {
  for (let bin = 0; bin < counts.length; bin++) {
    const count = counts[bin]!;
    if (count !== 0) sums[bin]! += count;
  }
}

type Outputs = ReadonlyMap<string, Tensor>;

/**
 * Adds up the outputs of the instrumented program over samples; values in `keys` are tested for two peaks, sample by sample. Of
 * the others only the sums of the histograms are asked for: 65536 bins each.
 */
export function profileCollector(values: readonly ValueId[], keys: ReadonlySet<ValueId> = new Set()) {
  const accumulators = new Map<ValueId, Accumulator>();
  const add = (outputs: ReadonlyMap<string, Tensor>): void => {
    for (const value of values) {
      const channels = outputs.get(`channels_${value}`)!.data as Float32Array;
      const c = channels.length / 3;
      const seen = accumulators.get(value) ?? {
        min: new Float32Array(c).fill(Number.POSITIVE_INFINITY),
        max: new Float32Array(c).fill(Number.NEGATIVE_INFINITY),
        mean: new Float64Array(c),
        histogram: new Float64Array(HISTOGRAM_BINS),
        votes: [],
        samples: 0,
      };
      accumulators.set(value, seen);
      for (let j = 0; j < c; j++) {
        seen.min[j] = Math.min(seen.min[j]!, channels[j]!);
        seen.max[j] = Math.max(seen.max[j]!, channels[c + j]!);
        seen.mean[j]! += channels[2 * c + j]!;
      }
      if (keys.has(value)) {
        const histogram = outputs.get(`histogram_${value}`)!.data as Uint32Array;
        addCounts(seen.histogram, histogram);
        const own = statisticsOfFloatBins(`value ${value}`, histogram).histogram;
        seen.votes.push(detectBimodalityFromHistogram(own, channels.subarray(2 * c)));
      }
      seen.samples++;
    }
  };
  const summed = new Set(values.filter((value) => !keys.has(value)).map((value) => `histogram_${value}`));
  const finish = (sums: Outputs): Profile => {
    for (const [value, { histogram }] of accumulators) {
      const counts = sums.get(`histogram_${value}`);
      if (counts) addCounts(histogram, counts.data as Float64Array);
    }
    return profiles();
  };
  const profiles = (): Profile =>
    new Map(
      [...accumulators].map(([value, { samples, mean, votes, ...rest }]) => [
        value,
        {
          ...rest,
          mean: Float32Array.from(mean, (sum) => sum / samples),
          ...(votes.length > 0 && {
            bimodality: {
              bimodal: votes.filter(({ bimodal }) => bimodal).length,
              samples: votes.length,
              peaks: votes[0]!.peaks,
            },
          }),
        },
      ]),
    );
  /** `runOver` runs the instrumented program over the samples, and hands back the sums. */
  const over = async (
    runOver: (add: (outputs: Outputs) => void, summed: ReadonlySet<string>) => Promise<Outputs>,
  ): Promise<Profile> => finish(await runOver(add, summed));
  return { over };
}
