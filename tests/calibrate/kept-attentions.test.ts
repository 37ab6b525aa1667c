import { describe, expect, it } from 'vitest';
import { openTrials, planKept, withKeptOutputs } from '../../src/calibrate/kept-attentions.js';
import { evaluateGraph } from '../../src/ir/evaluate.js';
import type { Graph } from '../../src/ir/graph.js';
import { parse, randomTensor } from '../../src/ir/text/parse.js';

/** An attention of 2 heads over a grid of 6×5 tokens, behind a layer of its own for each operand. */
const program = (constants: string, attention: string): Graph =>
  parse(`graph @attention () {
  %0 : f32[1, 30, 4] = input as "x"
  %c0 : f32[4, 4] = const random(1)
  %c1 : f32[4, 4] = const random(2)
  %c2 : f32[4, 4] = const random(3)
  ${constants}
  %1 : f32[1, 30, 4] = linear(%0, %c0) {activation = none}
  %2 : f32[1, 30, 4] = linear(%0, %c1) {activation = none}
  %3 : f32[1, 30, 4] = linear(%0, %c2) {activation = none}
  %4 : f32[1, 30, 4] = attention(%1, %2, %3, ${attention}
  output "y" = %4
}`);
const GLOBAL = program(
  '%c3 : f32[6, 6, 2] = const random(4)\n  %c4 : f32[5, 5, 2] = const random(5)',
  '_, %c3, %c4) {heads = 2, scale = 0.5}',
);
const WINDOWED = program(
  '%c3 : f32[2, 2, 2] = const random(4)\n  %c4 : f32[2, 2, 2] = const random(5)\n  %c5 : f32[4] = const random(6)\n  %c6 : f32[4] = const random(7)',
  '_, %c3, %c4, %c5, %c6) {heads = 2, scale = 0.5, window = [6, 5, 2, 2]}',
);
const INPUTS = new Map([['x', randomTensor('f32', [1, 30, 4], 8)]]);

/** What a trial program of the attention computes for its reference, and the whole attention's rows at `tokens`. */
function references(graph: Graph, trialMacs: number, tokens: readonly number[]) {
  const kept = planKept(graph, 1, trialMacs);
  const outputs = evaluateGraph(withKeptOutputs(graph, graph, kept), INPUTS);
  const { editor, attentions } = openTrials(graph, kept, [0]);
  editor.output('reference', attentions[0]!.node.results[0]!);
  const trial = editor.finish();
  const names = trial.inputs.map((id) => trial.values.get(id)!.name);
  const reference = evaluateGraph(trial, new Map(names.map((name) => [name, outputs.get(name)!]))).get('reference')!;
  const whole = outputs.get('y')!.data as Float32Array;
  return { names, reference: reference.data, expected: tokens.flatMap((t) => [...whole.subarray(4 * t, 4 * t + 4)]) };
}

describe('attentions on kept operands', () => {
  const all = Array.from({ length: 30 }, (_, token) => token);

  it('compute what they compute in the model, without it', () => {
    for (const graph of [GLOBAL, WINDOWED]) {
      const { names, reference, expected } = references(graph, Number.POSITIVE_INFINITY, all);
      expect(names).toEqual(['kept_q0', 'kept_k0', 'kept_v0']);
      expect([...reference]).toEqual(expected);
    }
  });

  it('take every so-manieth row of queries where the whole is too much', () => {
    // 30 queries, 30 keys, 8 channels; rows 0, 3 remain of 6.
    const { reference, expected } = references(
      GLOBAL,
      2 * 5 * 30 * 8,
      all.filter((token) => Math.floor(token / 5) % 3 === 0),
    );
    expect([...reference]).toEqual(expected);
  });

  it('take every so-manieth window in both directions, those that hang over the grid too', () => {
    // 3×3 windows of 4 tokens; rows 0, 1, 4, 5 and columns 0, 1, 4 remain.
    const { reference, expected } = references(
      WINDOWED,
      4 * 16 * 8,
      all.filter((token) => [0, 1].includes(Math.floor(token / 5) % 4) && [0, 1, 4].includes(token % 5)),
    );
    expect([...reference]).toEqual(expected);
  });
});
