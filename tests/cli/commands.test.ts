import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import onnxProto from 'onnx-proto';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from '../../src/ir/text/parse.js';
import { print } from '../../src/ir/text/print.js';
import type { Tensor } from '../../src/ir/types.js';
import { intersectionOverUnion, readMask } from '../../src/mask.js';
import { readNpy, writeNpy } from '../../src/npy.js';
import { encodeModel, f32, i64, type ModelSpec, tensorProto } from '../ir/onnx/build-model.js';
import { cli, temporaryFolder } from './run.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const encoder = join(root, 'examples/tiny-sam/encoder.onnx');
const decoder = join(root, 'examples/tiny-sam/decoder.onnx');
const scenes = join(root, 'examples/scenes/evaluation');
const scratch = temporaryFolder();

/** y = x reshaped to `shape`, plus 1. */
const shift: ModelSpec = {
  inputs: { x: { dtype: 'f32', shape: ['rows', 2] }, shape: { dtype: 'i64', shape: [1] } },
  outputs: { y: { dtype: 'f32', shape: [null] } },
  initializers: { one: f32([], [1]) },
  nodes: [
    { op: 'Add', in: ['x', 'one'], out: ['a'], name: 'plus' },
    { op: 'Reshape', in: ['a', 'shape'], out: ['y'], name: 'flat' },
  ],
};

