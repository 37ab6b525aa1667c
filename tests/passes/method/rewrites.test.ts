import { describe, expect, it } from 'vitest';
import { type Editor, editGraph } from '../../../src/ir/edit.js';
import { evaluateGraph } from '../../../src/ir/evaluate.js';
import type { Graph, NodeOf } from '../../../src/ir/graph.js';
import { parse, randomTensor } from '../../../src/ir/text/parse.js';
import { verify } from '../../../src/ir/verify.js';
import { centerKeys } from '../../../src/passes/center-keys.js';
import { equalizeQueryKey, equalizingFactors } from '../../../src/passes/equalize-query-key.js';
import { foldSign } from '../../../src/passes/fold-sign.js';
import { migrateScales } from '../../../src/passes/migrate-scales.js';
import type { Refusal } from '../../../src/passes/scale-query-key.js';

/** Self attention over 2×3 tokens, two heads of 4 channels; `extra` adds operands to the attention. */
const attentionProgram = (extra: string, attrs = '', declarations = '') => `
graph @attention () {
  %0 : f32[1, 6, 5] = input as "x"
  %c0 : f32[8, 5] = const random(1)
  %c1 : f32[8] = const random(2)
  %c2 : f32[8, 5] = const random(3)
  %c3 : f32[8] = const random(4)
  %c4 : f32[8, 5] = const random(5)
  %c5 : f32[8] = const random(6)
${declarations}
  %1 : f32[1, 6, 8] = linear(%0, %c0, %c1) {activation = none}
  %2 : f32[1, 6, 8] = linear(%0, %c2, %c3) {activation = none}
  %3 : f32[1, 6, 8] = linear(%0, %c4, %c5) {activation = none}
  %4 : f32[1, 6, 8] = attention(%1, %2, %3${extra}) {heads = 2, scale = 0.5${attrs}}
  output "y" = %4
}`;
const PLAIN = attentionProgram('');
const TABLES = '  %c6 : f32[2, 2, 4] = const random(7)\n  %c7 : f32[3, 3, 4] = const random(8)';
const RELATIVE = attentionProgram(', _, %c6, %c7', '', TABLES);

function parsed(text: string): Graph {
  const graph = parse(text);
  verify(graph);
  return graph;
}

const run = (graph: Graph): Float32Array =>
  evaluateGraph(graph, new Map([['x', randomTensor('f32', [1, 6, 5], 11)]])).get('y')!.data as Float32Array;

function rewritten(graph: Graph, rewrite: (editor: Editor, attention: NodeOf<'attention'>) => Refusal | undefined) {
  const editor = editGraph(graph);
  const attention = graph.nodes.find((node): node is NodeOf<'attention'> => node.op === 'attention')!;
  const refusal = rewrite(editor, attention);
  const after = editor.finish();
  verify(after);
  return { refusal, after };
}

const SIGNS = Int8Array.of(1, -1, -1, 1, 1, -1, -1, 1);
const UNEVEN_SIGNS = Int8Array.of(1, -1, -1, 1, 1, -1, 1, 1);

describe('fold-sign', () => {
  it.each([
    ['plain', PLAIN],
    ['relative positions', RELATIVE],
  ])('leaves the result equal byte for byte: %s', (_, text) => {
    const graph = parsed(text);
    const { refusal, after } = rewritten(graph, (editor, attention) => foldSign(editor, attention, SIGNS));
    expect(refusal).toBeUndefined();
    expect(run(after)).toEqual(run(graph));
    const keyWeights = (program: Graph) =>
      program.nodes
        .filter((node) => node.op === 'linear')
        .map((node) => program.constants.get(node.operands[1]!)!.load());
    expect(keyWeights(after)[1]!.data[5]).toBe(-keyWeights(graph)[1]!.data[5]!);
  });
  it('folds signs that differ between heads where nothing is shared by the heads', () => {
    const graph = parsed(PLAIN);
    const { refusal, after } = rewritten(graph, (editor, attention) => foldSign(editor, attention, UNEVEN_SIGNS));
    expect(refusal).toBeUndefined();
    expect(run(after)).toEqual(run(graph));
  });
  it('refuses, and changes nothing, where the heads share their tables and disagree', () => {
    const graph = parsed(RELATIVE);
    const { refusal, after } = rewritten(graph, (editor, attention) => foldSign(editor, attention, UNEVEN_SIGNS));
    expect(refusal?.reason).toMatch(/share their relative-position tables and disagree on channel 2/);
    expect(after.nodes).toEqual(graph.nodes);
  });
  it('refuses where the keys have another consumer', () => {
    const graph = parsed(PLAIN.replace('output "y" = %4', 'output "y" = %4\n  output "keys" = %2'));
    const { refusal } = rewritten(graph, (editor, attention) => foldSign(editor, attention, SIGNS));
    expect(refusal?.reason).toMatch(/the key has consumers beside the attention/);
  });
});

describe('equalize-query-key', () => {
  it('gives powers of two, 1 for channels that are zero', () => {
    expect(Array.from(equalizingFactors(Float32Array.of(1, 4, 0, 1), Float32Array.of(16, 1, 1, 0)))).toEqual([
      4, 0.5, 1, 1,
    ]);
  });
  it('leaves the result equal byte for byte', () => {
    const graph = parsed(RELATIVE);
    const factors = Float32Array.of(2, 0.5, 1, 8, 2, 0.5, 1, 8);
    const { refusal, after } = rewritten(graph, (editor, attention) => equalizeQueryKey(editor, attention, factors));
    expect(refusal).toBeUndefined();
    expect(run(after)).toEqual(run(graph));
  });
});

describe('center-keys', () => {
  it('changes the result by rounding alone', () => {
    const graph = parsed(RELATIVE);
    const center = Float32Array.of(1, -2, 0.5, 0, 3, 0.25, -1, 1);
    const { refusal, after } = rewritten(graph, (editor, attention) => centerKeys(editor, attention, center));
    expect(refusal).toBeUndefined();
    const [before, moved] = [run(graph), run(after)];
    const largest = before.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    for (const [i, value] of before.entries()) expect(Math.abs(value - moved[i]!)).toBeLessThanOrEqual(1e-5 * largest);
    expect(moved).not.toEqual(before);
  });
});

describe('migrate-scales', () => {
  const text = `
graph @norm () {
  %0 : f32[1, 6, 5] = input as "x"
  %c0 : f32[5] = const random(1)
  %c1 : f32[5] = const random(2)
  %c2 : f32[3, 5] = const random(3)
  %c3 : f32[2, 5] = const random(4)
  %1 : f32[1, 6, 5] = layer_norm(%0, %c0, %c1) {epsilon = 0.00001}
  %2 : f32[6, 5] = reshape(%1) {shape = [6, 5]}
  %3 : f32[6, 3] = linear(%2, %c2) {activation = none}
  %4 : f32[1, 6, 2] = linear(%1, %c3) {activation = none}
  output "y" = %3
  output "z" = %4
}`;
  it('keeps every bit with powers of two', () => {
    const graph = parsed(text);
    const editor = editGraph(graph);
    const norm = graph.nodes.find((node): node is NodeOf<'layer_norm'> => node.op === 'layer_norm')!;
    migrateScales(editor, norm, Float32Array.of(2, 0.5, 1, 4, 0.25));
    const after = editor.finish();
    verify(after);
    expect(after.nodes.filter((node) => node.op === 'linear')).toHaveLength(2);
    expect(after.constants).not.toEqual(graph.constants);
    expect(run(after)).toEqual(run(graph));
  });
});
