import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writingBelow } from '../disk-error.js';
import type { Graph } from '../ir/graph.js';
import { scalarKey } from '../ir/scalar.js';
import type { MemoryPlan } from '../passes/plan-memory.js';
import { withTemporaryFolder } from '../temporary-folder.js';
import { UserError } from '../user-error.js';
import { emitCMakeLists, emitMakefile } from './emit-build-files.js';
import { emitProgram, type Program, type ProgramNode } from './emit-program.js';
import { emitRunnerTable } from './emit-runner-table.js';
import { type KernelLibrary, openKernelLibrary } from './kernel-library.js';
import type { InterfaceTensor } from './model-interface.js';
import { toIdentifier } from './names.js';
import { TARGETS, type TargetName } from './targets.js';
import { writeWeights } from './weights.js';

export interface PackageModel {
  /** What the caller calls it; made an identifier. */
  readonly name: string;
  /** Where it came from, for messages. */
  readonly file?: string;
  readonly graph: Graph;
  /** SHA-256 of the source model, hexadecimal. */
  readonly sourceSha256: string;
}

export interface PackageOptions {
  readonly target: TargetName;
  /** `mixed`: each layer has its own. */
  readonly bits: 'f32' | 'w8a8' | 'w6a6' | 'w4a4' | 'mixed';
  /** Made where it does not exist. */
  readonly outDir: string;
  /** Further files, by their paths in the package, made once the programs are known. */
  readonly extraFiles?: (written: WrittenPackage) => Promise<Readonly<Record<string, string>>>;
  /** Writes more into the package's folder before that takes its place; the models have the names they have in C. */
  readonly addTo?: (folder: string, models: readonly PackageModel[]) => Promise<void>;
}

export interface ManifestTensor {
  readonly name: string;
  readonly field: string;
  readonly file: string;
  readonly dtype: string;
  /** Numbers, or expressions over symbols. */
  readonly shape: readonly (number | string)[];
  readonly max_elements: number;
}

export interface ManifestModel {
  readonly name: string;
  readonly source_sha256: string;
  readonly inputs: readonly ManifestTensor[];
  readonly outputs: readonly ManifestTensor[];
  readonly symbols: readonly {
    readonly name: string;
    readonly field: string;
    readonly min: number;
    readonly max: number;
  }[];
  /** For one worker. */
  readonly arena_bytes: number;
  /** What each further worker adds. */
  readonly scratch_bytes: number;
  /** Below which no plan of the arena can go, without scratch. */
  readonly arena_lower_bound_bytes: number;
  readonly weights_bytes: number;
  readonly weights_checksum: string;
  readonly nodes: number;
}

export interface Manifest {
  readonly format: 1;
  readonly target: TargetName;
  /** What a cross compiler is named after (`clang --target=…`, `…-gcc`); null: the compiler's own. */
  readonly triple: string | null;
  readonly bits: PackageOptions['bits'];
  readonly models: readonly ManifestModel[];
}

/** What was written, besides the manifest that lies in the package. */
export interface WrittenPackage {
  readonly manifest: Manifest;
  /** What each model runs, in order; by model. */
  readonly nodes: readonly (readonly ProgramNode[])[];
  /** How each model's arena is laid out; by model. */
  readonly plans: readonly MemoryPlan[];
}

const MANIFEST = 'manifest.json';
/** The manifest of the package that is being replaced: a folder that has it is ours, and not complete. */
export const PREVIOUS_MANIFEST = '.previous-manifest.json';
const RUNNER = fileURLToPath(new URL('./runtime/runner.c', import.meta.url));
const RUNNER_HEADERS = ['model_info.h', 'run_base.h', 'run_npy.h', 'run_tensors.h', 'run_threads.h'] as const;

/**
 * Writes a package. Everything is made in a folder beside `outDir` and takes its place when it is complete, so that an error
 * or a signal leaves nothing half-written.
 *
 * @throws UserError where the disk is full
 */
