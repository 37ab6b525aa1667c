import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Manifest, ManifestModel } from './codegen/emit-package.js';
import { findProgram, requireCompiler } from './host-tools.js';
import { tensorFromBytes, tensorToBytes } from './ir/tensor-bytes.js';
import type { Tensor } from './ir/types.js';
import { type NpyArray, readNpy, writeNpy } from './npy.js';
import { npyOf, tensorOf } from './npy-tensor.js';
import { messageOf, UserError } from './user-error.js';

/** A folder that `compile` wrote. */
export interface CompiledPackage {
  readonly folder: string;
  readonly manifest: Manifest;
}

/** What build/run prints of a run. */
export interface RunStatistics {
  readonly ms: readonly number[];
  readonly arena_bytes: number;
  readonly weights_bytes: number;
  readonly peak_rss_bytes: number;
  readonly threads: number;
}

export interface RunOptions {
  readonly threads?: number;
  readonly repeat?: number;
}

/** @throws UserError for a folder that holds no package */
export async function openPackage(folder: string): Promise<CompiledPackage> {
  const path = join(folder, 'manifest.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch {
    throw new UserError(`${folder}: not a compiled package (it has no manifest.json)`);
  }
  const manifest = parseManifest(text);
  if (manifest === undefined) throw new UserError(`${path}: not a manifest of sam-qc`);
  return { folder, manifest };
}

/** Undefined where the text is not a manifest of this format. */
export function parseManifest(text: string): Manifest | undefined {
  try {
    const manifest = JSON.parse(text) as Partial<Manifest> | null;
    return manifest?.format === 1 && Array.isArray(manifest.models) ? (manifest as Manifest) : undefined;
  } catch {
    return undefined;
  }
}

export function modelOf({ folder, manifest }: CompiledPackage, name: string): ManifestModel {
  const model = manifest.models.find((candidate) => candidate.name === name);
  if (model) return model;
  throw new UserError(
    `${folder}: has no model '${name}', only ${manifest.models.map((candidate) => candidate.name).join(', ')}`,
  );
}

/**
 * Brings build/run up to date with make.
 *
 * @param flags compiler flags in place of those of the Makefile
 * @throws UserError without make or a C compiler, or with what the compiler said
 */
export async function buildPackage({ folder }: CompiledPackage, flags?: string): Promise<void> {
  const args = ['-C', folder, '--no-print-directory', 'build/run', ...(flags === undefined ? [] : [`CFLAGS=${flags}`])];
  const runner = existsSync(join(folder, 'build', 'run'));
  if (runner && findProgram('make') === undefined) return;
  if (runner && (await execa('make', ['-q', ...args], { reject: false, stdin: 'ignore' })).exitCode === 0) return;
  requireCompiler();
  const result = await execa('make', args, { reject: false, stdin: 'ignore' });
  if (result.exitCode === 0) return;
  const lines = result.stderr.split('\n');
  throw new UserError(`${folder}: the C compiler failed:\n${lines.slice(0, 20).join('\n')}`);
}

/** Runs build/run with arguments as they are; gives its line of JSON. */
export async function runArguments({ folder }: CompiledPackage, args: readonly string[]): Promise<RunStatistics> {
  const result = await execa(join(folder, 'build', 'run'), args, { reject: false, stdin: 'ignore' });
  if (result.exitCode !== 0) {
    const cause = result.stderr.trim() || (result.signal ? `it was ended by ${result.signal}` : messageOf(result));
    throw new UserError(`${folder}: ${cause.replace(/^run: /, '')}`);
  }
  return JSON.parse(result.stdout) as RunStatistics;
}

/** bfloat16 has no type in .npy: the runner reads and writes its bits. */
export function runnerArray(tensor: Tensor): NpyArray {
  if (tensor.dtype !== 'bf16') return npyOf(tensor);
  return { dtype: 'u16', shape: tensor.shape, data: new Uint16Array(tensorToBytes(tensor).slice().buffer) };
}

export function tensorOfRunner(array: NpyArray, dtype: string): Tensor {
  if (dtype !== 'bf16' || array.dtype !== 'u16') return tensorOf(array);
  const { buffer, byteOffset, byteLength } = array.data;
  return tensorFromBytes('bf16', array.shape, new Uint8Array(buffer, byteOffset, byteLength));
}

/** An input of a run: a tensor, or the path of an .npy file. */
export type RunInput = Tensor | string;

/**
 * Runs a model of a built package.
 *
 * @param inputs by the names of the model's inputs
 * @param scratch a folder for the files of this run
 * @returns its outputs, by name, and their files
 */
export async function runModel(
  compiled: CompiledPackage,
  name: string,
  inputs: ReadonlyMap<string, RunInput>,
  scratch: string,
  { threads = 1, repeat = 1 }: RunOptions = {},
): Promise<{
  readonly outputs: ReadonlyMap<string, Tensor>;
  readonly files: ReadonlyMap<string, string>;
  readonly statistics: RunStatistics;
}> {
  const model = modelOf(compiled, name);
  const out = join(scratch, `${name}-out`);
  await mkdir(out, { recursive: true });
  const args = [name, '--out', out, '--threads', String(threads), '--repeat', String(repeat)];
  for (const { name: input, field, file } of model.inputs) {
    const given = inputs.get(input);
    if (given === undefined) throw new UserError(`${compiled.folder}: model ${name} needs the input '${input}'`);
    const path = typeof given === 'string' ? given : join(scratch, `${name}-${file}`);
    if (typeof given !== 'string') await writeNpy(path, runnerArray(given));
    args.push('--in', `${field}=${path}`);
  }
  const statistics = await runArguments(compiled, args);
  const outputs = new Map<string, Tensor>();
  const files = new Map<string, string>();
  for (const { name: output, file, dtype } of model.outputs) {
    files.set(output, join(out, file));
    outputs.set(output, tensorOfRunner(await readNpy(join(out, file)), dtype));
  }
  return { outputs, files, statistics };
}
