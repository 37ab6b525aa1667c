/**
 * The family's table without a C compiler: every member at its tiny size by the evaluator, which is what the C answers to:
 * what is found, agreement with onnxruntime in float, signal to noise of the integer program. Takes a minute or two.
 *
 *     npx tsx bench/family/evaluate.ts [part of a name]
 *
 * Ranges are those of eight samples; the signal to noise is of four others together. Exit status 1 where a member misses.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { canonicalGraph } from '../../src/canonical-graph.js';
import { evaluateGraph } from '../../src/ir/evaluate.js';
import type { Tensor } from '../../src/ir/types.js';
import { findAttention } from '../../src/passes/find-attention.js';
import { openSource } from '../../src/source-model.js';
import { messageOf } from '../../src/user-error.js';
import { quantizeByEvaluation } from '../../tests/quantize-by-evaluation.js';
import type { Feeds } from './feeds.js';
import { writeGraph } from './graph.js';
import { familyMembers, type Member } from './members.js';

const RANGES_SEEDS = [1, 2, 3, 4, 5, 10, 11, 12];
const MEASURED_SEEDS = [6, 7, 8, 9];
const F32_BOUND = 1e-4;
const [part = ''] = process.argv.slice(2);
const scratch = mkdtempSync(join(tmpdir(), 'sam-qc-family-'));

/** Sums over samples, of one output. */
interface Sums {
  /** The largest of max |x − y| / max |y|. */
  error: number;
  signal: number;
  noise: number;
}

async function reference(session: InferenceSession, feeds: Feeds): Promise<ReadonlyMap<string, Tensor>> {
  const given = [...feeds].map(([name, { dtype, shape, data }]) => {
    const type = dtype === 'i64' ? 'int64' : 'float32';
    return [name, new OrtTensor(type, data as Float32Array, [...shape])] as const;
  });
  const results = await session.run(Object.fromEntries(given));
  return new Map(
    Object.entries(results).map(([name, { dims, data }]) => [
      name,
      { dtype: 'f32', shape: dims, data: Float32Array.from(data as Float32Array, Number) },
    ]),
  );
}

function compare(sums: Sums, found: Tensor, expected: Tensor): void {
  if (String(found.shape) !== String(expected.shape)) throw new Error(`shape ${found.shape}, not ${expected.shape}`);
  let [difference, largest] = [0, 0];
  for (const [i, y] of expected.data.entries()) {
    const off = Math.abs(Number(found.data[i]) - Number(y));
    difference = Math.max(difference, off);
    largest = Math.max(largest, Math.abs(Number(y)));
    sums.signal += Number(y) ** 2;
    sums.noise += off ** 2;
  }
  sums.error = Math.max(sums.error, difference / largest);
}

async function row(member: Member): Promise<{ readonly cells: readonly string[]; readonly missed: boolean }> {
  const file = join(scratch, 'model.onnx');
  writeGraph(file, member.opset, member.build);
  const graph = canonicalGraph(await openSource(file), { dims: member.dims ?? {} });
  const { attentions, loose } = findAttention(graph);
  const quantized = quantizeByEvaluation(graph, RANGES_SEEDS.map(member.feeds), 8);
  const integer = quantized.nodes.filter(({ op }) => op === 'integer_attention').length;
  const session = await InferenceSession.create(file);
  const [float, integers] = [new Map<string, Sums>(), new Map<string, Sums>()];
  for (const seed of MEASURED_SEEDS) {
    const feeds = member.feeds(seed);
    const expected = await reference(session, feeds);
    for (const [program, all] of [
      [graph, float],
      [quantized, integers],
    ] as const)
      for (const [name, found] of evaluateGraph(program, feeds)) {
        const sums = all.get(name) ?? { error: 0, signal: 0, noise: 0 };
        all.set(name, sums);
        compare(sums, found, expected.get(name)!);
      }
  }
  await session.release();
  const error = Math.max(...[...float.values()].map((sums) => sums.error));
  const decibels = [...integers].map(
    ([name, { signal, noise }]) => `${name} ${noise === 0 ? 'exact' : (10 * Math.log10(signal / noise)).toFixed(1)}`,
  );
  return {
    cells: [
      member.name,
      String(member.opset),
      String(graph.nodes.length),
      `${attentions.length} of ${member.attentions}, ${integer} integer`,
      error.toExponential(1),
      decibels.join(', '),
    ],
    missed: error > F32_BOUND || loose.length > 0 || integer !== member.attentions,
  };
}

try {
  const head = ['model', 'opset', 'nodes left', 'attentions', 'float error', 'w8a8 SQNR, dB'];
  console.log(`| ${head.join(' | ')} |\n| ${head.map(() => '---').join(' | ')} |`);
  for (const member of familyMembers('tiny').filter(({ name }) => name.includes(part))) {
    try {
      const { cells, missed } = await row(member);
      console.log(`| ${cells.join(' | ')} |`);
      if (missed) process.exitCode = 1;
    } catch (error) {
      console.log(`| ${member.name} | failed: ${messageOf(error)} |`);
      process.exitCode = 1;
    }
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
