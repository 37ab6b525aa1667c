import { describe, expect, it } from 'vitest';
import { type Editor, editGraph } from '../../../src/ir/edit.js';
import { evaluateGraph } from '../../../src/ir/evaluate.js';
import type { Graph, NodeOf } from '../../../src/ir/graph.js';
import { parse, randomTensor } from '../../../src/ir/text/parse.js';
import { verify } from '../../../src/ir/verify.js';
import { centerInput, centersFreely } from '../../../src/passes/center-input.js';
import { centerKeys } from '../../../src/passes/center-keys.js';
import { equalizeQueryKey, equalizingFactors } from '../../../src/passes/equalize-query-key.js';
import { foldSign } from '../../../src/passes/fold-sign.js';
import { liftAddend } from '../../../src/passes/lift-addend.js';
import { migrateScales } from '../../../src/passes/migrate-scales.js';
import type { HeadBases } from '../../../src/passes/mix-channels.js';
import { mixQueryKey } from '../../../src/passes/mix-query-key.js';
import { mixValue } from '../../../src/passes/mix-value.js';
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

/** The program is another, and its result the same but for rounding. */
function expectKept(before: Graph, after: Graph): void {
  const [was, is] = [run(before), run(after)];
  const largest = was.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  for (const [i, value] of was.entries()) expect(Math.abs(value - is[i]!)).toBeLessThanOrEqual(1e-5 * largest);
  expect(after.nodes).not.toEqual(before.nodes);
}

/** Two heads of 4 channels: to = 1 + upper triangle scaled by the head, from = its transposed inverse. */
function bases(sameForAll: boolean): HeadBases {
  const [to, from] = [new Float64Array(32), new Float64Array(32)];
  for (let head = 0; head < 2; head++)
    for (let i = 0; i < 4; i++) {
      to[head * 16 + i * 5] = 1;
      from[head * 16 + i * 5] = 1;
      // (1 + N)⁻ᵀ = 1 − Nᵀ where N² = 0: N has rows 0 and 1, columns 2 and 3.
      for (const j of i < 2 ? [2, 3] : []) {
        const n = (i + 1) * j * (sameForAll || head === 0 ? 0.5 : -0.25);
        to[head * 16 + i * 4 + j] = n;
        from[head * 16 + j * 4 + i] = -n;
      }
    }
  return { heads: 2, to, from };
}

const PROJECTED = PLAIN.replace(
  'output "y" = %4',
  `%c8 : f32[3, 8] = const random(9)
  %c9 : f32[3] = const random(10)
  %5 : f32[6, 8] = reshape(%4) {shape = [6, 8]}
  %6 : f32[6, 3] = linear(%5, %c8, %c9) {activation = none}
  output "y" = %6`,
);

describe('mix-query-key', () => {
  it.each([
    ['plain, heads apart', PLAIN, false],
    ['relative positions, heads alike', RELATIVE, true],
  ])('changes the result by rounding alone: %s', (_, text, sameForAll) => {
    const graph = parsed(text);
    const { refusal, after } = rewritten(graph, (editor, attention) =>
      mixQueryKey(editor, attention, bases(sameForAll)),
    );
    expect(refusal).toBeUndefined();
    expectKept(graph, after);
  });
  it('refuses, and changes nothing, where the queries have another consumer', () => {
    const graph = parsed(PLAIN.replace('output "y" = %4', 'output "y" = %4\n  output "queries" = %1'));
    const { refusal, after } = rewritten(graph, (editor, attention) => mixQueryKey(editor, attention, bases(false)));
    expect(refusal?.reason).toMatch(/the query has consumers beside the attention/);
    expect(after.nodes).toEqual(graph.nodes);
  });
});

