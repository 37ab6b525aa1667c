import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from '../../src/ir/text/parse.js';
import { findAttention } from '../../src/passes/find-attention.js';
import { fuseAttention } from '../../src/passes/fuse-attention.js';

const programs = readFileSync(fileURLToPath(new URL('./fuse-attention.sqir', import.meta.url)), 'utf8')
  .split(/^\/\/ -----$/m)
  .map((source) => parse(source));
const program = (name: string) => programs.find((graph) => graph.name === name)!;

describe('find-attention', () => {
  it('describes a fused attention', () => {
    const { attentions, loose } = findAttention(fuseAttention.run(program('relative')));
    expect(loose).toEqual([]);
    expect(attentions).toMatchObject([
      {
        kind: 'cross',
        heads: 2,
        batch: 3,
        queries: 6,
        keys: 6,
        channels: 4,
        valueChannels: 4,
        hasRelativePositions: true,
      },
    ]);
  });

  it('tells self-attention, whose queries and keys are projections of the same tokens, from the rest', () => {
    const graph = parse(`graph @g () {
      %0 : f32[1, 3, 4] = input as "x"
      %c0 : f32[4, 4] = const random(1)
      %1 : f32[1, 3, 4] = linear(%0, %c0, _, _) {activation = none}
      %c1 : f32[4, 4] = const random(2)
      %2 : f32[1, 3, 4] = linear(%0, %c1, _, _) {activation = none}
      %3 : f32[1, 3, 4] = attention(%1, %2, %0) {heads = 2, scale = 1} from "/a/attn/MatMul_1 (MatMul)"
      %4 : f32[1, 3, 4] = attention(%1, %3, %0) {heads = 2, scale = 1} from "/a/attn/MatMul_2 (MatMul)"
      output "y" = %4
    }`);
    expect(findAttention(graph).attentions.map(({ name, kind }) => [name, kind])).toEqual([
      ['a/attn', 'self'],
      ['a/attn #2', 'cross'],
    ]);
  });

  it('says why a softmax became no attention', () => {
    expect(findAttention(program('stays')).loose.map(({ reason }) => reason)).toEqual([
      'not fused: queries, keys and values are broadcast to each other',
      'not fused: its probabilities are an output',
      'not fused: the softmax is not over the last axis',
    ]);
    const alone = parse(
      'graph @g () {\n %0 : f32[2] = input as "x"\n %1 : f32[2] = softmax(%0) {axis = 0, log = false}\n %2 : f32[2] = unary(%1) {fn = abs}\n output "y" = %2\n}',
    );
    expect(findAttention(alone).loose).toMatchObject([
      { name: 'softmax', reason: 'not fused: no product of values with its probabilities' },
    ]);
  });
});
