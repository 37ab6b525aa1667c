import { type Editor, editGraph } from '../ir/edit.js';
import type { Graph, Node, ValueId } from '../ir/graph.js';
import { typeOf, valueOf } from '../ir/graph.js';
import type { RunSamples } from './run-samples.js';
import { addError, addSquareSum, decibels, totals } from './score.js';

export interface LayerComparison {
  /** As `layersIn` gives it: equal for the same layer of two programs. */
  readonly key: string;
  /** The ONNX node the layer came from. */
  readonly source: string;
  readonly sqnrDecibels: number;
}

/** Copies a program into `editor`, reading the same inputs (by name); returns where each value went. */
function copyInto(editor: Editor, graph: Graph, inputs: ReadonlyMap<string, ValueId>): Map<ValueId, ValueId> {
  const copied = new Map<ValueId, ValueId>();
  for (const id of graph.inputs) copied.set(id, inputs.get(valueOf(graph, id).name)!);
  for (const [id, constant] of graph.constants)
    copied.set(id, editor.addConstant(typeOf(graph, id), valueOf(graph, id).name, constant.load));
  for (const node of graph.nodes) {
    const operands = node.operands.map((operand) => (operand === null ? null : copied.get(operand)!));
    const results = editor.emit(node.op, operands, node.attrs as never, { source: node.source });
    node.results.forEach((result, i) => {
      copied.set(result, results[i]!);
    });
  }
  return copied;
}

const LAYER_OPS: readonly Node['op'][] = ['linear', 'conv', 'attention'];
const INTEGER_OPS: readonly Node['op'][] = ['integer_linear', 'integer_conv', 'integer_attention'];

/** Layers by op, source and place among those of one source (a split qkv gives three): equal in both programs. */
export function layersIn(graph: Graph): { readonly key: string; readonly node: Node }[] {
  const seen = new Map<string, number>();
  return graph.nodes
    .filter((node) => LAYER_OPS.includes(node.op) || INTEGER_OPS.includes(node.op))
    .map((node) => {
      const base = `${node.op.replace('integer_', '')}:${node.source}`;
      const occurrence = seen.get(base) ?? 0;
      seen.set(base, occurrence + 1);
      return { key: `${base}:${occurrence}`, node };
    });
}

/**
 * Signal to quantization noise of every layer's result and of the outputs, over samples: the float program and the
 * quantized one run side by side on the same inputs as one program.
 */
export async function comparePrograms(
  float: Graph,
  quantized: Graph,
  run: RunSamples,
  limit: number,
): Promise<{ readonly layers: readonly LayerComparison[]; readonly outputs: ReadonlyMap<string, number> }> {
  const editor = editGraph({ ...float, outputs: [] });
  const inputs = new Map(float.inputs.map((id) => [valueOf(float, id).name, id] as const));
  const copied = copyInto(editor, quantized, inputs);
  const references = new Map(layersIn(float).map(({ key, node }) => [key, node] as const));
  const compared: { name: string; key: string; source: string }[] = [];
  const compare = (name: string, reference: ValueId, value: ValueId): void => {
    const { quant } = editor.type(value);
    const candidate = quant === undefined ? value : editor.emitOne('dequantize', [value], { quant });
    addError(editor, name, reference, candidate);
    addSquareSum(editor, `signal_${name}`, reference);
  };
  for (const { key, node } of layersIn(quantized)) {
    const reference = references.get(key);
    if (reference === undefined || !INTEGER_OPS.includes(node.op)) continue;
    const name = `layer${compared.length}`;
    compare(name, reference.results[0]!, copied.get(node.results[0]!)!);
    compared.push({ name, key, source: node.source });
  }
  const outputs = float.outputs.filter(({ value }) => typeOf(float, value).dtype === 'f32');
  for (const [i, { name, value }] of outputs.entries()) {
    const other = quantized.outputs.find((output) => output.name === name);
    if (other) compare(`output${i}`, value, copied.get(other.value)!);
  }
  const sums = totals();
  await run(editor.finish(), 'comparison with float', sums.add, limit);
  const ratio = (name: string): number => decibels(sums.get(`signal_${name}`), sums.get(`error_${name}`));
  return {
    layers: compared.map(({ name, key, source }) => ({ key, source, sqnrDecibels: ratio(name) })),
    outputs: new Map(outputs.map(({ name }, i) => [name, ratio(`output${i}`)] as const)),
  };
}
