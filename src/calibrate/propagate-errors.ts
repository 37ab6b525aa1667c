import { countMacs } from '../ir/count-macs.js';
import { type Editor, editGraph } from '../ir/edit.js';
import { type Graph, typeOf, type ValueId } from '../ir/graph.js';
import type { Quantization } from '../ir/types.js';
import { isQuantizable, type QuantizationPlan, quantizedAttention, quantizedLayer } from '../passes/insert-quantize.js';
import { ATTENTION } from '../passes/scale-query-key.js';
import type { RunSamples } from './run-samples.js';
import { addError, addSquareSum, decibels, totals } from './score.js';

/** A change of one value of a program, everything before it exact. */
export interface Trial {
  readonly name: string;
  /** The exact value. */
  readonly value: ValueId;
  /** Emits what stands in its place, float32. */
  readonly emit: (editor: Editor) => ValueId;
  /** Whether to follow what it does to the outputs. */
  readonly follow: boolean;
}

/** What a trial does. */
export interface TrialError {
  /** Squared error of the value itself, over its squares. */
  readonly own: number;
  /** The same of the outputs, the mean over them; undefined where it was not followed. */
  readonly output: number | undefined;
}

/** Multiply-accumulates that following may take: half a minute or so of one core. Larger programs are followed for fewer samples, or none. */
const MOST_MACS = 5e11;

/** Emits again what depends on `from`, reading `to` in its place; returns where each value went. */
function rerouted(editor: Editor, graph: Graph, from: ValueId, to: ValueId): ReadonlyMap<ValueId, ValueId> {
  const moved = new Map([[from, to]]);
  for (const { op, operands, results, attrs, source } of graph.nodes) {
    if (!operands.some((operand) => operand !== null && moved.has(operand))) continue;
    const others = operands.map((operand) => (operand === null ? null : (moved.get(operand) ?? operand)));
    const copies = editor.emit(op, others, attrs as never, { source });
    for (const [i, result] of results.entries()) moved.set(result, copies[i]!);
  }
  return moved;
}

/** Outputs in float32 that no other one is computed from: SAM's `masks` are `low_res_masks`, resized. */
function ownOutputs(graph: Graph): readonly ValueId[] {
  const outputs = graph.outputs.map(({ value }) => value).filter((value) => typeOf(graph, value).dtype === 'f32');
  const behind = new Set<ValueId>();
  for (const { operands, results } of graph.nodes)
    if (operands.some((operand) => operand !== null && (behind.has(operand) || outputs.includes(operand))))
      for (const result of results) behind.add(result);
  return [...new Set(outputs)].filter((value) => !behind.has(value));
}

/** Samples for which the trials may be followed to the outputs. */
function samplesToFollow(graph: Graph, trials: readonly Trial[], limit: number): number {
  const macs = countMacs(graph).reduce((sum, { integer, float }) => sum + integer + float, 0);
  const followed = trials.filter(({ follow }) => follow).length;
  // On average half of the program lies behind a value.
  return Math.min(limit, Math.floor(MOST_MACS / (macs * (1 + followed / 2))));
}

/**
 * Measures trials by the squared errors that each makes by itself, all else exact: of its value, and of the outputs, followed
 * through the rest of the program. For programs too large to be followed the outputs' errors are undefined.
 */
export async function propagateErrors(
  graph: Graph,
  trials: readonly Trial[],
  run: RunSamples,
  limit: number,
): Promise<ReadonlyMap<string, TrialError>> {
  if (trials.length === 0) return new Map();
  const editor = editGraph({ ...graph, outputs: [] });
  const samples = samplesToFollow(graph, trials, limit);
  const outputs = ownOutputs(graph);
  // New nodes go behind the program, one trial after the other: of each only little is alive at a time.
  for (const { name, value, emit, follow } of trials) {
    const candidate = emit(editor);
    addError(editor, `own_${name}`, value, candidate);
    if (!follow || samples === 0) continue;
    const moved = rerouted(editor, graph, value, candidate);
    for (const [i, output] of outputs.entries())
      if (moved.has(output)) addError(editor, `output${i}_${name}`, output, moved.get(output)!);
  }
  for (const value of new Set([...trials.map(({ value }) => value), ...outputs]))
    addSquareSum(editor, `signal_${value}`, value);
  const sums = totals();
  await run(editor.finish(), 'error of each layer', sums.add, samples || limit);
  const share = (error: string, value: ValueId): number => {
    const [noise, signal] = [sums.find(`error_${error}`) ?? 0, sums.get(`signal_${value}`)];
    return noise === 0 ? 0 : noise / signal;
  };
  return new Map(
    trials.map(({ name, value, follow }): [string, TrialError] => {
      const reached = outputs.map((output, i) => share(`output${i}_${name}`, output));
      const output = follow && samples > 0 ? reached.reduce((a, b) => a + b, 0) / outputs.length : undefined;
      return [name, { own: share(`own_${name}`, value), output }];
    }),
  );
}

/** What one layer or attention does to a program by itself. */
export interface Contribution {
  /** Signal to noise of its result, given exact inputs. */
  readonly ownDecibels: number;
  /** Of all that layers and attentions do to the outputs one by one; undefined where that was not measured. */
  readonly share: number | undefined;
}

/** The part that each quantized layer and attention of a plan has in the error of the outputs; by its result. */
export async function contributions(
  graph: Graph,
  plan: QuantizationPlan,
  run: RunSamples,
  limit: number,
): Promise<ReadonlyMap<ValueId, Contribution>> {
  const reading = editGraph(graph);
  const trials = graph.nodes.flatMap((node): Trial[] => {
    const value = node.results[0]!;
    const quantOf = (index: number): Quantization | undefined => plan.activations.get(node.operands[index]!);
    const [layer, x] = [plan.layers.get(value), quantOf(0)];
    const trial = (emit: Trial['emit']): Trial[] => [{ name: String(value), value, emit, follow: true }];
    if (isQuantizable(reading, node) && layer && x) return trial((editor) => quantizedLayer(editor, node, layer, x));
    const softmax = plan.softmaxes.get(value);
    const [q, k, v] = [ATTENTION.q, ATTENTION.k, ATTENTION.v].map(quantOf);
    if (node.op !== 'attention' || !softmax || !q || !k || !v) return [];
    return trial((editor) => quantizedAttention(editor, node, q, k, v, softmax));
  });
  const errors = await propagateErrors(graph, trials, run, limit);
  const total = [...errors.values()].reduce((sum, { output = 0 }) => sum + output, 0);
  return new Map(
    trials.map(({ name, value }): [ValueId, Contribution] => {
      const { own, output } = errors.get(name)!;
      const share = output === undefined || total === 0 ? undefined : output / total;
      return [value, { ownDecibels: decibels(1, own), share }];
    }),
  );
}
