import { layerRoles } from '../src/calibrate/choose-layers.js';
import { observeTensor } from '../src/calibrate/observers.js';
import { rowLog2 } from '../src/calibrate/precision.js';
import { observedValues } from '../src/calibrate/profile.js';
import { observeWeights } from '../src/calibrate/weight-scales.js';
import { editGraph } from '../src/ir/edit.js';
import { evaluateGraph } from '../src/ir/evaluate.js';
import type { Graph, ValueId } from '../src/ir/graph.js';
import type { SoftmaxQuantizer } from '../src/ir/integer/attention-parameters.js';
import type { Tensor } from '../src/ir/types.js';
import { type ActivationCodes, insertQuantize, isQuantizable, type LayerPlan } from '../src/passes/insert-quantize.js';
import { lowerToInteger } from '../src/passes/lower-to-integer.js';
import { mergeDuplicates } from '../src/passes/merge-duplicates.js';

/** `mixed`: layers that read one tensor 4, 6, 8 bits or float, in turn, every second such tensor with uneven steps. */
export type Width = number | 'mixed';

/** As a build with `--bits auto` may have them; undefined: float. */
const IN_TURN = [4, 6, 8, undefined] as const;

/**
 * A quantized program from the ranges of evaluations: not a good one, but one that needs no C compiler. Attentions take the
 * given softmax codings in turn.
 *
 * @param samples inputs by name, of one evaluation or of each
 */
export function quantizeByEvaluation(
  graph: Graph,
  samples: ReadonlyMap<string, Tensor> | readonly ReadonlyMap<string, Tensor>[],
  width: Width,
  softmaxes: readonly SoftmaxQuantizer[] = [rowLog2(width === 'mixed' ? 8 : width, 4, 0)],
): Graph {
  const wanted = new Set(observedValues(graph));
  const editor = editGraph(graph);
  const read = [
    ...new Set(graph.nodes.filter((node) => isQuantizable(editor, node)).map(({ operands }) => operands[0]!)),
  ];
  /** Attentions read the finest codes there are. */
  const bitsOf = (value: ValueId): number | undefined => {
    if (width !== 'mixed') return width;
    const place = read.indexOf(value);
    return place < 0 ? 8 : IN_TURN[place % IN_TURN.length];
  };
  /** The least and the greatest of each value, over all samples. */
  const ranges = new Map<ValueId, readonly [number, number]>();
  const see = (value: ValueId, { data }: Tensor): void => {
    if (!wanted.has(value)) return;
    let [min, max] = ranges.get(value) ?? [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const v of data as Float32Array) {
      if (v < min) min = v;
      if (v > max) max = v;
    }
    ranges.set(value, [min, max]);
  };
  for (const inputs of 'get' in samples ? [samples] : samples) {
    for (const id of graph.inputs) see(id, inputs.get(graph.values.get(id)!.name)!);
    evaluateGraph(graph, inputs, {
      observe: (node, results) => {
        for (const [i, value] of node.results.entries()) see(value, results[i]!);
      },
    });
  }
  const activations = new Map<ValueId, ActivationCodes>();
  for (const [value, range] of ranges) {
    if (range[0] >= range[1]) continue;
    const bits = bitsOf(value) ?? 8;
    const uneven = width === 'mixed' && bits < 8 && read.indexOf(value) % 8 >= 4;
    const extremes = Float32Array.from(range);
    const codes = observeTensor(`%${value}`, extremes, { observer: 'minmax', bits: uneven ? 8 : bits });
    const levels = Array.from({ length: 2 ** bits }, (_, i) => Math.floor((255 * i * i) / (2 ** bits - 1) ** 2));
    activations.set(value, {
      ...codes,
      bits: uneven ? 8 : bits,
      ...(uneven && { levels: [...new Set([...levels, codes.zeroPoint])].sort((a, b) => a - b) }),
    });
  }
  const roles = layerRoles(graph);
  const layers = new Map<ValueId, LayerPlan>();
  for (const node of graph.nodes) {
    if (!isQuantizable(editor, node) || roles.get(node.results[0]!) === 'input') continue;
    const bits = bitsOf(node.operands[0]!);
    if (bits === undefined) continue;
    const { data, shape } = graph.constants.get(node.operands[1]!)!.load();
    const options = { channels: shape[0]!, bits, observer: 'minmax' } as const;
    layers.set(node.results[0]!, { bits, scales: observeWeights(node.source, data as Float32Array, options) });
  }
  const attentions = graph.nodes.filter((node) => node.op === 'attention');
  const plan = {
    activations,
    layers,
    softmaxes: new Map(attentions.map((node, i) => [node.results[0]!, softmaxes[i % softmaxes.length]!] as const)),
  };
  return lowerToInteger(mergeDuplicates.run(insertQuantize(graph, plan)));
}