describe('mix-value', () => {
  const center = Float32Array.of(1, -2, 0.5, 0, 3, 0.25, -1, 1);
  it.each([
    ['centred', { center }],
    ['mixed', { bases: bases(false) }],
    ['centred and mixed', { center, bases: bases(false) }],
  ])('changes what the output projection gives by rounding alone: %s', (_, change) => {
    const graph = parsed(PROJECTED);
    const { refusal, after } = rewritten(graph, (editor, attention) => mixValue(editor, attention, change));
    expect(refusal).toBeUndefined();
    expectKept(graph, after);
  });
  it('moves what the attention gives: the output projection takes it back', () => {
    const graph = parsed(PROJECTED.replace('output "y" = %6', 'output "y" = %6\n  output "a" = %5'));
    const { refusal } = rewritten(graph, (editor, attention) => mixValue(editor, attention, { center }));
    expect(refusal?.reason).toMatch(/other consumers than a linear layer/);
  });
  it('refuses where the result is not projected', () => {
    const { refusal } = rewritten(parsed(PLAIN), (editor, attention) => mixValue(editor, attention, { center }));
    expect(refusal?.reason).toMatch(/other consumers than a linear layer/);
  });
});

describe('center-input', () => {
  const program = (body: string): string => `
graph @inputs () {
  %0 : f32[1, 6, 5] = input as "x"
  %c0 : f32[5] = const random(1)
  %c1 : f32[5] = const random(2)
  %c2 : f32[3, 5] = const random(3)
  %c3 : f32[3] = const random(4)
  %c4 : f32[1, 6, 5] = const random(5)
${body}
}`;
  const center = Float32Array.of(3, -2, 0.5, 0.25, -1);
  const read = (value: string): string => `  %2 : f32[1, 6, 3] = linear(${value}, %c2, %c3) {activation = relu}
  output "y" = %2`;
  const centred = (graph: Graph) => {
    const editor = editGraph(graph);
    const x = graph.nodes.find(({ op }) => op === 'linear')!.operands[0]!;
    const free = centersFreely(editor, x);
    centerInput(editor, x, center);
    const after = editor.finish();
    verify(after);
    return { free, after, ops: after.nodes.map(({ op }) => op) };
  };
  it.each([
    ['a LayerNorm', '  %1 : f32[1, 6, 5] = layer_norm(%0, %c0, %c1) {epsilon = 0.00001}', ['layer_norm', 'linear']],
    ['a constant addend', '  %1 : f32[1, 6, 5] = binary(%0, %c4) {fn = add}', ['binary', 'linear']],
  ])('puts the centre into %s', (_, before, ops) => {
    const graph = parsed(program(`${before}\n${read('%1')}`));
    const { free, after, ops: left } = centred(graph);
    expect([free, left]).toEqual([true, ops]);
    expectKept(graph, after);
  });
  it('subtracts it for the layers alone where something else reads the value', () => {
    const before = '  %1 : f32[1, 6, 5] = layer_norm(%0, %c0, %c1) {epsilon = 0.00001}';
    const graph = parsed(program(`${before}\n${read('%1')}\n  output "norm" = %1`));
    const { free, after, ops } = centred(graph);
    expect([free, ops]).toEqual([false, ['layer_norm', 'binary', 'linear']]);
    expectKept(graph, after);
  });
});

describe('lift-addend', () => {
  const text = `
graph @addend () {
  %0 : f32[1, 6, 5] = input as "x"
  %c0 : f32[6, 5] = const random(1)
  %c1 : f32[3, 5] = const random(2)
  %c2 : f32[3] = const random(3)
  %1 : f32[1, 6, 5] = binary(%0, %c0) {fn = add}
  %2 : f32[1, 6, 3] = linear(%1, %c1, %c2) {activation = none}
  output "y" = %2
}`;
  const lifted = (graph: Graph): Graph => {
    const editor = editGraph(graph);
    liftAddend(editor, graph.nodes[0]!.results[0]!);
    const after = editor.finish();
    verify(after);
    return after;
  };
  it('leaves a constant behind the layer, and no sum before it', () => {
    const graph = parsed(text);
    const after = lifted(graph);
    expect(after.nodes.map(({ op }) => op)).toEqual(['linear']);
    expectKept(graph, after);
  });
  it('leaves a layer with an activation alone', () => {
    const graph = parsed(text.replace('activation = none', 'activation = relu'));
    expect(lifted(graph).nodes).toEqual(graph.nodes);
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
