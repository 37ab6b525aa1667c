import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { PREVIOUS_MANIFEST } from './codegen/emit-package.js';
import { parseManifest } from './compiled-package.js';
import { type OnnxModel, readModel } from './ir/onnx/read-model.js';
import type { Bits, CompileOptions } from './options.js';
import { KEEP_QUANTIZATION } from './passes/keep-quantization.js';
import { PASSES } from './passes/pipeline.js';
import { UserError } from './user-error.js';

/** A model file that was read but not yet imported. */
export interface Source {
  readonly file: string;
  readonly model: OnnxModel;
  /** Of the .onnx file, hexadecimal. */
  readonly sourceSha256: string;
}

export async function openSource(file: string): Promise<Source> {
  const model = readModel(file);
  const hash = createHash('sha256');
  for await (const piece of createReadStream(file)) hash.update(piece as Buffer);
  return { file, model, sourceSha256: hash.digest('hex') };
}

/** @throws UserError for `--dim` and `--freeze` of what none of the models has */
export function checkNames(sources: readonly Source[], { dims = {}, freeze }: Partial<CompileOptions>): void {
  const inputs = sources.flatMap(({ model }) => model.graph.inputs);
  const names = inputs.map(({ name }) => name);
  const symbols = inputs.flatMap(({ name, shape }) =>
    (shape ?? []).flatMap((dim, axis) => (typeof dim === 'number' ? [] : [dim ?? `${name}_dim_${axis}`])),
  );
  const list = (found: readonly string[]): string => (found.length === 0 ? 'none' : [...new Set(found)].join(', '));
  const files = sources.map(({ file }) => basename(file)).join(', ');
  for (const name of freeze?.keys() ?? [])
    if (!names.includes(name)) throw new UserError(`${files}: no input '${name}' to freeze; inputs: ${list(names)}`);
  for (const name of Object.keys(dims))
    if (!symbols.includes(name) && !names.includes(name))
      throw new UserError(
        `${files}: no symbolic dimension '${name}'; there are: ${list(symbols)} (or an input whose elements decide sizes: ${list(names)})`,
      );
}

/** Passes that run after the canonical ones in quantized builds; all of them where the model was quantized before. */
const QUANTIZING_PASSES = KEEP_QUANTIZATION.map(({ name }) => name);

/** @throws UserError for a pass that a build of these widths does not run */
export function checkDumpNames(names: readonly string[], bits: Bits): void {
  const all = ['import', ...PASSES.map(({ name }) => name), ...(bits === 'f32' ? [] : QUANTIZING_PASSES)];
  for (const name of names)
    if (!all.includes(name))
      throw new UserError(
        `--dump-after ${name}: no such pass in a build of ${bits}; choose ${[...new Set(all)].join(', ')}`,
      );
}

/**
 * @throws UserError where `outDir` is a file, or a folder with content that is neither a package nor one that a run left
 * unfinished: what lies there is not ours to replace
 */
export async function checkOutDir(outDir: string): Promise<void> {
  let entries: readonly string[];
  try {
    entries = await readdir(outDir);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
    throw new UserError(`${outDir}: cannot be written: ${error instanceof Error ? error.message : error}`);
  }
  const own = entries.filter((name) => name !== 'build');
  if (own.length === 0) return;
  const manifests = await Promise.all(
    ['manifest.json', PREVIOUS_MANIFEST].map((name) => readFile(join(outDir, name), 'utf8').catch(() => '')),
  );
  if (manifests.every((text) => parseManifest(text) === undefined))
    throw new UserError(`${outDir}: is not empty and not a package of sam-qc; choose a new or empty folder`);
}
