import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { emitPackage, type ManifestModel } from '../codegen/emit-package.js';
import { resolveTarget } from '../codegen/targets.js';
import { countMacs } from '../ir/count-macs.js';
import type { Graph } from '../ir/graph.js';
import { typeOf, valueOf } from '../ir/graph.js';
import type { Tensor } from '../ir/types.js';
import { decodeNpy, encodeNpy } from '../npy.js';
import { npyOf, tensorOf } from '../npy-tensor.js';
import { mergeDuplicates } from '../passes/merge-duplicates.js';
import type { RunSamples } from './run-samples.js';

/** One set of inputs, by the names of the model's inputs. */
export type Sample = ReadonlyMap<string, Tensor>;
export interface SampleSet {
  readonly count: number;
  /** What sample `index` is, for errors: a file's name. */
  readonly name: (index: number) => string;
  readonly load: (index: number) => Promise<Sample>;
}

/** `done` of `total` samples of the step `label`. */
export type Progress = (label: string, done: number, total: number) => void;

export interface HostRunner {
  readonly run: RunSamples;
  readonly dispose: () => Promise<void>;
}

/**
 * Trial programs run a few dozen times: small ones are built for speed of building, large ones for speed. The optimiser level
 * does not change results, which hold no contraction.
 */
const TRIAL_FLAGS = '-std=c11 -ffp-contract=off -fno-math-errno -fno-trapping-math';
const LARGE_MACS = 1e11;
const optimisation = (graph: Graph): string => {
  const macs = countMacs(graph).reduce((sum, { integer, float }) => sum + integer + float, 0);
  return macs < LARGE_MACS ? '-O1' : '-O2 -ftree-vectorize';
};

/** Any number gives the same bytes. */
const THREADS = String(availableParallelism());

/** A compiler that is not there, or a program that fails on a sample. */
export class HostError extends Error {
  override readonly name = 'HostError';
}

/** Builds programs with the host's C compiler and runs them over `samples`. Call `dispose` when done. */
export async function openHostRunner(samples: SampleSet, onProgress?: Progress): Promise<HostRunner> {
  const folder = await mkdtemp(join(tmpdir(), 'sam-qc-calibrate-'));
  let steps = 0;

  const run: RunSamples = async (graph, label, onOutputs, limit = samples.count) => {
    const step = join(folder, `step${steps++}`);
    const total = Math.min(limit, samples.count);
    onProgress?.(label, 0, total);
    // Candidates share what they have in common: codes of the same operands.
    const model = await build(mergeDuplicates.run(graph), step);
    for (let done = 0; done < total; done++) {
      // A subset is spread over the set, which may be sorted by picture.
      const index = Math.floor((done * samples.count) / total);
      onOutputs(await runOnce(step, graph, model, await samples.load(index), samples.name(index)));
      onProgress?.(label, done + 1, total);
    }
    await rm(step, { recursive: true, force: true });
  };
  return { run, dispose: () => rm(folder, { recursive: true, force: true }) };
}

/** Builds a float (or trial) program in `folder`. */
export async function build(graph: Graph, folder: string): Promise<ManifestModel> {
  const { manifest } = await emitPackage([{ name: 'trial', graph, sourceSha256: '' }], {
    target: resolveTarget('host'),
    bits: 'f32',
    outDir: folder,
  });
  try {
    await execa('make', ['-C', folder, 'build/run', `CFLAGS=${TRIAL_FLAGS} ${optimisation(graph)}`], {
      stdin: 'ignore',
    });
  } catch (error) {
    const detail = error instanceof Error ? error.message.split('\n').slice(0, 12).join('\n') : String(error);
    throw new HostError(`calibration needs make and a C compiler on this machine, and they failed: ${detail}`);
  }
  return manifest.models[0]!;
}

async function runOnce(
  folder: string,
  graph: Graph,
  model: ManifestModel,
  sample: Sample,
  name: string,
): Promise<ReadonlyMap<string, Tensor>> {
  const out = join(folder, 'out');
  await mkdir(out, { recursive: true });
  const args: string[] = [];
  for (const input of model.inputs) {
    const tensor = sample.get(input.name);
    if (tensor === undefined) throw new HostError(`${name}: no value for the model's input '${input.name}'`);
    checkShape(graph, input.name, tensor, name);
    await writeFile(join(folder, input.file), encodeNpy(npyOf(tensor)));
    args.push('--in', `${input.name}=${join(folder, input.file)}`);
  }
  const result = await execa(join(folder, 'build', 'run'), [model.name, ...args, '--out', out, '--threads', THREADS], {
    reject: false,
    stdin: 'ignore',
  });
  if (result.exitCode !== 0) throw new HostError(`${name}: the calibration program failed: ${result.stderr}`);
  const outputs = await Promise.all(
    model.outputs.map(async (output) => {
      const path = join(out, output.file);
      return [output.name, tensorOf(decodeNpy(await readFile(path), path))] as const;
    }),
  );
  return new Map(outputs);
}

/** Shapes that contradict the model are found before anything runs. */
function checkShape(graph: Graph, input: string, tensor: Tensor, name: string): void {
  const id = graph.inputs.find((candidate) => valueOf(graph, candidate).name === input);
  if (id === undefined) return;
  const { shape, dtype } = typeOf(graph, id);
  const fits =
    shape.length === tensor.shape.length && shape.every((dim, i) => typeof dim !== 'number' || dim === tensor.shape[i]);
  if (!fits || dtype !== tensor.dtype)
    throw new HostError(
      `${name}: input '${input}' is ${tensor.dtype}[${tensor.shape}], the model takes ${dtype}[${shape.map((dim) => (typeof dim === 'number' ? dim : '?'))}]`,
    );
}
