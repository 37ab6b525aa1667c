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
import type { Graph } from '../../src/ir/graph.js';
import type { Tensor } from '../../src/ir/types.js';
import { findAttention } from '../../src/passes/find-attention.js';
import { openSource } from '../../src/source-model.js';
import { messageOf } from '../../src/user-error.js';
import { quantizeByEvaluation } from '../../tests/quantize-by-evaluation.js';
import { compareOutputs, type Outputs, otherChoicesInWords, type Sample } from './compare-outputs.js';
import { writeGraph } from './graph.js';
import { familyMembers, type Member } from './members.js';

const RANGES_SEEDS = [1, 2, 3, 4, 5, 10, 11, 12];
const MEASURED_SEEDS = [6, 7, 8, 9];
const F32_BOUND = 1e-4;
const [part = ''] = process.argv.slice(2);
const scratch = mkdtempSync(join(tmpdir(), 'sam-qc-family-'));

/** What onnxruntime makes of the inputs that are measured. */
async function references(file: string, member: Member): Promise<readonly Outputs[]> {
  const session = await InferenceSession.create(file);
  const all: Outputs[] = [];
  for (const seed of MEASURED_SEEDS) {
    const given = [...member.feeds(seed)].map(([name, { dtype, shape, data }]) => {
      const type = dtype === 'i64' ? 'int64' : 'float32';
      return [name, new OrtTensor(type, data as Float32Array, [...shape])] as const;
    });
    const results = Object.entries(await session.run(Object.fromEntries(given)));
    const tensors = results.map(([name, { dims, data }]): readonly [string, Tensor] => [
      name,
      { dtype: 'f32', shape: dims, data: Float32Array.from(data as Float32Array, Number) },
    ]);
    all.push(new Map(tensors));
  }
  await session.release();
  return all;
}

async function row(member: Member): Promise<{ readonly cells: readonly string[]; readonly missed: boolean }> {
  const file = join(scratch, 'model.onnx');
  writeGraph(file, member.opset, member.build);
  const graph = canonicalGraph(await openSource(file), { dims: member.dims ?? {} });
  const { attentions, loose } = findAttention(graph);
  const quantized = quantizeByEvaluation(graph, RANGES_SEEDS.map(member.feeds), 8);
  const integer = quantized.nodes.filter(({ op }) => op === 'integer_attention').length;
  const expected = await references(file, member);
  if (member.candidates) writeGraph(file, member.opset, member.candidates);
  const candidates = member.candidates ? await references(file, member) : [];
  const samplesOf = (program: Graph): readonly Sample[] =>
    MEASURED_SEEDS.map((seed, i) => ({ expected: expected[i]!, found: evaluateGraph(program, member.feeds(seed)) }));
  const float = compareOutputs(samplesOf(graph));
  const integers = compareOutputs(
    samplesOf(quantized).map((sample, i) => ({ ...sample, ...(member.candidates && { candidates: candidates[i]! }) })),
  );
  const error = Math.max(...[...float.outputs.values()].map(({ relative }) => relative));
  const decibels = [...integers.outputs].map(
    ([name, difference]) =>
      `${name} ${Number.isFinite(difference.decibels) ? difference.decibels.toFixed(1) : 'exact'}`,
  );
  return {
    cells: [
      member.name,
      String(member.opset),
      String(graph.nodes.length),
      `${attentions.length} of ${member.attentions}, ${integer} integer`,
      error.toExponential(1),
      decibels.join(', ') + otherChoicesInWords(integers.otherChoices, MEASURED_SEEDS.length),
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
