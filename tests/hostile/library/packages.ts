import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { emitPackage, type PackageModel, type PackageOptions } from '../../../src/codegen/emit-package.js';
import { TARGETS, type TargetName } from '../../../src/codegen/targets.js';
import { evaluateGraph } from '../../../src/ir/evaluate.js';
import type { Graph } from '../../../src/ir/graph.js';
import { importModel } from '../../../src/ir/onnx/import-model.js';
import type { Tensor } from '../../../src/ir/types.js';
import { runPipeline } from '../../../src/passes/pass.js';
import { PASSES } from '../../../src/passes/pipeline.js';
import { f32, writeModel } from '../../ir/onnx/build-model.js';
import { quantizeByEvaluation } from '../../quantize-by-evaluation.js';
import { codings, type SmallModel, smallSam } from '../../small-sam.js';
import { miniDecoder, miniEncoder } from '../mini-sam.js';
import { random } from '../random.js';

/** What is fuzzed: a model, how it is compiled, and its share of the executions. */
export interface FuzzedPackage {
  readonly model: 'mini' | 'small';
  readonly bits: 'f32' | 'w8a8' | 'w4a4';
  readonly target: TargetName;
  readonly executions: number;
}

const COMPILER = 'clang-19';
const SANITIZERS = '-fsanitize=fuzzer,address,undefined,float-cast-overflow';
const FLAGS = ['-std=gnu11', '-O1', '-g', '-ffp-contract=off', SANITIZERS, '-fno-sanitize-recover=all'];
const WIDTHS = { f32: undefined, w8a8: 8, w4a4: 4 } as const;

const HARNESS = fileURLToPath(new URL('./fuzz.c', import.meta.url));

/** Why the library cannot be fuzzed on this machine; undefined where it can. */
export function fuzzerMissing(): string | undefined {
  const { status, stderr } = spawnSync(COMPILER, [SANITIZERS, '-x', 'c', '-', '-o', '/dev/null'], {
    input: '#include <stddef.h>\nint LLVMFuzzerTestOneInput(const unsigned char *d, size_t n) { return !d && n; }\n',
    encoding: 'utf8',
  });
  return status === 0 ? undefined : `${COMPILER} with libFuzzer is not here: ${stderr ?? 'no such program'}`;
}

/** A size of pictures that keeps masks small. */
const DIMS = { num_points: { min: 1, max: 8 }, orig_im_size: { min: 1, max: 64 } };

function miniSam(): readonly SmallModel[] {
  const { int } = random(3);
  const values = (...shape: readonly number[]): Tensor =>
    f32(
      shape,
      Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => int(4000) / 1000 - 2),
    );
  const program = (model: ReturnType<typeof miniEncoder>): Graph =>
    runPipeline(importModel(writeModel(model), { dims: DIMS }), PASSES);
  const encoder = program(miniEncoder());
  const image = new Map([['image', values(1, 3, 16, 16)]]);
  const prompt = new Map([
    ['image_embeddings', evaluateGraph(encoder, image).get('image_embeddings')!],
    ['point_coords', f32([1, 3, 2], [8, 4, 3, 12, 0, 0])],
    ['point_labels', f32([1, 3], [1, 0, -1])],
    ['mask_input', values(1, 1, 16, 16)],
    ['has_mask_input', f32([1], [1])],
    ['orig_im_size', f32([2], [20, 31])],
  ]);
  return [
    { name: 'encoder', graph: encoder, inputs: image },
    { name: 'decoder', graph: program(miniDecoder()), inputs: prompt },
  ];
}

/** Writes a package into `folder` and builds the fuzzer beside it. Returns the program. */
export async function buildFuzzer({ model, bits, target }: FuzzedPackage, folder: string): Promise<string> {
  const models = model === 'mini' ? miniSam() : await smallSam();
  const width = WIDTHS[bits];
  const packaged = models.map(({ name, graph, inputs }) => ({
    name,
    sourceSha256: '',
    graph: width === undefined ? graph : quantizeByEvaluation(graph, inputs, width, codings(width)),
  }));
  return buildFuzzerOf(packaged, { target, bits, outDir: folder });
}

/** The same for any models. */
export async function buildFuzzerOf(models: readonly PackageModel[], options: PackageOptions): Promise<string> {
  const { outDir: folder, target } = options;
  const { manifest } = await emitPackage(models, options);
  const program = join(folder, 'fuzz');
  const sources = manifest.models.map(({ name }) => join(folder, 'src', `${name}.c`));
  const args = [...FLAGS, ...TARGETS[target].flags, '-I', join(folder, 'src'), HARNESS, ...sources, '-o', program];
  const { status, stderr } = spawnSync(COMPILER, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the fuzzer does not build:\n${stderr}`);
  return program;
}

export interface FuzzerRun {
  /** As libFuzzer counts them. */
  readonly executions: number;
  readonly coverage: number;
  readonly failed: boolean;
  /** The end of what it printed. */
  readonly output: string;
}

/** @param findings where an input that breaks the library is put */
export function runFuzzer(
  program: string,
  folder: string,
  executions: number,
  seed: number,
  findings: string,
): FuzzerRun {
  const args = [
    `-runs=${executions}`,
    `-seed=${seed}`,
    '-max_len=256',
    '-len_control=0',
    // Of wall-clock time: on a machine that does much else, an execution of milliseconds has been seen to take 14 s.
    '-timeout=600',
    '-rss_limit_mb=1024',
    '-print_final_stats=1',
    `-artifact_prefix=${findings}/`,
  ];
  const { status, stderr } = spawnSync(program, args, {
    encoding: 'utf8',
    env: { ...process.env, SQ_FUZZ_WEIGHTS: folder },
    maxBuffer: 1 << 28,
  });
  const last = (pattern: RegExp): number => Number([...stderr.matchAll(pattern)].at(-1)?.[1] ?? 0);
  return {
    executions: last(/stat::number_of_executed_units:\s+(\d+)/g),
    coverage: last(/\bcov: (\d+)/g),
    failed: status !== 0,
    output: stderr.slice(-6000),
  };
}
