import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { evaluateGraph } from '../../src/ir/evaluate.js';
import { exampleGraph, exampleInputs } from '../codegen/example-graph.js';
import {
  type AnyModel,
  emitWithBindings,
  hasMake,
  hasWasmCompiler,
  importPackage,
  skipped,
  typeCheck,
} from './emit.js';

skipped('tests/bindings/model.test.ts');
const scratch = mkdtempSync(join(tmpdir(), 'sam-qc-bindings-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const outDir = join(scratch, 'out');
const models = [{ name: 'example', graph: exampleGraph(), sourceSha256: '' }];

/** The part of WebAssembly that is looked at; its types come with the DOM's. */
interface Memory {
  readonly buffer: ArrayBuffer;
}
interface Wasm {
  instantiate(bytes: Uint8Array, imports: object): Promise<{ instance: { exports: { memory: Memory } } }>;
}
const wasm = (globalThis as unknown as { readonly WebAssembly: Wasm }).WebAssembly;

/** Inputs as the generated types have them. */
const inputsOf = (tokens: number, size: readonly [number, number]): Record<string, unknown> =>
  Object.fromEntries([...exampleInputs(tokens, size)].map(([name, { data, shape }]) => [name, { data, shape }]));

describe.skipIf(!hasWasmCompiler)('the package of a model', () => {
  let loadExample: (options?: object) => Promise<AnyModel>;
  beforeAll(async () => {
    const { wasmMissing } = await emitWithBindings(models, 'f32', outDir);
    expect(wasmMissing).toBeUndefined();
    const { loadExample: load } = await importPackage(outDir);
    expect(load).toBeTypeOf('function');
    loadExample = load!;
  });

  const compare = async (model: AnyModel, tokens: number, size: readonly [number, number]): Promise<void> => {
    const expected = evaluateGraph(models[0]!.graph, exampleInputs(tokens, size));
    const outputs = await model.run(inputsOf(tokens, size));
    expect(Object.keys(outputs).sort()).toEqual([...expected.keys()].sort());
    for (const [name, { data, shape }] of expected) {
      expect(outputs[name]?.shape, name).toEqual(shape);
      const actual = Array.from(outputs[name]!.data, Number);
      expect(actual.length).toBe(data.length);
      for (const [i, value] of actual.entries())
        if (Math.abs(value - Number(data[i])) > 1e-4) throw new Error(`${name}[${i}]: ${value}, not ${data[i]}`);
    }
  };

  it('computes what the evaluator does, for every size of its symbolic dimensions', async () => {
    const model = await loadExample();
    await compare(model, 3, [4, 5]);
    await compare(model, 0, [1, 1]);
    await compare(model, 9, [12, 12]);
    await compare(model, 3, [4, 5]);
    model.dispose();
  });

  it.skipIf(!hasMake)('does the same natively', async () => {
    await expect(loadExample({ backend: 'native' })).rejects.toMatchObject({
      name: 'SamLoadError',
      message: expect.stringContaining('make native'),
    });
    await execa('make', ['-C', outDir, 'native', 'CFLAGS=-std=c11 -O1']);
    const native = await loadExample({ backend: 'native' });
    await compare(native, 3, [4, 5]);
    await compare(native, 9, [12, 12]);
    await Promise.all([compare(native, 2, [3, 3]), compare(native, 0, [1, 1]), compare(native, 8, [2, 2])]);
    await expect(native.run(inputsOf(3, [40, 5]))).rejects.toMatchObject({ name: 'SamArgumentError' });
    const last = native.run(inputsOf(3, [4, 5]));
    native.dispose();
    native.dispose();
    await expect(last).rejects.toMatchObject({ name: 'SamDisposedError' });
    await expect(native.run(inputsOf(3, [4, 5]))).rejects.toMatchObject({ name: 'SamDisposedError' });
  });

  it('refuses wrong arguments before anything runs, and says what is wrong', async () => {
    const model = await loadExample();
    const good = inputsOf(3, [4, 5]);
    const cases: readonly (readonly [unknown, RegExp])[] = [
      [undefined, /an object of inputs is expected/],
      [{ ...good, more: new Float32Array(1) }, /no input 'more'; there are: x "1"\*\/, double, size/],
      [{ ...good, size: undefined }, /'size': Float32Array or { data, shape } expected, not undefined/],
      [Object.fromEntries(Object.entries(good).slice(0, 2)), /input 'size' is missing/],
      [{ ...good, size: new Float64Array(2) }, /'size': Float32Array expected, not Float64Array/],
      [{ ...good, size: new Float32Array(3) }, /'size': 3 elements given, 2 expected/],
      [{ ...good, size: { data: new Float32Array(2), shape: [1, 2] } }, /shape \[1, 2\] given, \[2\] expected/],
      [{ ...good, size: { data: new Float32Array(2), shape: [1.5] } }, /its shape is not a list of sizes/],
      [{ ...good, 'x "1"*/': new Float32Array(24) }, /its shape \[n tokens, 8\] is not fixed/],
      [
        { ...good, 'x "1"*/': { data: new Float32Array(80), shape: [10, 8] } },
        /n tokens is 10, this build takes 0 to 9/,
      ],
      [{ ...good, size: Float32Array.of(13, 1) }, /outside its bounds/],
      [{ ...good, size: Float32Array.of(Number.NaN, 1) }, /outside its bounds/],
    ];
    for (const [inputs, message] of cases)
      await expect(model.run(inputs)).rejects.toMatchObject({
        name: 'SamArgumentError',
        message: expect.stringMatching(message),
      });
    await compare(model, 3, [4, 5]);
    model.dispose();
    await expect(model.run(good)).rejects.toMatchObject({ name: 'SamDisposedError' });
    await expect(loadExample({ backend: 'gpu' })).rejects.toMatchObject({ name: 'SamArgumentError' });
  });

  it('refuses files that are not its own', async () => {
    const damaged = join(scratch, 'damaged');
    const files = readdirSync(join(outDir, 'js')).filter((name) => /wasm$|weights$/.test(name));
    const load = async (change: (bytes: Buffer) => Uint8Array): Promise<unknown> => {
      rmSync(damaged, { recursive: true, force: true });
      await execa('mkdir', [damaged]);
      for (const name of files) {
        const bytes = readFileSync(join(outDir, 'js', name));
        writeFileSync(join(damaged, name), name.endsWith('weights') ? change(bytes) : bytes);
      }
      return loadExample({ baseUrl: pathToFileURL(damaged) });
    };
    const failure = (message: RegExp) => ({ name: 'SamLoadError', message: expect.stringMatching(message) });
    await expect(load((bytes) => bytes)).resolves.toBeDefined();
    await expect(load((bytes) => bytes.subarray(64))).rejects.toMatchObject(failure(/bytes, \d+ belong to this build/));
    await expect(load((bytes) => bytes.fill(bytes[900]! ^ 1, 900, 901))).rejects.toMatchObject(failure(/damaged/));
    await expect(loadExample({ baseUrl: pathToFileURL(join(scratch, 'nowhere')) })).rejects.toMatchObject(
      failure(/example\.wasm: cannot be loaded/),
    );
  });

  it('reports progress, and does not grow over 10 000 runs', async () => {
    const memories: Memory[] = [];
    const { instantiate } = wasm;
    const spy = vi.spyOn(wasm, 'instantiate').mockImplementation(async (bytes, imports) => {
      const result = await instantiate(bytes, imports);
      memories.push(result.instance.exports.memory);
      return result;
    });
    const loaded: number[] = [];
    const model = await loadExample({ onProgress: (done: number) => loaded.push(done) });
    spy.mockRestore();
    expect(loaded.at(-1)).toBe(model.description.wasmWeightsBytes);
    const steps: (readonly number[])[] = [];
    const inputs = inputsOf(9, [12, 12]);
    await model.run(inputs, { onProgress: (done, total) => steps.push([done, total]) });
    const { nodes } = model.description;
    expect(steps).toEqual(Array.from({ length: nodes }, (_, i) => [i + 1, nodes]));
    const [memory] = memories;
    const bytes = memory!.buffer.byteLength;
    for (let i = 0; i < 10_000; i++) await model.run(i % 2 ? inputs : inputsOf(i % 10, [1 + (i % 12), 3]));
    expect(memory!.buffer.byteLength).toBe(bytes);
  });

  it('is typed: a strict project compiles with it, and not with what is wrong', async () => {
    const source = `
import { loadExample, SamArgumentError, type ExampleInputs, type ExampleOutputs, type Model } from 'compiled-models';
const model: Model<ExampleInputs, ExampleOutputs> = await loadExample({ backend: 'native', baseUrl: new URL('https://a.example/') });
const good: ExampleInputs = { 'x "1"*/': { data: new Float32Array(16), shape: [2, 8] }, double: new Float32Array(60), size: Float32Array.of(1, 2) };
const { '../picture': picture, constant } = await model.run(good, { onProgress: (done: number, total: number) => console.log(done / total) });
export const channels: 6 = picture.shape[3];
export const height: number = picture.shape[2];
export const data: Float32Array = constant.data;
export const error: Error = new SamArgumentError('x');
// @ts-expect-error no such back end
await loadExample({ backend: 'gpu' });
// @ts-expect-error an input is missing
await model.run({ double: new Float32Array(60), size: new Float32Array(2) });
// @ts-expect-error a shape that is not fixed has to be given
await model.run({ ...good, 'x "1"*/': new Float32Array(16) });
// @ts-expect-error another rank
await model.run({ ...good, 'x "1"*/': { data: new Float32Array(16), shape: [2, 8, 1] } });
// @ts-expect-error another element type
await model.run({ ...good, double: new Float64Array(60) });
// @ts-expect-error no such output
export const missing = (await model.run(good)).nothing;
`;
    expect(await typeCheck(join(scratch, 'consumer'), outDir, source)).toBe('');
  });

  it('has no "any" in its declarations, and the same bytes every time', async () => {
    const again = join(scratch, 'again');
    await emitWithBindings(models, 'f32', again);
    const files = readdirSync(join(outDir, 'js'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !/\.node$|native/.test(join(entry.parentPath, entry.name)))
      .map((entry) => join(entry.parentPath, entry.name).slice(outDir.length));
    expect(files.length).toBeGreaterThan(25);
    for (const file of files) {
      const bytes = readFileSync(join(outDir, file));
      expect(bytes.equals(readFileSync(join(again, file))), file).toBe(true);
      expect(bytes.includes(scratch), file).toBe(false);
      if (file.endsWith('.d.ts')) expect(bytes.toString().replace(/\/\*[\s\S]*?\*\//g, '')).not.toMatch(/\bany\b/);
    }
  });
});
