import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { emitPackage, type ManifestModel } from '../codegen/emit-package.js';
import { resolveTarget } from '../codegen/targets.js';
import { writingBelow } from '../disk-error.js';
import { countMacs } from '../ir/count-macs.js';
import type { Graph } from '../ir/graph.js';
import { typeOf, valueOf } from '../ir/graph.js';
import type { Tensor } from '../ir/types.js';
import { decodeNpy, encodeNpy } from '../npy.js';
import { npyOf, tensorOf } from '../npy-tensor.js';
import { mergeDuplicates } from '../passes/merge-duplicates.js';
import { openTemporaryFolder } from '../temporary-folder.js';
import { UserError } from '../user-error.js';
import { type RunSamples, spread } from './run-samples.js';

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
export class HostError extends UserError {
  override readonly name = 'HostError';
}

/** Builds programs with the host's C compiler and runs them over `samples`. Call `dispose` when done. */
export async function openHostRunner(samples: SampleSet, onProgress?: Progress): Promise<HostRunner> {
  const { path: folder, remove } = await openTemporaryFolder(join(tmpdir(), 'sam-qc-calibrate-'));
  let steps = 0;

  const every = Array.from({ length: samples.count }, (_, index) => index);
  const keptOf: number[] = [];

  const runWhole: RunSamples = async (graph, label, onOutputs, limit = samples.count, kept) => {
    const step = join(folder, `step${steps++}`);
    const inputs = graph.inputs.map((id) => valueOf(graph, id).name);
    const reads = inputs.filter((name) => kept?.names.has(name)).length;
    const chosen = spread(reads > 0 ? keptOf : every, limit);
    const keeps = new Set(graph.outputs.some(({ name }) => kept?.names.has(name)) ? spread(every, kept!.samples) : []);
    onProgress?.(label, 0, chosen.length);
    // Candidates share what they have in common: codes of the same operands.
    const model = await build(mergeDuplicates.run(graph), step);
    for (const [done, index] of chosen.entries()) {
      const values: Sample = reads === inputs.length ? new Map() : await samples.load(index);
      const sample = { values, name: samples.name(index) };
      const store = {
        folder: join(folder, 'kept', String(index)),
        names: kept?.names ?? new Set(),
        save: keeps.has(index),
      };
      if (store.save) keptOf.push(index);
      onOutputs(await runOnce(step, graph, model, sample, store));
      onProgress?.(label, done + 1, chosen.length);
    }
    await rm(step, { recursive: true, force: true });
  };
  return { run: (...args) => writingBelow(folder, () => runWhole(...args)), dispose: remove };
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

/** Where kept values of one sample lie, and whether this program's are to be saved there. */
interface Store {
  readonly folder: string;
  readonly names: ReadonlySet<string>;
  readonly save: boolean;
}

async function runOnce(
  folder: string,
  graph: Graph,
  model: ManifestModel,
  sample: { readonly values: Sample; readonly name: string },
  store: Store,
): Promise<ReadonlyMap<string, Tensor>> {
  const out = join(folder, 'out');
  await mkdir(out, { recursive: true });
  const keptFile = (name: string): string => join(store.folder, `${name}.npy`);
  const args: string[] = [];
  for (const input of model.inputs) {
    const path = store.names.has(input.name) ? keptFile(input.name) : join(folder, input.file);
    args.push('--in', `${input.name}=${path}`);
    if (store.names.has(input.name)) continue;
    const tensor = sample.values.get(input.name);
    if (tensor === undefined) throw new HostError(`${sample.name}: no value for the model's input '${input.name}'`);
    checkShape(graph, input.name, tensor, sample.name);
    await writeFile(path, encodeNpy(npyOf(tensor)));
  }
  const result = await execa(join(folder, 'build', 'run'), [model.name, ...args, '--out', out, '--threads', THREADS], {
    reject: false,
    stdin: 'ignore',
  });
  if (result.exitCode !== 0) throw new HostError(`${sample.name}: the calibration program failed: ${result.stderr}`);
  const outputs = new Map<string, Tensor>();
  if (store.save) await mkdir(store.folder, { recursive: true });
  for (const { name, file } of model.outputs) {
    const path = join(out, file);
    if (!store.names.has(name)) outputs.set(name, tensorOf(decodeNpy(await readFile(path), path)));
    else if (store.save) await rename(path, keptFile(name));
  }
  return outputs;
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
