import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { execa } from 'execa';
import { emitBindings, type WrittenBindings } from '../../src/codegen/bindings/emit-bindings.js';
import type { SamPair } from '../../src/codegen/bindings/emit-index.js';
import { emitPackage, type PackageModel, type PackageOptions } from '../../src/codegen/emit-package.js';
import type { ModelDescription } from '../../src/codegen/js-runtime/description.js';
import type { Tensor } from '../../src/codegen/js-runtime/tensor.js';
import { hostTarget } from '../../src/codegen/targets.js';

export const hasWasmCompiler =
  spawnSync('clang-19', ['--version']).status === 0 && spawnSync('wasm-ld-19', ['--version']).status === 0;
export const hasMake = spawnSync('make', ['--version']).status === 0;
export const skipped = (file: string): void => {
  if (!hasWasmCompiler) console.log(`${file}: skipped without clang-19 and lld-19`);
};

/** A model of a generated package as a caller without types sees it. */
export interface AnyModel {
  readonly description: ModelDescription;
  readonly run: (
    inputs: unknown,
    options?: { readonly onProgress?: (done: number, total: number) => void },
  ) => Promise<Readonly<Record<string, Tensor>>>;
  readonly dispose: () => void;
}
export type AnyModule = Readonly<Record<string, (options?: object) => Promise<AnyModel>>>;

/** Writes a package with its bindings to `outDir`. */
export async function emitWithBindings(
  models: readonly PackageModel[],
  bits: PackageOptions['bits'],
  outDir: string,
  sam?: SamPair,
): Promise<WrittenBindings> {
  const written: WrittenBindings[] = [];
  await emitPackage(models, {
    target: hostTarget(),
    bits,
    outDir,
    addTo: async (folder, packaged) => {
      const options = { exact: bits !== 'f32', packageName: 'compiled-models', sam, examples: [] };
      written.push(await emitBindings(join(folder, 'js'), packaged, options));
    },
  });
  const [bindings] = written;
  if (bindings === undefined) throw new Error('no bindings were written');
  return bindings;
}

export const importPackage = async (outDir: string): Promise<AnyModule> =>
  (await import(pathToFileURL(join(outDir, 'js', 'index.js')).href)) as AnyModule;

/** Type-checks `consumer.ts`, in a project of its own that has the package as a dependency; gives what tsc says. */
export async function typeCheck(folder: string, outDir: string, source: string): Promise<string> {
  mkdirSync(join(folder, 'node_modules'), { recursive: true });
  symlinkSync(join(outDir, 'js'), join(folder, 'node_modules', 'compiled-models'), 'dir');
  writeFileSync(join(folder, 'package.json'), '{ "type": "module", "private": true }');
  writeFileSync(join(folder, 'consumer.ts'), source);
  const options = ['--strict', '--noUncheckedIndexedAccess', '--exactOptionalPropertyTypes', '--noEmit'];
  const modules = [
    '--target',
    'es2022',
    '--lib',
    'es2022,dom',
    '--module',
    'nodenext',
    '--moduleResolution',
    'nodenext',
  ];
  const tsc = join(import.meta.dirname, '../../node_modules/typescript/bin/tsc');
  const { stdout } = await execa(process.execPath, [tsc, ...options, ...modules, 'consumer.ts'], {
    cwd: folder,
    reject: false,
  });
  return stdout;
}
