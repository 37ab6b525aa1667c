import { describe, expect, it } from 'vitest';
import { layerCandidates, planLayers } from '../../src/calibrate/choose-layers.js';
import { precisionOf } from '../../src/calibrate/precision.js';
import { planOf, prepareProgram } from '../../src/calibrate/prepare-program.js';
import { contributions, propagateErrors, type Trial } from '../../src/calibrate/propagate-errors.js';
import type { RunSamples } from '../../src/calibrate/run-samples.js';
import type { ValueId } from '../../src/ir/graph.js';
import { parse, randomTensor } from '../../src/ir/text/parse.js';
import { BLOCK } from '../passes/method/block.js';
import { runByEvaluation } from './run-by-evaluation.js';

const runOver = (shape: readonly number[], count: number): RunSamples =>
  runByEvaluation(Array.from({ length: count }, (_, i) => new Map([['x', randomTensor('f32', shape, 60 + i)]])));

/** y = 2h with h = x: a change of h reaches y twice as large; `resized` is computed from y. */
const CHAIN = `
graph @chain () {
  %0 : f32[4, 3] = input as "x"
  %c0 : f32[3, 3] = const [1, 0, 0, 0, 1, 0, 0, 0, 1]
  %c1 : f32[3] = const [2, 2, 2]
  %c2 : f32[3] = const [0.5, 0.5, 0.5]
  %1 : f32[4, 3] = linear(%0, %c0) {activation = none}
  %2 : f32[4, 3] = binary(%1, %c1) {fn = mul}
  %3 : f32[4, 3] = binary(%2, %c2) {fn = mul}
  output "y" = %2
  output "resized" = %3
}`;

/** h + δ, in place of h. */
const added = (value: ValueId, name: string, delta: number, follow = true): Trial => ({
  name,
  value,
  follow,
  emit: (editor) =>
    editor.emitOne(
      'binary',
      [value, editor.addTensor({ dtype: 'f32', shape: [3], data: new Float32Array(3).fill(delta) }, '')],
      {
        fn: 'add',
      },
    ),
});

describe('propagateErrors', () => {
  const graph = parse(CHAIN);
  const h = graph.nodes[0]!.results[0]!;
  it('measures a change where it is made and where it arrives, relative to what is there', async () => {
    const errors = await propagateErrors(graph, [added(h, 'a', 0.25), added(h, 'b', 0.5)], runOver([4, 3], 2), 2);
    let signal = 0;
    await runOver([4, 3], 2)(graph, '', (outputs) => {
      for (const y of outputs.get('y')!.data as Float32Array) signal += (y / 2) ** 2;
    });
    expect(errors.get('a')!.own).toBeCloseTo((24 * 0.25 ** 2) / signal, 5);
    expect(errors.get('b')!.own).toBeCloseTo((24 * 0.5 ** 2) / signal, 5);
    // `resized` is computed from y, so y alone counts; what is twice as large has twice the signal.
    expect(errors.get('b')!.output).toBeCloseTo(errors.get('b')!.own, 5);
  });
  it('does not follow what it is not asked to follow', async () => {
    const errors = await propagateErrors(graph, [added(h, 'a', 0.25, false)], runOver([4, 3], 1), 1);
    expect(errors.get('a')).toEqual({ own: expect.any(Number), output: undefined });
  });
  it('has nothing to say about no trials', async () => {
    expect(await propagateErrors(graph, [], runOver([4, 3], 1), 1)).toEqual(new Map());
  });
});

describe('contributions', () => {
  it('shares the error of the outputs among layers and attention', async () => {
    const [precision, run] = [precisionOf(4, 4, { observer: 'mse', steps: 'auto' }), runOver([1, 6, 8], 2)];
    const options = {
      precision,
      migration: undefined,
      offsets: false,
      values: false,
      keys: 'none',
      clip: 'none',
      softmax: 'uniform',
      trialSamples: 2,
    } as const;
    const prepared = await prepareProgram(parse(BLOCK), run, options);
    const { graph, profile } = prepared;
    const layers = planLayers(graph, layerCandidates(graph, profile), precision);
    const parts = await contributions(
      graph,
      planOf(prepared, layers, () => precision),
      run,
      2,
    );
    // Six layers and the attention; each loses something at 4 bits, and together they are all of it.
    expect(parts.size).toBe(7);
    expect([...parts.values()].every(({ share, ownDecibels }) => share! > 0 && ownDecibels < 40)).toBe(true);
    expect([...parts.values()].reduce((sum, { share }) => sum + share!, 0)).toBeCloseTo(1, 9);
    // A layer in float has no part in it, and the others share what is left.
    const [first] = layers.keys();
    const fewer = await contributions(
      graph,
      planOf(prepared, new Map([...layers].slice(1)), () => precision),
      run,
      2,
    );
    expect(fewer.has(first!)).toBe(false);
    for (const [value, { ownDecibels }] of fewer) expect(ownDecibels).toBeCloseTo(parts.get(value)!.ownDecibels, 9);
  });
});
