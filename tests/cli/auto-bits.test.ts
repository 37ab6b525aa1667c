import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { randomTensor } from '../../src/ir/text/parse.js';
import type { Tensor } from '../../src/ir/types.js';
import { writeNpz } from '../../src/npy.js';
import type { Report } from '../../src/report.js';
import { encodeModel, type ModelSpec } from '../ir/onnx/build-model.js';
import { cli, temporaryFolder } from './run.js';

const scratch = temporaryFolder();
const random = (shape: readonly number[], seed: number): Tensor => randomTensor('f32', shape, seed);
const report = (folder: string): Report => JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')) as Report;
const weightBytes = (folder: string): number =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.weights'))
    .reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);

/** Three layers with a ReLU between them. */
const chain: ModelSpec = {
  inputs: { x: { dtype: 'f32', shape: [8, 64] } },
  outputs: { y: { dtype: 'f32', shape: [8, 64] } },
  initializers: { a: random([64, 96], 1), b: random([96, 96], 2), c: random([96, 64], 3) },
  nodes: [
    { op: 'MatMul', in: ['x', 'a'], out: ['h0'], name: 'first' },
    { op: 'Relu', in: ['h0'], out: ['h1'], name: 'r0' },
    { op: 'MatMul', in: ['h1', 'b'], out: ['h2'], name: 'second' },
    { op: 'Relu', in: ['h2'], out: ['h3'], name: 'r1' },
    { op: 'MatMul', in: ['h3', 'c'], out: ['y'], name: 'third' },
  ],
};

describe('--bits auto --max-bytes', () => {
  const model = join(scratch, 'chain.onnx');
  const calibration = join(scratch, 'arrays');
  beforeAll(async () => {
    writeFileSync(model, encodeModel(chain));
    mkdirSync(calibration);
    for (const seed of [11, 12])
      await writeNpz(join(calibration, `${seed}.npz`), new Map([['x', random([8, 64], seed)]]) as never);
  });
  const compile = (out: string, bytes: number | string) =>
    cli('compile', model, '-o', out, '--calib', calibration, '--no-js', '--bits', 'auto', '--max-bytes', String(bytes));

  it('keeps the bound with less error the more bytes there are, and says what it chose', async () => {
    const found = [];
    for (const bytes of [18_000, '30kB']) {
      const out = join(scratch, `bytes-${bytes}`);
      const { status, err, out: text } = await compile(out, bytes);
      expect(err).toBe('');
      expect(status).toBe(0);
      expect(text).toMatch(/bytes-.*: mixed for /);
      expect(text).toMatch(/\d layers? w\da\d/);
      const own = report(out);
      expect(own.bits).toBe('mixed');
      expect(own.bit_choice?.chosen.weights_bytes).toBe(weightBytes(out));
      expect(weightBytes(out)).toBeLessThanOrEqual(bytes === '30kB' ? 30_000 : Number(bytes));
      found.push(own.bit_choice!);
      const bits = own.layers.map((layer) => [layer.name, layer.bits]);
      expect(own.bit_choice?.groups.map((group) => [group.layers[0], group.bits])).toEqual(bits);
    }
    const errors = found.map(({ chosen }) => chosen.predicted_db!);
    expect(errors).toEqual([...errors].sort((a, b) => a - b));
    expect(errors[1]! - errors[0]!).toBeGreaterThan(10);
    // Four bits take half of eight.
    expect(found[0]!.uniform_bytes.w4a4).toBeLessThan(0.6 * found[0]!.uniform_bytes.w8a8!);
  }, 300_000);

  it('says how few bytes there can be where the bound is below that', async () => {
    const out = join(scratch, 'too-few');
    const { status, err } = await compile(out, 9000);
    expect(status).toBe(1);
    expect(err).toMatch(
      /^sam-qc: --max-bytes 9000: with all layers at their fewest bits the weights still take \d+ bytes\n$/,
    );
    expect(readdirSync(scratch)).not.toContain('too-few');
  }, 300_000);

  it('has no drop to measure for a model without masks', async () => {
    const args = ['compile', model, '-o', join(scratch, 'no'), '--calib', calibration, '--bits', 'auto'];
    const { status, err } = await cli(...args, '--max-drop', '0.01');
    expect(status).toBe(1);
    expect(err).toMatch(/--max-drop is measured on masks: .*--max-bytes/);
  });

  it('is told layer by layer', async () => {
    const out = join(scratch, 'bytes-18000');
    const text = await cli('eval', out, '--by-layer');
    expect(text.status).toBe(0);
    expect(text.out).toMatch(/^chain +op +bits +alone, dB +in all, dB +share\n/);
    expect(text.out.trim().split('\n')).toHaveLength(4);
    const { layers } = JSON.parse((await cli('eval', out, '--by-layer', '--json')).out) as {
      layers: { name: string; error_share: number; own_sqnr_db: number }[];
    };
    expect(layers.map(({ name }) => name.split(' ')[0])).toEqual(['first', 'second', 'third']);
    expect(layers.reduce((sum, { error_share }) => sum + error_share, 0)).toBeCloseTo(1, 9);
    const none = await cli('eval', scratch, '--by-layer');
    expect(none.status).toBe(1);
    expect(none.err).toMatch(/report\.json: cannot be read/);
  });
});

