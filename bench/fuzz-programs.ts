/**
 * libFuzzer on the C of models that the fuzzer of the importer makes and the compiler accepts, under AddressSanitizer and
 * UndefinedBehaviorSanitizer; each in float and, where it has something to quantize, at 8 bits.
 *
 *   npm run fuzz:programs -- [models] [seed] [executions of each] [folder for findings]
 *
 * Models that differ only by names count as one.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PackageModel } from '../src/codegen/emit-package.js';
import { type Graph, valueOf } from '../src/ir/graph.js';
import { TypeMismatch } from '../src/ir/op.js';
import { evaluateScalar, namedBounds } from '../src/ir/scalar.js';
import type { Tensor } from '../src/ir/types.js';
import { messageOf } from '../src/user-error.js';
import { programOf } from '../tests/hostile/compile-bytes.js';
import { readCorpus } from '../tests/hostile/corpus.js';
import { buildFuzzerOf, fuzzerMissing, runFuzzer } from '../tests/hostile/library/packages.js';
import { donorsOf, mutateModel } from '../tests/hostile/mutate-model.js';
import { outcomeOf } from '../tests/hostile/outcome.js';
import { type Random, random } from '../tests/hostile/random.js';
import { EXTERNAL_BYTES, modelSeeds } from '../tests/hostile/seeds.js';
import { quantizeByEvaluation } from '../tests/quantize-by-evaluation.js';

const ONNX_TESTS = fileURLToPath(new URL('../../shared/onnx-node', import.meta.url));
/** Models in one program: building the harness takes longer than most of them. */
const GROUP = 16;
/** The harness has room for so many inputs, and for as many outputs. */
const MOST_TENSORS = 16;
/** Elements of an input or output; and bytes of weights and arena: so that an execution takes milliseconds. */
const MOST_ELEMENTS = 1 << 14;
const MOST_BYTES = 1 << 20;
const BITS = 8;

interface Candidate {
  readonly graph: Graph;
  readonly input: Uint8Array;
  readonly quantized: boolean;
}

/** Where a symbolic dimension or an element that decides a size is chosen; see programOf. */
const CHOSEN = 3;

/** Random inputs where all are floats, which is what a quantized form is made from. */
function inputsOf(graph: Graph, { int }: Random): ReadonlyMap<string, Tensor> | undefined {
  const inputs = new Map<string, Tensor>();
  for (const id of graph.inputs) {
    const { name, type } = valueOf(graph, id);
    if (type.dtype !== 'f32') return undefined;
    const shape = type.shape.map((dim) => evaluateScalar(dim, { symbol: () => CHOSEN, element: () => CHOSEN }));
    const bounded = namedBounds(graph.bounds, name) !== undefined;
    const length = shape.reduce((a, b) => a * b, 1);
    const data = Float32Array.from({ length }, () => (bounded ? CHOSEN : int(4000) / 1000 - 2));
    inputs.set(name, { dtype: 'f32', shape, data });
  }
  return inputs;
}

/** The same program on integers; undefined where nothing of it is. */
function quantizedForm(graph: Graph, random: Random): Graph | undefined {
  const inputs = inputsOf(graph, random);
  if (inputs === undefined) return undefined;
  let quantized: Graph;
  try {
    quantized = quantizeByEvaluation(graph, inputs, BITS);
  } catch (error) {
    if (error instanceof TypeMismatch) return undefined; // these inputs do not fit it
    throw error;
  }
  return quantized.nodes.some(({ op }) => op.startsWith('integer')) ? quantized : undefined;
}

const fits = (tensors: readonly { readonly maxElements: number }[]): boolean =>
  tensors.length <= MOST_TENSORS && tensors.every(({ maxElements }) => maxElements <= MOST_ELEMENTS);

/** Accepted models of programs that differ, each followed by its quantized form. */
function* accepted(folder: string, random: Random): Generator<Candidate> {
  const seeds = [...modelSeeds(ONNX_TESTS), ...readCorpus()];
  const donors = donorsOf(seeds);
  const seen = new Set<string>();
  for (;;) {
    const input = mutateModel(random.pick(seeds), donors, random);
    let graph: Graph | undefined;
    outcomeOf(() => {
      const found = programOf(input, folder);
      const { program } = found;
      const { inputs, outputs } = program.model;
      if (!fits(inputs) || !fits(outputs) || program.arenaBytes > MOST_BYTES || program.weights.bytes() > MOST_BYTES)
        return;
      const text = program.source(0n).replace(/\/\*.*?\*\/|"[^"\n]*"/gs, '');
      const hash = createHash('sha256').update(text).digest('hex');
      if (!seen.has(hash)) graph = found.graph;
      seen.add(hash);
    });
    if (graph === undefined) continue;
    yield { graph, input, quantized: false };
    const quantized = quantizedForm(graph, random);
    if (quantized !== undefined) yield { graph: quantized, input, quantized: true };
  }
}

const [wanted = '300', seed = '1', executions = '500', findings = 'out/fuzz-findings'] = process.argv.slice(2);
const missing = fuzzerMissing();
if (missing !== undefined) throw new Error(missing);
mkdirSync(findings, { recursive: true });
const scratch = mkdtempSync(join(tmpdir(), 'sam-qc-fuzz-'));
writeFileSync(
  join(scratch, 'w.bin'),
  Uint8Array.from({ length: EXTERNAL_BYTES }, (_, i) => i),
);

let [total, failures, quantizedCount, modelCount] = [0, 0, 0, 0];
/** Builds and runs one program; on failure each of its models by itself, to tell which. */
async function runGroup(group: readonly Candidate[], number: string): Promise<void> {
  const folder = join(scratch, number);
  let problem: string | undefined;
  try {
    const models = group.map(({ graph }, i): PackageModel => ({ name: `model${i}`, graph, sourceSha256: '' }));
    const bits = group[0]!.quantized ? 'w8a8' : 'f32';
    const program = await buildFuzzerOf(models, { target: 'c99', bits, outDir: folder });
    const result = runFuzzer(program, folder, Number(executions) * group.length, Number(seed), findings);
    total += result.executions;
    if (result.failed) problem = result.output;
  } catch (error) {
    problem = messageOf(error);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  if (problem === undefined) return;
  if (group.length > 1) {
    for (const [i, one] of group.entries()) await runGroup([one], `${number}-${i}`);
    return;
  }
  failures++;
  const [{ input, quantized }] = group as [Candidate];
  const name = `program-${createHash('sha256').update(input).digest('hex').slice(0, 12)}${quantized ? '-w8a8' : ''}.onnx`;
  writeFileSync(join(findings, name), input);
  console.log(`  DEFECT ${name}: ${problem}`);
}

try {
  console.log(`seed ${seed}`);
  const waiting: Record<'float' | 'quantized', Candidate[]> = { float: [], quantized: [] };
  let groups = 0;
  const flush = async (list: Candidate[], least: number): Promise<void> => {
    while (list.length >= least && list.length > 0) await runGroup(list.splice(0, GROUP), String(groups++));
  };
  for (const candidate of accepted(scratch, random(Number(seed)))) {
    const list = waiting[candidate.quantized ? 'quantized' : 'float'];
    list.push(candidate);
    if (candidate.quantized) quantizedCount++;
    await flush(list, GROUP);
    if (!candidate.quantized && ++modelCount >= Number(wanted)) break;
  }
  for (const list of Object.values(waiting)) await flush(list, 1);
  console.log(
    `${modelCount} models, ${quantizedCount} of them also at ${BITS} bits: ${total} executions, ${failures} defects, seed ${seed}`,
  );
  process.exitCode = failures > 0 ? 1 : 0;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
