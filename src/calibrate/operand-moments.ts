import type { Editor } from '../ir/edit.js';
import type { Graph, ValueId } from '../ir/graph.js';
import { divideExact, product } from '../ir/scalar.js';
import { ATTENTION } from '../passes/scale-query-key.js';
import { type KeptAttentions, openTrials } from './kept-attentions.js';
import type { RunSamples } from './run-samples.js';

/** Second moments of an operand of an attention, rows [rows, channels], over the samples. */
export interface OperandMoments {
  readonly channels: number;
  readonly mean: Float64Array;
  /** Mean of xᵀx [channels, channels]. */
  readonly second: Float64Array;
}

/** [X 1]ᵀ[X 1] of a value [..., c]. */
function addMoments(editor: Editor, name: string, value: ValueId, one: ValueId): void {
  const { shape } = editor.type(value);
  const c = shape.at(-1) as number;
  const rows = editor.emitOne('reshape', [value], { shape: [divideExact(product(shape), c), c] });
  const withOnes = editor.emitOne('pad', [rows, one], { mode: 'constant', before: [0, 0], after: [0, 1] });
  const columns = editor.emitOne('transpose', [withOnes], { perm: [1, 0] });
  editor.output(name, editor.emitOne('matmul', [columns, withOnes], {}));
}

function momentsOf(gram: ArrayLike<number>): OperandMoments {
  const wide = Math.sqrt(gram.length);
  const channels = wide - 1;
  const rows = gram[wide * wide - 1]!;
  return {
    channels,
    mean: Float64Array.from({ length: channels }, (_, j) => gram[channels * wide + j]! / rows),
    second: Float64Array.from({ length: channels * channels }, (_, i) => {
      const [row, column] = [Math.floor(i / channels), i % channels];
      return gram[row * wide + column]! / rows;
    }),
  };
}

/** Moments of operands of the attentions at `places`, by place and role. */
export async function operandMoments(
  graph: Graph,
  run: RunSamples,
  places: readonly number[],
  roles: readonly ('q' | 'k' | 'v')[],
  { limit, kept }: { readonly limit: number; readonly kept: KeptAttentions },
): Promise<(place: number, role: 'q' | 'k' | 'v') => OperandMoments> {
  const { editor, attentions } = openTrials(graph, kept, places);
  const one = editor.addTensor({ dtype: 'f32', shape: [], data: Float32Array.of(1) }, '');
  for (const { index, node } of attentions)
    for (const role of roles) {
      const value = node.operands[ATTENTION[role]]!;
      const behind = editor.definition(node.results[0]!);
      if (behind) editor.at(behind);
      addMoments(editor, `${role}${index}`, value, one);
    }
  const sums = new Map<string, Float64Array>();
  await run(
    editor.finish(),
    'moments of attentions',
    (outputs) => {
      for (const [name, { data }] of outputs) {
        const sum = sums.get(name) ?? new Float64Array(data.length);
        for (let i = 0; i < data.length; i++) sum[i]! += data[i] as number;
        sums.set(name, sum);
      }
    },
    limit,
    { kept: kept.values },
  );
  return (place, role) => momentsOf(sums.get(`${role}${place}`)!);
}

/** The block [d, d] of one head of moments, about the mean where `centred`. */
export function headMoments(
  { channels, mean, second }: OperandMoments,
  heads: number,
  head: number,
  center?: ArrayLike<number>,
): Float64Array {
  const d = channels / heads;
  return Float64Array.from({ length: d * d }, (_, at) => {
    const [i, j] = [head * d + Math.floor(at / d), head * d + (at % d)];
    if (!center) return second[i * channels + j]!;
    const [a, b] = [center[i]!, center[j]!];
    return second[i * channels + j]! - a * mean[j]! - b * mean[i]! + a * b;
  });
}
