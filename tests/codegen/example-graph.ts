import { editGraph, emptyGraph } from '../../src/ir/edit.js';
import type { Graph } from '../../src/ir/graph.js';
import { call, element, symbol } from '../../src/ir/scalar.js';
import type { Tensor } from '../../src/ir/types.js';

/** Reproducible values in [−1, 1). */
export function randomFloats(count: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

export const randomTensor = (shape: readonly number[], seed: number): Tensor => ({
  dtype: 'f32',
  shape,
  data: randomFloats(
    shape.reduce((a, b) => a * b, 1),
    seed,
  ),
});

/**
 * A small program with what makes code generation hard: a symbolic dimension, a size that is read from an input's data,
 * names that are not C, two kinds of weights, reshapes, outputs that are inputs, constants and other outputs.
 */
export function exampleGraph(): Graph {
  const g = editGraph(emptyGraph('example */ "??/', { 'n tokens': { min: 0, max: 9 }, size: { min: 1, max: 12 } }));
  const n = symbol('n tokens');
  const x = g.input('x "1"*/', { dtype: 'f32', shape: [n, 8] });
  const image = g.input('double', { dtype: 'f32', shape: [1, 3, 4, 5] });
  g.input('size', { dtype: 'f32', shape: [2] });
  const weight = g.addTensor(randomTensor([24, 8], 1), 'weight');
  const bias = g.addTensor(randomTensor([24], 2), 'bias');
  const back = g.addTensor(randomTensor([8, 24], 3), 'back');
  const hidden = g.emitOne('linear', [x, weight, bias, null], { activation: 'gelu' }, { source: '/a*/b"%s??/\n' });
  const halves = g.emitOne('cast', [hidden], { to: 'f16' });
  const tokens = g.emitOne('linear', [g.emitOne('cast', [halves], { to: 'f32' }), back, null, x], {
    activation: 'none',
  });
  const wide = [call('to_int', element('size', 0, 'f32')), call('to_int', element('size', 1, 'f32'))] as const;
  const resized = g.emitOne('resize', [image], {
    mode: 'linear',
    coordinates: 'half_pixel',
    nearest: 'floor',
    cubic_a: -0.75,
    exclude_outside: false,
    extrapolation: 0,
    antialias: false,
    sizes: [1, 3, ...wide],
  });
  const channelsLast = g.emitOne('transpose', [resized], { perm: [0, 2, 3, 1] });
  const kernel = g.addTensor(randomTensor([6, 3, 3, 3], 4), 'kernel');
  const conv = g.emitOne('conv', [channelsLast, kernel, null], {
    strides: [1, 1],
    dilations: [1, 1],
    pads_before: [1, 1],
    pads_after: [1, 1],
    groups: 1,
    activation: 'relu',
  });
  g.output('tokens', tokens);
  g.output('tokens', g.emitOne('reshape', [tokens], { shape: [8, n] }));
  g.output('../picture', conv);
  g.output('the same', x);
  g.output('constant', bias);
  return g.finish();
}

export const exampleInputs = (tokens: number, size: readonly [number, number]): Map<string, Tensor> =>
  new Map([
    ['x "1"*/', randomTensor([tokens, 8], 5)],
    ['double', randomTensor([1, 3, 4, 5], 6)],
    ['size', { dtype: 'f32', shape: [2], data: Float32Array.from(size) }],
  ]);
