import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { emitProgram } from '../codegen/emit-program.js';
import { emitRunnerTable } from '../codegen/emit-runner-table.js';
import { type KernelLibrary, openKernelLibrary } from '../codegen/kernel-library.js';
import { type KernelUnit, kernelsText } from '../codegen/kernels-apart.js';
import type { InterfaceTensor } from '../codegen/model-interface.js';
import { resolveTarget, TARGETS } from '../codegen/targets.js';
import { writeWeights } from '../codegen/weights.js';
import { writingBelow } from '../disk-error.js';
import { countMacs } from '../ir/count-macs.js';
import type { Graph } from '../ir/graph.js';
import { UserError } from '../user-error.js';

/** A compiler that is not there, or a program that fails on a sample. */
export class HostError extends UserError {
  override readonly name = 'HostError';
}

/**
 * Kernels and the runner are compiled once, for all the programs of a calibration, and so for speed; a program's own C only fills in
 * the kernels' arguments. No level changes results, which hold no contraction.
 */
const FLAGS = '-std=c11 -pipe -ffp-contract=off -fno-math-errno -fno-trapping-math';
const KERNEL_FLAGS = '-O2 -ftree-vectorize';
const PROGRAM_FLAGS = '-O0';
/**
 * From so many multiply-accumulates on threads have enough to do. Below, each processor has a process and samples of its own.
 * Any number of either gives the same bytes.
 */
const THREADED_MACS = 1e11;
/** Starting one takes longer than a few samples do. */
const MOST_PROCESSES = 4;

const RUNTIME = fileURLToPath(new URL('../codegen/runtime/', import.meta.url));
const RUNTIME_FILES = ['trial.c', 'model_info.h', 'run_base.h', 'run_npy.h', 'run_tensors.h', 'run_threads.h'] as const;

/** Kernels of the host that were compiled before, for the programs that follow. */
export interface KernelObjects {
  readonly folder: string;
  readonly library: KernelLibrary;
  /** Object files without their `.o`, by kernel. */
  readonly compiled: Map<string, string>;
}

/** @param folder made where it is not there; removed by whoever made what it is in */
export async function openKernelObjects(folder: string): Promise<KernelObjects> {
  await writingBelow(folder, async () => {
    await mkdir(folder, { recursive: true });
    for (const file of RUNTIME_FILES) await copyFile(join(RUNTIME, file), join(folder, file));
  });
  return { folder, library: openKernelLibrary(), compiled: new Map() };
}

/** Object files that have these kernels; sources of those that were not there yet are written. */
async function objectsOf(
  { folder, library, compiled }: KernelObjects,
  units: readonly KernelUnit[],
): Promise<readonly string[]> {
  const missing = units.filter(({ name }) => !compiled.has(name));
  if (missing.length > 0) {
    const object = join(folder, `kernels${new Set(compiled.values()).size}`);
    const { features } = TARGETS[resolveTarget('host')];
    await writeFile(`${object}.c`, kernelsText(library, missing, features));
    for (const { name } of missing) compiled.set(name, object);
  }
  return [...new Set(units.map(({ name }) => compiled.get(name)!))];
}

/** A program that was built for the host. */
export interface TrialProgram {
  readonly command: readonly [file: string, ...args: string[]];
  /** That run at the same time, each on samples of its own. */
  readonly processes: number;
  readonly inputs: readonly InterfaceTensor[];
  readonly outputs: readonly InterfaceTensor[];
}

/** Builds a program in a new `folder`. */
export async function buildTrial(graph: Graph, folder: string, objects: KernelObjects): Promise<TrialProgram> {
  const target = resolveTarget('host');
  const program = emitProgram(graph, { name: 'trial', target, exact: false, library: objects.library, apart: true });
  const { inputs, outputs } = program.model;
  const weights = join(folder, 'trial.weights');
  await mkdir(join(folder, 'src'), { recursive: true });
  await mkdir(join(folder, 'include'));
  const checksum = await writeWeights(weights, program.weights);
  await copyFile(join(objects.folder, 'model_info.h'), join(folder, 'src', 'model_info.h'));
  await writeFile(join(folder, 'include', 'trial.h'), program.header);
  await writeFile(join(folder, 'src', 'models.h'), emitRunnerTable([program.model]));
  await writeFile(
    join(folder, 'src', 'trial.c'),
    `${program.source(checksum)}\n#include "models.h"\nextern const model_info *const trial_program;\nconst model_info *const trial_program = &models[0];\n`,
  );
  // Relative paths have no spaces, which make would not bear.
  const shared = [join(objects.folder, 'trial'), ...(await objectsOf(objects, program.kernels))].map(
    (object) => `${relative(folder, object)}.o`,
  );
  await writeFile(
    join(folder, 'Makefile'),
    `CC ?= cc
FLAGS = ${FLAGS} ${TARGETS[target].flags.join(' ')}
trial: src/trial.o ${shared.join(' ')}
\t$(CC) $^ -lpthread -lm -o $@
src/trial.o: src/trial.c
\t$(CC) $(FLAGS) ${PROGRAM_FLAGS} -c $< -o $@
${shared.map((object) => `${object}: ${object.replace(/o$/, 'c')}\n\t$(CC) $(FLAGS) ${KERNEL_FLAGS} -c $< -o $@\n`).join('')}`,
  );
  try {
    await execa('make', ['-s', '-j', String(availableParallelism()), '-C', folder, 'trial'], { stdin: 'ignore' });
  } catch (error) {
    const detail = error instanceof Error ? error.message.split('\n').slice(0, 12).join('\n') : String(error);
    throw new HostError(`calibration needs make and a C compiler on this machine, and they failed: ${detail}`);
  }
  const macs = countMacs(graph).reduce((sum, { integer, float }) => sum + integer + float, 0);
  const available = availableParallelism();
  const [threads, processes] = macs < THREADED_MACS ? [1, Math.min(available, MOST_PROCESSES)] : [available, 1];
  return { command: [join(folder, 'trial'), weights, String(threads)], processes, inputs, outputs };
}

