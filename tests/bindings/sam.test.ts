import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SamImage, SamPrompt } from '../../src/codegen/js-runtime/sam-arguments.js';
import type { Tensor } from '../../src/codegen/js-runtime/tensor.js';
import { readPicture } from '../../src/image.js';
import { intersectionOverUnion, readMask } from '../../src/mask.js';
import { quantizeByEvaluation } from '../quantize-by-evaluation.js';
import { codings, smallSam } from '../small-sam.js';
import { type AnyModel, emitWithBindings, hasMake, hasWasmCompiler, skipped, typeCheck } from './emit.js';

skipped('tests/bindings/sam.test.ts');
const scratch = mkdtempSync(join(tmpdir(), 'sam-qc-bindings-sam-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const scenes = fileURLToPath(new URL('../../examples/scenes/evaluation/', import.meta.url));

/** What the generated package exports, as far as it does not depend on the model's types. */
interface Embedding {
  readonly width: number;
  readonly height: number;
  readonly embeddings: Tensor<Float32Array>;
}
interface Segmentation {
  readonly masks: readonly (Uint8Array | Float32Array)[];
  readonly iou: Float32Array;
  readonly best: number;
  readonly lowResMasks: readonly Float32Array[];
}
interface Session {
  readonly encoder: AnyModel;
  readonly decoder: AnyModel;
  readonly encode: (image: SamImage, options?: object) => Promise<Embedding>;
  readonly segment: (prompt: SamPrompt<Embedding> & { readonly logits?: boolean }) => Promise<Segmentation>;
  readonly dispose: () => void;
}
interface SamModule {
  readonly Sam: { readonly load: (options?: object) => Promise<Session> };
}

const PAIR = { encoder: 'encoder', decoder: 'decoder' };
const load = async (outDir: string, options?: object): Promise<Session> =>
  ((await import(pathToFileURL(join(outDir, 'js', 'index.js')).href)) as SamModule).Sam.load(options);
const pictureOf = async (name: string): Promise<SamImage> => {
  const { width, height, rgb } = await readPicture(join(scenes, name));
  return { width, height, data: rgb };
};
const sha256 = (data: ArrayBufferView): string =>
  createHash('sha256')
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest('hex');

describe.skipIf(!hasWasmCompiler)('Sam, in float', () => {
  const outDir = join(scratch, 'f32');
  let sam: Session;
  let image: SamImage;
  beforeAll(async () => {
    const models = (await smallSam()).map(({ name, graph }) => ({ name, graph, sourceSha256: '' }));
    expect(await emitWithBindings(models, 'f32', outDir, PAIR)).toEqual({ wasmMissing: undefined });
    sam = await load(outDir);
    image = await pictureOf('000.png');
  });

  it('finds what is clicked on, from RGB and from RGBA', async () => {
    const { width, height, data } = image;
    const rgba = new Uint8ClampedArray(width * height * 4);
    for (let i = 0; i < width * height; i++) rgba.set([...data.subarray(3 * i, 3 * i + 3), i % 256], 4 * i);
    const truth = await readMask(join(scenes, '000-mask0.png'));
    const first = await sam.encode(image);
    const answer = await sam.segment({ points: [[80, 175]] });
    expect(answer.masks.length).toBe(4);
    const inside = answer.masks[answer.best] as Uint8Array;
    expect(intersectionOverUnion({ width, height, inside }, truth)).toBeGreaterThan(0.9);
    await sam.encode({ width, height, data: rgba });
    expect(await sam.segment({ points: [[80, 175]] })).toEqual({ ...answer, milliseconds: expect.any(Number) });
    const refined = await sam.segment({
      points: [[80, 175]],
      mask: answer.lowResMasks[answer.best]!,
      embedding: first,
    });
    expect(
      intersectionOverUnion({ width, height, inside: refined.masks[refined.best] as Uint8Array }, truth),
    ).toBeGreaterThan(0.9);
    const box = await sam.segment({
      box: [10, 120, 200, 255],
      points: [
        [80, 175],
        [20, 20],
      ],
      labels: [1, 0],
    });
    expect(intersectionOverUnion({ width, height, inside: box.masks[box.best] as Uint8Array }, truth)).toBeGreaterThan(
      0.8,
    );
  });

  it('refuses wrong pictures and prompts', async () => {
    const { width, height, data } = image;
    const pictures: readonly (readonly [unknown, RegExp])[] = [
      [undefined, /{ data, width, height } is expected/],
      [{ width, height }, /image.data: Uint8Array or Uint8ClampedArray/],
      [{ width, height, data: new Float32Array(data.length) }, /image.data: Uint8Array/],
      [{ width: 0, height, data }, /whole numbers from 1/],
      [{ width, height, data: data.subarray(1) }, /196607 bytes for 256 × 256 pixels/],
      [{ width: 3000, height: 1, data: new Uint8Array(9000) }, /too narrow/],
    ];
    for (const [picture, message] of pictures)
      await expect(sam.encode(picture as SamImage)).rejects.toMatchObject({
        name: 'SamArgumentError',
        message: expect.stringMatching(message),
      });
    await sam.encode(image);
    const many = Array.from({ length: 16 }, () => [1, 1]);
    const prompts: readonly (readonly [unknown, RegExp])[] = [
      [undefined, /is expected/],
      [{}, /points or a box are needed/],
      [{ point: [1, 2] }, /no field 'point'/],
      [{ points: [[1, Number.NaN]] }, /points\[0\]/],
      [{ points: [[1, 2]], labels: [1, 1] }, /1 points but 2 labels/],
      [{ points: [[1, 2]], labels: [2] }, /labels\[0\]/],
      [{ box: [5, 5, 5, 9] }, /is empty/],
      [{ box: [5, 5, 9] }, /prompt.box/],
      [{ points: many }, /17 points .* takes 16/],
      [{ points: [[1, 2]], mask: new Float32Array(5) }, /Float32Array of 4096 logits/],
      [{ points: [[1, 2]], embedding: {} }, /what encode\(\) gave/],
    ];
    for (const [prompt, message] of prompts)
      await expect(sam.segment(prompt as SamPrompt<Embedding>)).rejects.toMatchObject({
        name: 'SamArgumentError',
        message: expect.stringMatching(message),
      });
    const fresh = await load(outDir);
    await expect(fresh.segment({ points: [[1, 2]] })).rejects.toThrow('no picture has been encoded');
    fresh.dispose();
    await expect(fresh.encode(image)).rejects.toMatchObject({ name: 'SamDisposedError' });
  });

  it.skipIf(!hasMake)('agrees with the native back end', async () => {
    await execa('make', ['-C', outDir, 'native', 'CFLAGS=-std=c11 -O2 -ffp-contract=off']);
    const native = await load(outDir, { backend: 'native' });
    const close = (a: Float32Array, b: Float32Array): void => {
      const largest = a.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      expect(a.length).toBe(b.length);
      a.forEach((value, i) => {
        if (!(Math.abs(value - b[i]!) <= 1e-4 * largest)) throw new Error(`[${i}]: ${value} and ${b[i]}`);
      });
    };
    const [one, other] = [await sam.encode(image), await native.encode(image)];
    close(one.embeddings.data, other.embeddings.data);
    const prompt = { points: [[80, 175]] as const, logits: true, embedding: one };
    const [a, b] = [await sam.segment(prompt), await native.segment(prompt)];
    a.masks.forEach((mask, i) => {
      close(mask as Float32Array, b.masks[i] as Float32Array);
    });
    native.dispose();
  });

  it('is typed', async () => {
    const source = `
import { Sam, type Embedding, type Segmentation } from 'compiled-models';
const sam: Sam = await Sam.load({ onProgress: (done, total) => console.log(done / total) });
const embedding: Embedding = await sam.encode({ data: new Uint8ClampedArray(4), width: 1, height: 1 });
const { masks, iou, best }: Segmentation = await sam.segment({ points: [[1, 2]], labels: [1], box: [0, 0, 5, 5], embedding });
export const mask: Uint8Array | undefined = masks[best];
export const logits: readonly Float32Array[] = (await sam.segment({ points: [[1, 2]], logits: true })).masks;
const { image_embeddings } = await sam.encoder.run({ image: new Float32Array(3 * 256 * 256) });
const { masks: raw } = await sam.decoder.run({
  image_embeddings, point_coords: { data: new Float32Array(4), shape: [1, 2, 2] }, point_labels: { data: new Float32Array(2), shape: [1, 2] },
  mask_input: new Float32Array(4096), has_mask_input: Float32Array.of(0), orig_im_size: Float32Array.of(1, 1),
});
export const four: 4 = raw.shape[1];
// @ts-expect-error labels are 0 or 1
await sam.segment({ points: [[1, 2]], labels: [2] });
// @ts-expect-error a point has two coordinates
await sam.segment({ points: [[1, 2, 3]] });
sam.dispose();
export const best2 = iou[best];
`;
    expect(await typeCheck(join(scratch, 'consumer'), outDir, source)).toBe('');
  });
});

/** Encodes and segments a made-up picture; prints SHA-256 of what comes out. Nothing in it is of one runtime only. */
const CONSUMER = `
import { Sam } from './js/index.js';
const sam = await Sam.load();
const data = Uint8Array.from({ length: 200 * 150 * 3 }, (_, i) => (i * i) % 251);
const { embeddings } = await sam.encode({ data, width: 200, height: 150 });
const { masks, iou } = await sam.segment({ points: [[80, 75]], logits: true });
for (const array of [embeddings.data, iou, ...masks]) {
  const hash = await crypto.subtle.digest('SHA-256', array);
  console.log(Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join(''));
}
sam.dispose();
`;
const DENO = fileURLToPath(new URL('../../node_modules/deno/bin.cjs', import.meta.url));
const hasDeno = spawnSync(process.execPath, [DENO, '--version']).status === 0;
if (!hasDeno) console.log('tests/bindings/sam.test.ts: skipped in Deno, which npm has not installed for this platform');

const QUANTIZED = [
  ['w8a8', 8],
  ['w6a6', 6],
  ['w4a4', 4],
] as const;
describe.skipIf(!hasWasmCompiler || !hasMake)('Sam, quantized', () => {
  it.each(QUANTIZED)(
    'gives the bytes of the native build: %s',
    async (bits, width) => {
      const outDir = join(scratch, bits);
      const small = await smallSam();
      const models = small.map(({ name, graph, inputs }) => ({
        name,
        graph: quantizeByEvaluation(graph, inputs, width, codings(width)),
        sourceSha256: '',
      }));
      expect(await emitWithBindings(models, bits, outDir, PAIR)).toEqual({ wasmMissing: undefined });
      await execa('make', ['-C', outDir, 'native']);
      const [wasm, native] = [await load(outDir), await load(outDir, { backend: 'native' })];
      for (const { name, inputs } of small) {
        const given = Object.fromEntries([...inputs].map(([input, { data, shape }]) => [input, { data, shape }]));
        const hashes = async (model: AnyModel): Promise<unknown> =>
          Object.entries(await model.run(given)).map(([output, { data, shape }]) => [output, shape, sha256(data)]);
        expect(await hashes(wasm[name])).toEqual(await hashes(native[name]));
      }
    },
    300_000,
  );
  it.skipIf(!hasDeno).each(QUANTIZED)('gives the same bytes in Deno as in Node.js: %s', async (bits) => {
    const [folder, env] = [join(scratch, bits), { DENO_DIR: join(scratch, 'deno'), DENO_NO_UPDATE_CHECK: '1' }];
    const script = join(folder, 'consumer.mjs');
    writeFileSync(script, CONSUMER);
    const inNode = await execa(process.execPath, [script]);
    const inDeno = await execa(process.execPath, [DENO, 'run', `--allow-read=${folder}`, script], { env });
    expect(inNode.stdout).toMatch(/^([0-9a-f]{64}\n?){6}$/);
    expect(inDeno.stdout).toBe(inNode.stdout);
  });
});
