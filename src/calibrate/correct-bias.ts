import { type Editor, editGraph } from '../ir/edit.js';
import type { Graph, ValueId } from '../ir/graph.js';
import {
  type ActivationCodes,
  type LayerPlan,
  type QuantizableNode,
  type QuantizationPlan,
  quantizedLayer,
} from '../passes/insert-quantize.js';
import type { RunSamples } from './run-samples.js';

type Layers = QuantizationPlan['layers'];

/** How some layers become codes, and the codes of what they read. */
export interface CodedLayers {
  readonly layers: Layers;
  readonly codesOf: (input: ValueId) => ActivationCodes;
}

/**
 * What quantization moves the mean of each output channel by goes into the bias (Nagel et al. 2019, section 4.2, with the
 * means measured on the samples): E[Wx] − E[Ŵx̂], on exact inputs, before the activation. Several plans of one program are
 * measured together.
 */
export async function correctBias(
  graph: Graph,
  plans: readonly CodedLayers[],
  run: RunSamples,
  limit: number,
): Promise<readonly Layers[]> {
  const editor = editGraph({ ...graph, outputs: [] });
  const nameOf = (plan: number, layer: ValueId): string => `shift_${plan}_${layer}`;
  for (const node of graph.nodes)
    for (const [i, { layers, codesOf }] of plans.entries()) {
      const layer = layers.get(node.results[0]!);
      if (layer !== undefined)
        editor.output(nameOf(i, node.results[0]!), meanLost(editor, node as QuantizableNode, layer, codesOf));
    }
  const sums = new Map<string, Float64Array>();
  let samples = 0;
  await run(
    editor.finish(),
    'bias correction',
    (outputs) => {
      samples++;
      for (const [name, { data }] of outputs) {
        const shift = data as Float32Array;
        const sum = sums.get(name) ?? new Float64Array(shift.length);
        shift.forEach((value, j) => {
          sum[j]! += value;
        });
        sums.set(name, sum);
      }
    },
    limit,
  );
  return plans.map(
    ({ layers }, i) =>
      new Map(
        [...layers].map(([value, plan]): [ValueId, LayerPlan] => {
          const biasShift = Float32Array.from(sums.get(nameOf(i, value))!, (sum) => sum / samples);
          return [value, { ...plan, biasShift }];
        }),
      ),
  );
}

/** The mean over all positions of what a layer loses, before its activation, by output channel. */
function meanLost(
  editor: Editor,
  node: QuantizableNode,
  layer: LayerPlan,
  quantOf: (x: ValueId) => ActivationCodes,
): ValueId {
  const [x, weight, bias] = node.operands as [ValueId, ValueId, ValueId | null | undefined];
  editor.at(node);
  const bare = {
    ...node,
    operands: [x, weight, bias ?? null],
    attrs: { ...node.attrs, activation: 'none' },
  } as QuantizableNode;
  const exact =
    bare.op === 'linear'
      ? editor.emitOne('linear', bare.operands, bare.attrs)
      : editor.emitOne('conv', bare.operands, bare.attrs);
  const lost = editor.emitOne('binary', [exact, quantizedLayer(editor, bare, layer, quantOf(x))], { fn: 'sub' });
  const axes = editor
    .type(lost)
    .shape.slice(0, -1)
    .map((_, axis) => axis);
  return editor.emitOne('reduce', [lost], { fn: 'mean', axes, keepdims: false });
}
