import { editGraph } from '../ir/edit.js';
import { type Graph, type ValueId, valueOf } from '../ir/graph.js';
import {
  type LayerPlan,
  type QuantizableNode,
  type QuantizationPlan,
  quantizedLayer,
} from '../passes/insert-quantize.js';
import { activationQuant, type Precision } from './precision.js';
import type { Profile } from './profile.js';
import type { RunSamples } from './run-samples.js';

/**
 * What quantization moves the mean of each output channel by goes into the bias (Nagel et al. 2019, section 4.2, with the
 * means measured on the samples): E[Wx] − E[Ŵx̂], on exact inputs, before the activation.
 */
export async function correctBias(
  graph: Graph,
  layers: QuantizationPlan['layers'],
  profile: Profile,
  run: RunSamples,
  { precision, limit }: { readonly precision: Precision; readonly limit: number },
): Promise<QuantizationPlan['layers']> {
  const nodes = graph.nodes.filter((node): node is QuantizableNode => layers.has(node.results[0]!));
  const editor = editGraph({ ...graph, outputs: [] });
  for (const node of nodes) {
    const [x, weight, bias] = node.operands as [ValueId, ValueId, ValueId | null | undefined];
    const quant = activationQuant(valueOf(graph, x).name, profile.get(x)!, precision);
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
    const lost = editor.emitOne('binary', [exact, quantizedLayer(editor, bare, layers.get(node.results[0]!)!, quant)], {
      fn: 'sub',
    });
    const axes = editor
      .type(lost)
      .shape.slice(0, -1)
      .map((_, axis) => axis);
    editor.output(`shift_${node.results[0]}`, editor.emitOne('reduce', [lost], { fn: 'mean', axes, keepdims: false }));
  }
  const sums = new Map<ValueId, Float64Array>();
  let samples = 0;
  await run(
    editor.finish(),
    'bias correction',
    (outputs) => {
      samples++;
      for (const { results } of nodes) {
        const shift = outputs.get(`shift_${results[0]}`)!.data as Float32Array;
        const sum = sums.get(results[0]!) ?? new Float64Array(shift.length);
        shift.forEach((value, j) => {
          sum[j]! += value;
        });
        sums.set(results[0]!, sum);
      }
    },
    limit,
  );
  return new Map(
    [...layers].map(([value, plan]): [ValueId, LayerPlan] => {
      const biasShift = Float32Array.from(sums.get(value)!, (sum) => sum / samples);
      return [value, { ...plan, biasShift }];
    }),
  );
}