/** Side of the pictures, in pixels: two patches. */
const SIDE = 32;

/** A convolution over patches, as SAM's encoder begins. */
const encoder: ModelSpec = {
  inputs: { image: { dtype: 'f32', shape: [1, 3, SIDE, SIDE] } },
  outputs: { image_embeddings: { dtype: 'f32', shape: [1, 24, 2, 2] } },
  initializers: { patches: random([24, 3, 16, 16], 21), mix: random([24, 24, 1, 1], 22) },
  nodes: [
    {
      op: 'Conv',
      in: ['image', 'patches'],
      out: ['p'],
      name: 'patches',
      attrs: { strides: [16, 16], kernel_shape: [16, 16] },
    },
    { op: 'Conv', in: ['p', 'mix'], out: ['image_embeddings'], name: 'mix', attrs: { kernel_shape: [1, 1] } },
  ],
};
/** Channels to one mask of the picture's size; SAM's inputs and outputs by name. */
const decoder: ModelSpec = {
  inputs: {
    image_embeddings: { dtype: 'f32', shape: [1, 24, 2, 2] },
    point_coords: { dtype: 'f32', shape: [1, 'num_points', 2] },
    point_labels: { dtype: 'f32', shape: [1, 'num_points'] },
    orig_im_size: { dtype: 'f32', shape: [2] },
  },
  outputs: {
    masks: { dtype: 'f32', shape: [1, 1, SIDE, SIDE] },
    iou_predictions: { dtype: 'f32', shape: [1, 1, 1, 1] },
  },
  initializers: {
    wide: random([24, 24, 1, 1], 23),
    mask: random([1, 24, 1, 1], 24),
    iou: random([1, 24, 1, 1], 25),
    scales: { dtype: 'f32', shape: [4], data: Float32Array.of(1, 1, SIDE / 2, SIDE / 2) },
  },
  nodes: [
    { op: 'Conv', in: ['image_embeddings', 'wide'], out: ['w'], name: 'wide', attrs: { kernel_shape: [1, 1] } },
    { op: 'Relu', in: ['w'], out: ['r'], name: 'act' },
    { op: 'Conv', in: ['r', 'mask'], out: ['m'], name: 'mask', attrs: { kernel_shape: [1, 1] } },
    { op: 'Resize', in: ['m', '', 'scales'], out: ['masks'], name: 'resize', attrs: { mode: 'linear' } },
    { op: 'GlobalAveragePool', in: ['r'], out: ['g'], name: 'pool' },
    { op: 'Conv', in: ['g', 'iou'], out: ['iou_predictions'], name: 'iou', attrs: { kernel_shape: [1, 1] } },
  ],
};

describe('--bits auto --max-drop', () => {
  const pictures = join(scratch, 'pictures');
  const files = [join(scratch, 'encoder.onnx'), join(scratch, 'decoder.onnx')] as const;
  beforeAll(async () => {
    writeFileSync(files[0], encodeModel(encoder));
    writeFileSync(files[1], encodeModel(decoder));
    mkdirSync(pictures);
    for (const seed of [1, 2, 3]) {
      const rgb = Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => (i * seed * 7919 + ((i * i) >> seed)) % 256);
      await sharp(rgb, { raw: { width: SIDE, height: SIDE, channels: 3 } })
        .png()
        .toFile(join(pictures, `${seed}.png`));
    }
  });
  const compile = (out: string, drop: number) =>
    cli('compile', ...files, '-o', out, '--calib', pictures, '--no-js', '--bits', 'auto', '--max-drop', String(drop));

  it('keeps the bound on the calibration prompts, with a standard error to spare', async () => {
    const out = join(scratch, 'drop');
    const { status, err, out: text } = await compile(out, 0.2);
    expect(err).toBe('');
    expect(status).toBe(0);
    expect(text).toMatch(/masks lose 0\.\d+ ± 0\.\d+ IoU on 24 prompts/);
    const { chosen, tried, groups, bound } = report(out).bit_choice!;
    expect(bound).toEqual({ max_drop: 0.2 });
    expect(chosen.drop!.mean + chosen.drop!.standard_error).toBeLessThanOrEqual(0.2);
    // Nobody drew masks for these pictures: the float models' stand in.
    expect(chosen.drop).toMatchObject({ prompts: 24, with_truth: 0 });
    expect(tried.length).toBeGreaterThan(1);
    expect(chosen.weights_bytes).toBe(weightBytes(out));
    expect(new Set(groups.map(({ model }) => model))).toEqual(new Set(['encoder', 'decoder']));
  }, 300_000);
});
