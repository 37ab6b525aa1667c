import { expect, test } from 'vitest';
import { type ClipMode, chooseClips } from '../../src/calibrate/choose-clips.js';
import { planKept, withKeptOutputs } from '../../src/calibrate/kept-attentions.js';
import { precisionOf } from '../../src/calibrate/precision.js';
import { instrument, observedValues, profileCollector } from '../../src/calibrate/profile.js';
import { parse, randomTensor } from '../../src/ir/text/parse.js';
import { runByEvaluation } from './run-by-evaluation.js';

const ATTENTION = `
graph @attention () {
  %0 : f32[1, 6, 8] = input as "q"
  %1 : f32[1, 9, 8] = input as "k"
  %2 : f32[1, 9, 8] = input as "v"
  %3 : f32[1, 6, 8] = attention(%0, %1, %2) {heads = 2, scale = 0.5}
  output "y" = %3
}`;

/** Queries and keys of a sample; one of 48 and one of 72 lies far out, where nothing is decided. */
function sample(seed: number) {
  const [q, k] = [randomTensor('f32', [1, 6, 8], seed), randomTensor('f32', [1, 9, 8], seed + 100)];
  (q.data as Float32Array)[0]! *= 4;
  return new Map([
    ['q', q],
    ['k', k],
    ['v', randomTensor('f32', [1, 9, 8], seed + 200)],
  ]);
}

async function choose(mode: ClipMode) {
  const graph = parse(ATTENTION);
  const samples = [1, 2, 3, 4].map(sample);
  const run = runByEvaluation(samples);
  const kept = planKept(graph, samples.length);
  const values = observedValues(graph);
  const collector = profileCollector(values);
  const program = withKeptOutputs(instrument(graph, values), graph, kept);
  const profile = await collector.over((add, summed) =>
    run(program, '', add, undefined, { kept: kept.values, summed }),
  );
  const precision = precisionOf(4, 4, { observer: 'minmax', steps: 'even' });
  return chooseClips(graph, profile, run, { mode, precision, limit: 4, kept });
}

test('perceptual takes the share that keeps most of what is attended to, for Q and K alike', async () => {
  const { choices, codes } = await choose('perceptual');
  const [{ share, tried }] = choices as [(typeof choices)[number]];
  expect(tried.find((one) => one.share === share)!.lost).toBe(Math.min(...tried.map(({ lost }) => lost)));
  expect(codes.size).toBe(2);
});

test('auto keeps the observer where its output is the nearer one', async () => {
  const { choices, codes } = await choose('auto');
  const [{ share, tried, error }] = choices as [(typeof choices)[number]];
  const best = tried.reduce((a, b) => (b.lost < a.lost ? b : a));
  expect(share).toBe(best.error < error ? best.share : undefined);
  expect(codes.size).toBe(share === undefined ? 0 : 2);
});

test('none measures nothing', async () => {
  expect((await choose('none')).choices).toEqual([]);
});
