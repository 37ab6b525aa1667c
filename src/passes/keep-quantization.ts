import { type Editor, editGraph } from '../ir/edit.js';
import type { Graph, NodeOf, ValueId } from '../ir/graph.js';
import type { Quantization } from '../ir/types.js';
import { findCodes } from './find-codes.js';
import {
  insertQuantize,
  isQuantizable,
  type LayerPlan,
  type QuantizableNode,
  type QuantizationPlan,
} from './insert-quantize.js';
import { lowerToInteger } from './lower-to-integer.js';
import { mergeDuplicates } from './merge-duplicates.js';
import type { Pass } from './pass.js';
import { type Rule, rewrite } from './rewrite.js';

/** Whether a program came from a model that is already quantized: it has weights of known steps, or codes. */
export function isQuantized(graph: Graph): boolean {
  const steps = (value: ValueId | null | undefined): boolean =>
    value != null && graph.constants.get(value)?.steps !== undefined;
  return (
    graph.nodes.some(({ op, operands }) => (op === 'linear' || op === 'conv') && steps(operands[1])) ||
    findCodes(graph).nodes.some(({ op }) => op === 'dequantize')
  );
}

/**
 * From the canonical program of a model that is already quantized to integer ops with its own scales and zero points. A
 * layer runs on integers where its input is dequantized codes and its weights are 8-bit codes with a scale for each
 * output channel, or one for all; everything else is computed in float as the model says.
 */
export const KEEP_QUANTIZATION: readonly Pass[] = [
  { name: 'find-codes', run: findCodes },
  // Codes move instead of floats, so that layers read them wherever a view stood between.
  {
    name: 'sink-dequantize',
    run: (graph) => rewrite(graph, { reshape: [sinkDequantize], transpose: [sinkDequantize] }),
  },
  { name: 'insert-quantize', run: (graph) => insertQuantize(graph, ownPlan(graph)) },
  { name: 'drop-requantize', run: (graph) => rewrite(graph, { quantize: [dropRequantize] }) },
  mergeDuplicates,
  { name: 'lower-to-integer', run: lowerToInteger },
];

/** move(dequantize(c)) → dequantize(move(c)) */
const sinkDequantize: Rule = (editor, node) => {
  const inner = editor.definition(node.operands[0]!);
  if (inner?.op !== 'dequantize') return undefined;
  const [codes] = inner.operands as [ValueId];
  const moved =
    node.op === 'reshape'
      ? editor.emitOne('reshape', [codes], node.attrs)
      : editor.emitOne('transpose', [codes], (node as NodeOf<'transpose'>).attrs);
  return editor.emitOne('dequantize', [moved], inner.attrs);
};

/** quantize(dequantize(c)) → c, of the same scale and zero point */
const dropRequantize: Rule = (editor, node) => {
  const { quant } = (node as NodeOf<'quantize'>).attrs;
  const inner = editor.definition(node.operands[0]!);
  if (inner?.op !== 'dequantize') return undefined;
  const own = inner.attrs.quant;
  const same = own.scale === quant.scale && own.zeroPoint === quant.zeroPoint && own.bits === quant.bits;
  return same ? inner.operands[0]! : undefined;
};

/** What `insertQuantize` is told: the model's own parameters. */
function ownPlan(graph: Graph): QuantizationPlan {
  const editor = editGraph(graph);
  const layers = new Map<ValueId, LayerPlan>();
  const activations = new Map<ValueId, Quantization>();
  for (const node of graph.nodes) {
    if (!isQuantizable(editor, node)) continue;
    const x = node.operands[0]!;
    const definition = editor.definition(x);
    const scales = definition?.op === 'dequantize' ? ownScales(editor, node) : undefined;
    if (definition?.op !== 'dequantize' || scales === undefined) continue;
    layers.set(node.results[0]!, { bits: BITS, scales });
    activations.set(x, definition.attrs.quant);
  }
  return { layers, activations, softmaxes: new Map() };
}

const BITS = 8;

/** The scale of each output channel of a weight [n, …], where all its elements are signed 8-bit multiples of it. */
function ownScales(editor: Editor, { operands }: QuantizableNode): Float32Array | undefined {
  const constant = editor.constant(operands[1]!);
  if (constant?.steps === undefined) return undefined;
  const [n = 0] = editor.type(operands[1]!).shape as readonly number[];
  const [weights, steps] = [constant.load().data as Float32Array, constant.steps.load().data as Float32Array];
  const k = weights.length / n;
  const scales = Float32Array.from({ length: n }, (_, row) => steps[row * k]!);
  const fits = weights.every((weight, i) => {
    const scale = scales[Math.floor(i / k)]!;
    const code = Math.round(weight / scale);
    return steps[i] === scale && scale > 0 && code >= -128 && code <= 127;
  });
  return fits ? scales : undefined;
}