/** Where the samples' inputs come from and what becomes of outputs; `Part` goes to whoever runs the program. */
export interface TrialRun {
  /** Files of a sample's inputs, in their order, and of the outputs that are written to files. */
  readonly samples: AsyncIterable<{
    readonly name: string;
    readonly inputs: readonly string[];
    readonly files: ReadonlyMap<number, string>;
  }>;
  /** Outputs that are added up over the samples. */
  readonly summed: readonly number[];
  /** The others of one sample, as .npy, by their number. */
  readonly onSample: (outputs: Map<number, Uint8Array>) => void;
}

/** A process that runs a program over samples, one after the other. */
interface Runner {
  readonly child: ReturnType<typeof startChild>;
  readonly frames: AsyncGenerator<Frame, undefined>;
}

const startChild = (file: string, args: readonly string[]) =>
  execa(file, args, { reject: false, stdout: 'pipe', buffer: { stdout: false } });

function startRunner({ command: [file, ...args] }: TrialProgram, summed: readonly number[]): Runner {
  const child = startChild(file, [...args, ...summed.map(String)]);
  // What was not read shows as an exit status.
  child.stdin.on('error', () => {});
  // At once: what nobody reads by the next tick is thrown away.
  return { child, frames: framesOf(child.stdout.pipe(new PassThrough())) };
}

/**
 * Runs a program over samples, in turn by as many processes as it may have; their outputs come in the order of the samples.
 * Returns the sums of each process, as .npy, by output.
 */
export async function runTrial(
  program: TrialProgram,
  { samples, summed, onSample }: TrialRun,
): Promise<readonly Map<number, Uint8Array>[]> {
  const runners: Runner[] = [];
  const running: { readonly name: string; readonly runner: Runner }[] = [];
  const failed = async (name: string, { child }: Runner): Promise<never> => {
    child.stdin.end();
    throw new HostError(`${name}: the calibration program failed: ${(await child).stderr}`);
  };
  const receive = async (): Promise<void> => {
    const { name, runner } = running.shift()!;
    const outputs = new Map<number, Uint8Array>();
    for (;;) {
      const { value, done } = await runner.frames.next();
      if (done) return failed(name, runner);
      if (value.index < 0) break;
      outputs.set(value.index, value.bytes);
    }
    onSample(outputs);
  };
  try {
    let count = 0;
    for await (const { name, inputs, files } of samples) {
      const place = count++ % program.processes;
      runners[place] ??= startRunner(program, summed);
      const lines = [
        ...inputs.map((path, i) => `in ${i} ${path}`),
        ...[...files].map(([i, path]) => `out ${i} ${path}`),
        'run\n',
      ];
      runners[place].child.stdin.write(lines.join('\n'));
      running.push({ name, runner: runners[place] });
      // The next sample is made ready while these run.
      if (running.length > program.processes) await receive();
    }
    while (running.length > 0) await receive();
    return await Promise.all(
      runners.map(async (runner) => {
        runner.child.stdin.end();
        const sums = new Map<number, Uint8Array>();
        for await (const { index, bytes } of runner.frames) sums.set(index, bytes);
        const { exitCode } = await runner.child;
        return exitCode === 0 ? sums : await failed('no sample', runner);
      }),
    );
  } catch (error) {
    for (const { child } of runners) child.kill();
    throw error;
  }
}

interface Frame {
  readonly index: number;
  readonly bytes: Uint8Array;
}

const FRAME_HEADER = 16;

/** What trial.c writes, piece by piece; ends where the stream does. */
async function* framesOf(stream: AsyncIterable<unknown>): AsyncGenerator<Frame, undefined> {
  let parts: Buffer[] = [];
  let held = 0;
  let wanted = FRAME_HEADER;
  let index: number | undefined;
  const take = (): Buffer => {
    const all = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    parts = [all.subarray(wanted)];
    held -= wanted;
    return all.subarray(0, wanted);
  };
  for await (const chunk of stream) {
    parts.push(chunk as Buffer);
    held += (chunk as Buffer).length;
    while (held >= wanted) {
      const bytes = take();
      if (index === undefined) {
        index = Number(bytes.readBigInt64LE(0));
        wanted = Number(bytes.readBigInt64LE(8));
      } else {
        const frame = { index, bytes };
        index = undefined;
        wanted = FRAME_HEADER;
        yield frame;
      }
    }
  }
  return undefined;
}