describe('a small model', () => {
  const folder = join(scratch, 'small');
  const model = join(folder, 'model.onnx');
  const out = join(folder, 'out');
  beforeAll(async () => {
    mkdirSync(folder);
    writeFileSync(model, encodeModel(shift));
    await writeNpy(join(folder, 'shape.npy'), { dtype: 'i64', shape: [1], data: BigInt64Array.of(-1n) });
  });
  const compile = (...more: readonly string[]) =>
    cli(
      'compile',
      model,
      '-o',
      out,
      '--bits',
      'f32',
      '--dim',
      'rows=1..3',
      '--freeze',
      `shape=${join(folder, 'shape.npy')}`,
      ...more,
    );

  it('compiles under the name that is asked for', async () => {
    const { status, out: text } = await compile('--json', '--name', 'plus one');
    expect(status).toBe(0);
    const { models, bits } = JSON.parse(text);
    expect(bits).toBe('f32');
    expect(models[0]).toMatchObject({ name: 'plus_one', symbols: [{ name: 'rows', min: 1, max: 3 }] });
    expect(models[0].source_sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(readdirSync(join(out, 'src'))).toContain('plus_one.c');
  });

  it('runs, with any number of rows up to the bound', async () => {
    expect((await compile()).status).toBe(0);
    for (const rows of [1, 3]) {
      const data = Float32Array.from({ length: 2 * rows }, (_, i) => i);
      await writeNpy(join(folder, 'x.npy'), { dtype: 'f32', shape: [rows, 2], data });
      const args = ['run', out, 'model', '--in', `x=${join(folder, 'x.npy')}`, '--out', join(folder, 'results')];
      const { status, out: text, err } = await cli(...args, '--repeat', '2');
      expect(err).toBe('');
      expect(status).toBe(0);
      expect(JSON.parse(text)).toMatchObject({ threads: 1, ms: [expect.any(Number), expect.any(Number)] });
      expect((await readNpy(join(folder, 'results', 'y.npy'))).data).toEqual(data.map((x) => x + 1));
    }
    const data = new Float32Array(8);
    await writeNpy(join(folder, 'x.npy'), { dtype: 'f32', shape: [4, 2], data });
    const tooMany = await cli('run', out, 'model', '--in', `x=${join(folder, 'x.npy')}`, '--out', folder);
    expect(tooMany.status).toBe(1);
    expect(tooMany.err).toMatch(/^sam-qc: .*out.*/);
    const nameless = await cli('run', out, 'other', '--out', folder);
    expect(nameless.err).toMatch(/no model 'other', only model/);
  });

  it('dumps the program as text that reads back', async () => {
    const { out: text, err } = await compile('--dump-after', 'import', '--dump-after', 'fuse-linear');
    const dumps = text.split(/^; model\.onnx after .*\n/m).slice(1);
    expect(dumps).toHaveLength(2);
    for (const dump of dumps) expect(print(parse(dump))).toBe(dump);
    expect(err).toMatch(/out: f32/);
    expect((await compile('--verbose')).err).toMatch(/model\.onnx: fuse-linear: \d+ nodes, \d+ ms/);
  });

  it('compiles twice to the same bytes', async () => {
    const again = join(folder, 'again');
    await compile();
    await cli(
      'compile',
      model,
      '-o',
      again,
      '--bits',
      'f32',
      '--dim',
      'rows=1..3',
      '--freeze',
      `shape=${join(folder, 'shape.npy')}`,
    );
    const files = (readdirSync(again, { recursive: true }) as string[]).filter((path) => /\./.test(path)).sort();
    expect(files.length).toBeGreaterThan(6);
    for (const file of files)
      expect(readFileSync(join(out, file)).equals(readFileSync(join(again, file))), file).toBe(true);
  });

  it('is verified on test data, its shape input frozen', async () => {
    const data = join(folder, 'data');
    mkdirSync(data);
    const write = (name: string, tensor: Tensor): void =>
      writeFileSync(join(data, name), onnxProto.onnx.TensorProto.encode(tensorProto(name, tensor)).finish());
    write('input_0.pb', f32([2, 2], [1, 2, 3, 4]));
    write('input_1.pb', i64([1], [4]));
    write('output_0.pb', f32([4], [2, 3, 4, 5]));
    const passed = await cli('verify', model, '--data', data, '--json');
    expect(passed.err).toBe('');
    expect(JSON.parse(passed.out)).toMatchObject({
      status: 'pass',
      frozen: ['shape'],
      outputs: [{ name: 'y', maxError: 0 }],
    });
    expect(passed.status).toBe(0);
    write('output_0.pb', f32([4], [2, 3, 4, 5.1]));
    const failed = await cli('verify', model, '--data', data);
    expect(failed.status).toBe(1);
    expect(failed.out).toMatch(/model\.onnx: fail/);
    expect(failed.err).toMatch(/output 'y': differs in 1 of 4 elements, first at 3/);
  });
});

describe('the small SAM', () => {
  const out = join(scratch, 'sam');
  beforeAll(async () => {
    const { status, err } = await cli('compile', encoder, decoder, '-o', out, '--bits', 'f32', '--json');
    expect(err).toBe('');
    expect(status).toBe(0);
  });

  it('is inspected', async () => {
    const { status, out: text } = await cli('inspect', encoder, '--json');
    expect(status).toBe(0);
    const { attentions, operators, loose_softmaxes, inputs } = JSON.parse(text);
    expect(attentions.map(({ kind }: { kind: string }) => kind)).toEqual([
      'window',
      'window',
      'self',
      'window',
      'window',
      'self',
    ]);
    expect(attentions[2]).toMatchObject({ heads: 4, channels: 32, queries: 256, keys: 256, relative_positions: true });
    expect(loose_softmaxes).toEqual([]);
    expect(operators.Softmax).toBe(6);
    expect(inputs[0].shape).toEqual([1, 3, 256, 256]);
    expect((await cli('inspect', decoder)).out).toMatch(/layers\.0\.token_to_image: cross, 8 heads of 8/);
  });

  it('cuts out what a point and what a box ask for', async () => {
    for (const [prompt, truth] of [
      [['--point', '80,175'], '000-mask0.png'],
      [['--box', '146.7,78.9,191.7,129.9'], '000-mask1.png'],
      [['--point', '80,175', '--point', '20,20,0'], '000-mask0.png'],
    ] as const) {
      const mask = join(scratch, 'mask.png');
      const result = await cli('segment', out, join(scenes, '000.png'), ...prompt, '-o', mask, '--json');
      expect(result.err).toBe('');
      const { predictedIou, candidates, overlay } = JSON.parse(result.out);
      expect(predictedIou).toBe(Math.max(...candidates));
      expect(intersectionOverUnion(await readMask(mask), await readMask(join(scenes, truth)))).toBeGreaterThan(0.8);
      expect(readFileSync(overlay).subarray(1, 4).toString()).toBe('PNG');
    }
    const many = Array.from({ length: 40 }, (_, i) => ['--point', `${i},${i}`]).flat();
    const refused = await cli('segment', out, join(scenes, '000.png'), ...many, '-o', join(scratch, 'no.png'));
    expect(refused.status).toBe(1);
    expect(refused.err).toMatch(/41 points .* at most 16: compile with --dim num_points=1\.\.41/);
  });

  it('is evaluated, and agrees with onnxruntime', async () => {
    const prompts = join(scenes, 'prompts.json');
    const args = ['eval', out, '--images', scenes, '--prompts', prompts, '--reference', encoder, decoder];
    const { status, out: text, err } = await cli(...args);
    expect(err).toBe('');
    expect(status).toBe(0);
    const result = JSON.parse(text);
    expect(result.prompts).toBe(10);
    expect(result.agreement).toBeGreaterThan(0.999);
    expect(result.miou_oracle).toBeGreaterThanOrEqual(result.miou);
    expect(Math.abs(result.miou - result.miou_reference)).toBeLessThan(1e-3);
  });
});

describe('a signal', () => {
  it('leaves no folder behind', async () => {
    const folder = join(scratch, 'signal');
    mkdirSync(folder);
    for (const delay of [700, 1000, 1300, 1600]) {
      const args = ['compile', encoder, decoder, '-o', join(folder, `out-${delay}`), '--bits', 'f32'];
      const child = spawn(process.execPath, ['--import', 'tsx', join(root, 'src/cli.ts'), ...args], {
        cwd: root,
        stdio: 'ignore',
      });
      const ended = once(child, 'exit');
      await new Promise((resolve) => setTimeout(resolve, delay));
      child.kill('SIGTERM');
      const [code, signal] = await ended;
      expect(code === 0 || signal === 'SIGTERM').toBe(true);
      const left = readdirSync(folder).filter((name) => code !== 0 && name.includes(`out-${delay}`));
      expect(left).toEqual([]);
    }
  });
});
