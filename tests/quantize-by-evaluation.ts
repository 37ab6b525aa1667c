import { layerRoles } from '../src/calibrate/choose-layers.js';
import { observeTensor } from '../src/calibrate/observers.js';
import { rowLog2 } from '../src/calibrate/precision.js';
import { observedValues } from '../src/calibrate/profile.js';
import { observeWeights } from '../src/calibrate/weight-scales.js';
import { editGraph } from '../src/ir/edit.js';
import { evaluateGraph } from '../src/ir/evaluate.js';
import type { Graph, ValueId } from '../src/ir/graph.js';
import type { SoftmaxQuantizer } from '../src/ir/integer/attention-parameters.js';
import type { Quantization, Tensor } from '../src/ir/types.js';
import { insertQuantize, isQuantizable, type LayerPlan } from '../src/passes/insert-quantize.js';
import { lowerToInteger } from '../src/passes/lower-to-integer.js';
import { mergeDuplicates } from '../src/passes/merge-duplicates.js';

/**
 * A quantized program from the ranges of one evaluation: not a good one, but one that needs no C compiler. Attentions
 * take the given softmax codings in turn.
 */
export function quantizeByEvaluation(
  graph: Graph,
  inputs: ReadonlyMap<string, Tensor>,
  bits: number,
  softmaxes: readonly SoftmaxQuantizer[] = [rowLog2(bits, 4, 0)],
): Graph {
  const wanted = new Set(observedValues(graph));
  const activations = new Map<ValueId, Quantization>();
  const see = (value: ValueId, { data }: Tensor): void => {
    const values = data as Float32Array;
    if (!wanted.has(value) || values.every((v) => v === values[0])) return;
    activations.set(value, { ...observeTensor(`%${value}`, values, { observer: 'minmax', bits }), bits });
  };
  for (const id of graph.inputs) see(id, inputs.get(graph.values.get(id)!.name)!);
  evaluateGraph(graph, inputs, {
    observe: (node, results) => {
      for (const [i, value] of node.results.entries()) see(value, results[i]!);
    },
  });
  const editor = editGraph(graph);
  const roles = layerRoles(graph);
  const layers = new Map<ValueId, LayerPlan>();
  for (const node of graph.nodes) {
    if (!isQuantizable(editor, node) || roles.get(node.results[0]!) === 'input') continue;
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
