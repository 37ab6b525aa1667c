import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Feeds } from '../../bench/family/feeds.js';
import { writeGraph } from '../../bench/family/graph.js';
import { measureMember } from '../../bench/family/measure.js';
import { familyMembers, type Member } from '../../bench/family/members.js';
import { canonicalGraph } from '../../src/canonical-graph.js';
import { evaluateGraph } from '../../src/ir/evaluate.js';
import type { Tensor } from '../../src/ir/types.js';
import { findAttention } from '../../src/passes/find-attention.js';
import { openSource } from '../../src/source-model.js';
import { quantizeByEvaluation } from '../quantize-by-evaluation.js';

/**
 * Every member of the family with a few channels and a block or two of each kind: imported, every attention fused, the
 * float program against onnxruntime, the integer program against the float one. In C, as in the benchmark's table, with
 * SAM_QC_FULL=1: the C compiler takes its minute for each.
 */
const scratch = mkdtempSync(join(tmpdir(), 'sam-qc-family-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const runtime = await import('onnxruntime-node').catch(() => undefined);
if (runtime === undefined) console.warn('tests/family: no comparison with onnxruntime-node, which is not installed');
const members = familyMembers('tiny');
const full = process.env.SAM_QC_FULL === '1';

const fileOf = (member: Member): string => {
  const file = join(scratch, `${members.indexOf(member)}.onnx`);
  writeGraph(file, member.opset, member.build);
  return file;
};

async function reference(file: string, feeds: Feeds): Promise<ReadonlyMap<string, Tensor>> {
  const { InferenceSession, Tensor: OrtTensor } = runtime!;
  const session = await InferenceSession.create(file);
  const given = [...feeds].map(([name, { dtype, shape, data }]) => {
    const type = dtype === 'i64' ? 'int64' : 'float32';
    return [name, new OrtTensor(type, data as Float32Array, [...shape])] as const;
  });
  const results = await session.run(Object.fromEntries(given));
  await session.release();
  return new Map(
    Object.entries(results).map(([name, { dims, data }]) => [
      name,
      { dtype: 'f32', shape: dims, data: Float32Array.from(data as Float32Array, Number) },
    ]),
  );
}

/** max |x − y| / max |y| */
function error(found: Tensor, expected: Tensor): number {
  expect(found.shape).toEqual(expected.shape);
  let [difference, largest] = [0, 0];
  for (const [i, y] of expected.data.entries()) {
    difference = Math.max(difference, Math.abs(Number(found.data[i]) - Number(y)));
    largest = Math.max(largest, Math.abs(Number(y)));
  }
  return difference / largest;
}

/** Decibels. */
function signalToNoise(found: Tensor, expected: Tensor): number {
  let [signal, noise] = [0, 0];
  for (const [i, y] of expected.data.entries()) {
    signal += Number(y) ** 2;
    noise += (Number(found.data[i]) - Number(y)) ** 2;
  }
  return 10 * Math.log10(signal / noise);
}

describe.each(members)('$name', (member) => {
  const load = async () => {
    const file = fileOf(member);
    return { file, graph: canonicalGraph(await openSource(file), { dims: member.dims ?? {} }) };
  };

  it('is imported, computes what onnxruntime does, and runs on integers', async () => {
    const { file, graph } = await load();
    const { attentions, loose } = findAttention(graph);
    expect(loose).toEqual([]);
    expect(attentions).toHaveLength(member.attentions);

    const feeds = member.feeds(2);
    const float = evaluateGraph(graph, feeds);
    if (runtime !== undefined)
      for (const [name, expected] of await reference(file, feeds))
        expect(error(float.get(name)!, expected), name).toBeLessThan(1e-4);

    const quantized = quantizeByEvaluation(graph, feeds, 8);
    expect(quantized.nodes.filter(({ op }) => op === 'integer_attention')).toHaveLength(member.attentions);
    expect(quantized.nodes.filter(({ op }) => op === 'attention')).toEqual([]);
    for (const [name, found] of evaluateGraph(quantized, feeds))
      expect(signalToNoise(found, float.get(name)!), name).toBeGreaterThan(member.floor);
  }, 300_000);

  it.skipIf(runtime === undefined || !full)(
    'compiles to C, in float and at w8a8 calibrated on arrays',
    async () => {
      const row = await measureMember(member, join(scratch, `${members.indexOf(member)}`), { repeat: 1 });
      expect(row.f32_error).toBeLessThan(1e-4);
      expect(row.attentions.integer).toBe(member.attentions);
      for (const [name, decibels] of Object.entries(row.sqnr_db)) expect(decibels, name).toBeGreaterThan(member.floor);
      // Another mask may be chosen where predictions of both are alike, of 15 dB, which is 18 %, each.
      for (const { score, best } of row.other_choices) expect(score).toBeGreaterThan(0.65 * best);
    },
    300_000,
  );
});
