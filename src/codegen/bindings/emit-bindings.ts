import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Graph } from '../../ir/graph.js';
import { emitProgram } from '../emit-program.js';
import { emitRunnerTable } from '../emit-runner-table.js';
import { openKernelLibrary } from '../kernel-library.js';
import { writeWeights } from '../weights.js';
import { buildWasm, emitWasmMakefile } from './build-wasm.js';
import { emitDemo } from './emit-demo.js';
import { type BoundModel, emitIndex, type SamPair } from './emit-index.js';
import { runtimeFiles, transpile } from './transpile.js';

export interface BindingsModel {
  /** An identifier, unlike the other models' whatever the case. */
  readonly name: string;
  readonly graph: Graph;
}

export interface BindingsOptions {
  /** True for quantized builds, which give the same bytes on every target. */
  readonly exact: boolean;
  /** Name of the package in its package.json. */
  readonly packageName: string;
  readonly sam: SamPair | undefined;
  /** Pictures for the page that a pair of SAM's models gets. */
  readonly examples: readonly string[];
}

/** What became of the WebAssembly modules: built, or why not. */
export interface WrittenBindings {
  readonly wasmMissing: string | undefined;
}

const TARGET = 'wasm32-simd128';
/** A 32-bit memory has 4 GiB for weights, arena, inputs and outputs. */
const LARGEST_MEMORY = 3.5 * 2 ** 30;

const RUNTIME_FOLDER = fileURLToPath(new URL('../runtime/', import.meta.url));

/** Writes `<folder>`: the ES module package of a compiled package's models. */
export async function emitBindings(
  folder: string,
  models: readonly BindingsModel[],
  { exact, packageName, sam, examples }: BindingsOptions,
): Promise<WrittenBindings> {
  for (const path of ['src', 'include', 'runtime', 'native']) await mkdir(join(folder, path), { recursive: true });
  const write = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  };
  const library = openKernelLibrary();
  const bound: BoundModel[] = [];
  const compiled: string[] = [];
  const tooLarge: string[] = [];
  for (const { name, graph } of models) {
    const program = emitProgram(graph, { name, target: TARGET, exact, library });
    const { model, nodes, weights } = program;
    const fits = weights.bytes() + program.arenaBytes + program.scratchBytes <= LARGEST_MEMORY;
    bound.push({ model, nodes: nodes.length, wasmWeightsBytes: fits ? weights.bytes() : undefined });
    if (!fits) {
      tooLarge.push(`${name} does not fit a 32-bit memory`);
      continue;
    }
    const checksum = await writeWeights(join(folder, `${name}.weights`), weights);
    await write(`src/${name}.c`, program.source(checksum));
    await write(`include/${name}.h`, program.header);
    await write(`src/${name}_models.h`, emitRunnerTable([model]));
    compiled.push(name);
  }
  for (const file of ['wasm.c', 'model_info.h']) await copyFile(join(RUNTIME_FOLDER, file), join(folder, 'src', file));
  for (const file of ['node-addon.c', 'node_api.h'])
    await copyFile(join(RUNTIME_FOLDER, file), join(folder, 'native', file));
  await write('Makefile', emitWasmMakefile(compiled));
  for (const [path, text] of transpile('index.ts', emitIndex(bound, sam))) await write(path, text);
  for (const [path, text] of await runtimeFiles(sam !== undefined)) await write(`runtime/${path}`, text);
  await write('package.json', `${JSON.stringify(packageJson(packageName), null, 2)}\n`);
  if (sam !== undefined) await emitDemo(join(folder, 'demo'), examples);
  const missing = [...tooLarge, await buildWasm(folder, compiled)].filter((reason) => reason !== undefined);
  return { wasmMissing: missing.length === 0 ? undefined : missing.join('; ') };
}

const packageJson = (name: string): unknown => ({
  name,
  version: '0.0.0',
  description: 'Compiled by sam-qc: WebAssembly for browsers and Node.js, native for Node.js',
  type: 'module',
  sideEffects: false,
  exports: {
    '.': { types: './index.d.ts', default: './index.js' },
    './*.wasm': './*.wasm',
    './*.weights': './*.weights',
  },
  types: './index.d.ts',
  files: ['index.js', 'index.d.ts', 'runtime', 'native/models.node', 'native/*.weights', '*.wasm', '*.weights'],
  engines: { node: '>=20' },
});
