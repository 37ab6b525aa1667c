import { mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writingBelow } from '../disk-error.js';
import type { Graph } from '../ir/graph.js';
import { typeOf, valueOf } from '../ir/graph.js';
import type { Tensor } from '../ir/types.js';
import { decodeNpy, encodeNpy } from '../npy.js';
import { npyOf, tensorOf } from '../npy-tensor.js';
import { mergeDuplicates } from '../passes/merge-duplicates.js';
import { openTemporaryFolder } from '../temporary-folder.js';
import { type RunSamples, spread } from './run-samples.js';
import { buildTrial, HostError, type KernelObjects, runTrial, type TrialProgram } from './trial-program.js';

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

/** What may lie on disk of the samples' inputs; of more they are made again for each program. */
const STORED_BYTES = 2 ** 30;

/** Builds programs with the host's C compiler and runs them over `samples`. Call `dispose` when done. */
export async function openHostRunner(
  samples: SampleSet,
  objects: KernelObjects,
  onProgress?: Progress,
): Promise<HostRunner> {
  const { path: folder, remove } = await openTemporaryFolder(join(tmpdir(), 'sam-qc-calibrate-'));
  const inputs = storedInputs(samples, join(folder, 'samples'));
  let steps = 0;

  const every = Array.from({ length: samples.count }, (_, index) => index);
  const keptOf: number[] = [];

  const runWhole: RunSamples = async (graph, label, onOutputs, limit = samples.count, { kept, summed } = {}) => {
    const step = join(folder, `step${steps++}`);
    const reads = graph.inputs.filter((id) => kept?.names.has(valueOf(graph, id).name)).length;
    const chosen = spread(reads > 0 ? keptOf : every, limit);
    const keeps = new Set(graph.outputs.some(({ name }) => kept?.names.has(name)) ? spread(every, kept!.samples) : []);
    onProgress?.(label, 0, chosen.length);
    // Candidates share what they have in common: codes of the same operands.
    const merged = mergeDuplicates.run(graph);
    const program = await buildTrial(merged, step, objects);
    const numbers = (names: ReadonlySet<string> | undefined): readonly number[] =>
      program.outputs.flatMap(({ name }, i) => (names?.has(name) ? [i] : []));
    /** Takes the arrays out of what it is given: of large layers' moments there is not to be twice as much. */
    const named = (arrays: Map<number, Uint8Array>): ReadonlyMap<string, Tensor> => {
      const tensors = new Map<string, Tensor>();
      for (const [i, bytes] of arrays) {
        arrays.delete(i);
        tensors.set(program.outputs[i]!.name, tensorOf(decodeNpy(bytes, label)));
      }
      return tensors;
    };
    const keptFile = async (index: number, name: string): Promise<string> => {
      const own = join(folder, 'kept', String(index));
      await mkdir(own, { recursive: true });
      return join(own, `${name}.npy`);
    };
    async function* filesOf() {
      for (const index of chosen) {
        const files = new Map<number, string>();
        if (keeps.has(index)) {
          if (!keptOf.includes(index)) keptOf.push(index);
          for (const i of numbers(kept?.names)) files.set(i, await keptFile(index, program.outputs[i]!.name));
        }
        const own = await inputs.files(index, merged, program, kept?.names);
        const paths = await Promise.all(program.inputs.map(({ name }) => own.get(name) ?? keptFile(index, name)));
        yield { name: samples.name(index), inputs: paths, files };
      }
    }
    let done = 0;
    const sums = await runTrial(program, {
      samples: filesOf(),
      summed: numbers(summed),
      onSample: (outputs) => {
        // Values of samples that are not kept are of no use.
        for (const i of numbers(kept?.names)) outputs.delete(i);
        onOutputs(named(outputs));
        onProgress?.(label, ++done, chosen.length);
      },
    });
    await rm(step, { recursive: true, force: true });
    await inputs.forget();
    return addUp(sums.map(named));
  };
  return { run: (...args) => writingBelow(folder, () => runWhole(...args)), dispose: remove };
}

/** Of several processes; the numbers are counts, whose sums are exact in any order. */
function addUp([first = new Map(), ...others]: readonly ReadonlyMap<string, Tensor>[]): ReadonlyMap<string, Tensor> {
  for (const [name, { data }] of first)
    for (const other of others) {
      const more = other.get(name)!.data;
      for (let i = 0; i < data.length; i++) data[i] = Number(data[i]!) + Number(more[i]!);
    }
  return first;
}

/** Files of the samples' inputs, each made when it is first asked for. */
function storedInputs(samples: SampleSet, folder: string) {
  const known = new Map<number, ReadonlyMap<string, string>>();
  let bytes = 0;
  return {
    /** Of those that are not in `others`, by name. */
    files: async (
      index: number,
      graph: Graph,
      { inputs }: TrialProgram,
      others: ReadonlySet<string> = new Set(),
    ): Promise<ReadonlyMap<string, string>> => {
      const wanted = inputs.map(({ name }) => name).filter((name) => !others.has(name));
      const before = known.get(index);
      if (before !== undefined && wanted.every((name) => before.has(name))) return before;
      if (wanted.length === 0) return new Map();
      const sample = await samples.load(index);
      const own = join(folder, String(index));
      await mkdir(own, { recursive: true });
      const files = new Map<string, string>();
      for (const name of wanted) {
        const tensor = sample.get(name);
        if (tensor === undefined)
          throw new HostError(`${samples.name(index)}: no value for the model's input '${name}'`);
        checkShape(graph, name, tensor, samples.name(index));
        const encoded = encodeNpy(npyOf(tensor));
        const path = join(own, `${files.size}.npy`);
        await writeFile(path, encoded);
        files.set(name, path);
        bytes += encoded.length;
      }
      known.set(index, files);
      return files;
    },
    /** After each program: makes room where too much is stored. */
    forget: async (): Promise<void> => {
      if (bytes <= STORED_BYTES) return;
      bytes = 0;
      known.clear();
      await rm(folder, { recursive: true, force: true });
    },
  };
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