export async function emitPackage(models: readonly PackageModel[], options: PackageOptions): Promise<WrittenPackage> {
  const outDir = resolve(options.outDir);
  const library = openKernelLibrary();
  const names = uniqueNames(models.map(({ name }) => name));
  await mkdir(dirname(outDir), { recursive: true });
  const writeBeside = (write: (folder: string) => Promise<WrittenPackage>): Promise<WrittenPackage> =>
    writingBelow(outDir, () => withTemporaryFolder(join(dirname(outDir), `.${basename(outDir)}-`), write));
  return writeBeside(async (folder) => {
    await mkdir(join(folder, 'src'));
    await mkdir(join(folder, 'include'));
    const written: { program: Program; model: ManifestModel }[] = [];
    for (const [index, model] of models.entries())
      written.push(await writeModel(folder, names[index]!, model, options, library));
    const manifest: Manifest = {
      format: 1,
      target: options.target,
      triple: TARGETS[options.target].triple ?? null,
      bits: options.bits,
      models: written.map(({ model }) => model),
    };
    await writeFile(join(folder, 'src', 'models.h'), emitRunnerTable(written.map(({ program }) => program.model)));
    await writeFile(join(folder, 'Makefile'), emitMakefile(names, options.target));
    await writeFile(join(folder, 'CMakeLists.txt'), emitCMakeLists(names, options.target));
    await writeFile(join(folder, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
    await copyFile(RUNNER, join(folder, 'runner.c'));
    for (const name of RUNNER_HEADERS) await copyFile(join(dirname(RUNNER), name), join(folder, 'src', name));
    const result: WrittenPackage = {
      manifest,
      nodes: written.map(({ program }) => program.nodes),
      plans: written.map(({ program }) => program.plan),
    };
    for (const [path, content] of Object.entries((await options.extraFiles?.(result)) ?? {})) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), content);
    }
    await options.addTo?.(
      folder,
      models.map((model, index) => ({ ...model, name: names[index]! })),
    );
    await install(folder, outDir);
    return result;
  });
}

/** Identifiers for the models of one package. `sq_` is the prefix of what every model's file has for itself, `run` is the runner. */
function uniqueNames(names: readonly string[]): readonly string[] {
  const taken = new Set<string>(['run']);
  return names.map((name) => {
    const base = toIdentifier(name).replace(/^sq_/i, 'model_sq_');
    let candidate = base;
    for (let count = 2; taken.has(candidate.toLowerCase()); count++) candidate = `${base}_${count}`;
    taken.add(candidate.toLowerCase());
    return candidate;
  });
}

async function writeModel(
  folder: string,
  name: string,
  { graph, sourceSha256, file = name }: PackageModel,
  options: PackageOptions,
  library: KernelLibrary,
): Promise<{ program: Program; model: ManifestModel }> {
  const program = blaming(file, () =>
    emitProgram(graph, { name, target: options.target, exact: options.bits !== 'f32', library }),
  );
  const checksum = await writeWeights(join(folder, `${name}.weights`), program.weights);
  await writeFile(join(folder, 'src', `${name}.c`), program.source(checksum));
  await writeFile(join(folder, 'include', `${name}.h`), program.header);
  const { inputs, outputs, symbols } = program.model;
  const model: ManifestModel = {
    name,
    source_sha256: sourceSha256,
    inputs: inputs.map(manifestTensor),
    outputs: outputs.map(manifestTensor),
    symbols: symbols.map(({ name: symbol, field, bounds }) => ({ name: symbol, field, ...bounds })),
    arena_bytes: program.arenaBytes,
    scratch_bytes: program.scratchBytes,
    arena_lower_bound_bytes: program.plan.lowerBound,
    weights_bytes: program.weights.bytes(),
    weights_checksum: checksum.toString(16).padStart(16, '0'),
    nodes: program.nodes.length,
  };
  return { program, model };
}

/** Puts the file's name before what is wrong with its model. */
function blaming<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof UserError) throw new UserError(`${basename(file)}: ${cause.message}`, { cause });
    throw cause;
  }
}

const manifestTensor = ({ name, field, file, type, maxElements }: InterfaceTensor): ManifestTensor => ({
  name,
  field,
  file: `${file}.npy`,
  dtype: type.dtype,
  shape: type.shape.map((dim) => (typeof dim === 'number' ? dim : scalarKey(dim))),
  max_elements: maxElements,
});

/**
 * Moves the finished package to where it belongs. A folder that is there keeps what is not of a package (and `build`,
 * which make knows how to bring up to date). The manifest goes first and comes last: a folder that has one is complete.
 */
async function install(folder: string, target: string): Promise<void> {
  await mkdir(target, { recursive: true });
  const previous = join(target, PREVIOUS_MANIFEST);
  const models = [...(await modelsNamedIn(join(target, MANIFEST))), ...(await modelsNamedIn(previous))];
  if (existsSync(join(target, MANIFEST))) await rename(join(target, MANIFEST), previous);
  else if (!existsSync(previous)) await writeFile(previous, `${JSON.stringify({ format: 1, models })}\n`);
  for (const model of models) await rm(join(target, `${model}.weights`), { force: true });
  const entries = await readdir(folder);
  for (const entry of [...entries.filter((name) => name !== MANIFEST), MANIFEST]) {
    await rm(join(target, entry), { recursive: true, force: true });
    await rename(join(folder, entry), join(target, entry));
  }
  await rm(previous, { force: true });
}

/** Models of the package that a manifest is of; their weights would otherwise stay behind. */
async function modelsNamedIn(manifest: string): Promise<readonly string[]> {
  try {
    const { models } = JSON.parse(await readFile(manifest, 'utf8')) as Partial<Manifest>;
    return (models ?? []).map(({ name }) => toIdentifier(name));
  } catch {
    return [];
  }
}
