/**
 * WebAssembly in one Node.js run, one thread: a compiled package against onnxruntime-web's float WebAssembly.
 *
 *   npx tsx bench/wasm.ts [--runs 15] <dir of the package> <model.onnx>...
 *
 * Prints the median and the least processor time of the runs in milliseconds, theirs and ours in turn so that a busy machine
 * is fair to both, and the ratio of the medians; then the size of what a browser loads.
 */
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { ModelDescription } from '../src/codegen/js-runtime/description.js';
import type { Tensor } from '../src/codegen/js-runtime/tensor.js';

interface Model {
  readonly description: ModelDescription;
  readonly run: (inputs: Readonly<Record<string, Tensor>>) => Promise<Readonly<Record<string, Tensor>>>;
}
type Package = Readonly<Record<string, () => Promise<Model>>>;

/** The part of onnxruntime-web that is used: its own types need those of the DOM. */
interface Session {
  readonly run: (feeds: Readonly<Record<string, unknown>>) => Promise<unknown>;
}
interface Runtime {
  readonly env: { readonly wasm: { numThreads: number }; logLevel: string };
  readonly Tensor: new (type: 'float32', data: Float32Array, shape: readonly number[]) => unknown;
  readonly InferenceSession: { create(bytes: Uint8Array, options: object): Promise<Session> };
}

const { values, positionals } = parseArgs({
  options: { runs: { type: 'string', default: '15' } },
  allowPositionals: true,
});
const [dir, ...files] = positionals;
const runs = Number(values.runs);
if (dir === undefined || files.length === 0 || !(runs >= 1)) {
  console.error('usage: bench/wasm.ts [--runs 15] <dir> <model.onnx>...');
  process.exit(2);
}
const ort = createRequire(import.meta.url)('onnxruntime-web') as Runtime;
ort.env.wasm.numThreads = 1;
ort.env.logLevel = 'error';

const compiled = (await import(pathToFileURL(resolve(dir, 'js', 'index.js')).href)) as Package;
const sizes = { num_points: 2 } as Readonly<Record<string, number>>;
let seed = 1;
const random = (): number => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 31 - 1;
};
/** One click on a picture of the model's own size; the embeddings do not matter for time. */
const special: Readonly<Record<string, readonly number[]>> = {
  point_coords: [80, 175, 0, 0],
  point_labels: [1, -1],
  has_mask_input: [0],
};

function inputsOf({ inputs }: ModelDescription): Readonly<Record<string, Tensor>> {
  const side = 4 * Number(inputs.find(({ name }) => name === 'mask_input')?.shape[2]);
  return Object.fromEntries(
    inputs.map(({ name, shape }) => {
      const dims = shape.map((dim) => (typeof dim === 'number' ? dim : (sizes[dim] ?? 1)));
      const elements = dims.reduce((a, b) => a * b, 1);
      const given = name === 'orig_im_size' ? [side, side] : special[name];
      const data = given ? Float32Array.from(given) : Float32Array.from({ length: elements }, random);
      return [name, { data, shape: dims }];
    }),
  );
}

/** Milliseconds of processor time. */
const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const start = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
};
const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

async function compare(model: Model, file: string): Promise<void> {
  const inputs = inputsOf(model.description);
  // Weights beside the model, where it has them there.
  const weights = file.replace(/onnx$/, 'weights');
  const externalData = existsSync(weights) ? [{ path: basename(weights), data: await readFile(weights) }] : [];
  const session = await ort.InferenceSession.create(await readFile(file), {
    executionProviders: ['wasm'],
    externalData,
  });
  const feeds = Object.fromEntries(
    Object.entries(inputs).map(([name, { data, shape }]) => [
      name,
      new ort.Tensor('float32', data as Float32Array, shape),
    ]),
  );
  for (let i = 0; i < 3; i++) {
    await model.run(inputs);
    await session.run(feeds);
  }
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let i = 0; i < runs; i++) {
    ours.push(await timed(() => model.run(inputs)));
    theirs.push(await timed(() => session.run(feeds)));
  }
  const show = (values: readonly number[]): string =>
    `${median(values).toFixed(1).padStart(7)} (least ${Math.min(...values).toFixed(1)})`;
  console.log(
    `${model.description.name.padEnd(8)} ours ${show(ours)} ms   onnxruntime-web ${show(theirs)} ms   ${(median(theirs) / median(ours)).toFixed(2)} times faster (least: ${(Math.min(...theirs) / Math.min(...ours)).toFixed(2)})`,
  );
}

const names = files.map((file) => basename(file, '.onnx'));
for (const [i, name] of names.entries()) {
  const load = compiled[`load${name.charAt(0).toUpperCase()}${name.slice(1)}`];
  if (load === undefined) throw new Error(`${dir}: no model ${name}`);
  await compare(await load(), files[i] ?? '');
}
const parts = names.flatMap((name) => [`${name}.wasm`, `${name}.weights`]);
const bytes = await Promise.all(parts.map(async (name) => (await stat(join(dir, 'js', name))).size));
console.log(
  `wasm + weights ${(bytes.reduce((a, b) => a + b, 0) / 1e6).toFixed(2)} MB (${parts.map((name, i) => `${name} ${bytes[i]}`).join(', ')})`,
);
