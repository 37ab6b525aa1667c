import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { zipSync } from 'fflate';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { encodeNpy } from '../../src/npy.js';
import { encodeModel, f32 } from '../ir/onnx/build-model.js';
import { cli, temporaryFolder } from './run.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const scratch = temporaryFolder();
const WIDTH = 1024;
const samples = join(scratch, 'samples');

/** y = x·w; `width`² weights. */
function writeProduct(name: string, width: number): string {
  const path = join(scratch, name);
  const info = { dtype: 'f32', shape: [1, width] } as const;
  const weights = Array.from({ length: width * width }, (_, i) => Math.sin(i));
  const spec = {
    inputs: { x: info },
    outputs: { y: info },
    initializers: { w: f32([width, width], weights) },
    nodes: [{ op: 'MatMul', in: ['x', 'w'], out: ['y'], name: 'product' }],
  };
  writeFileSync(path, encodeModel(spec));
  return path;
}
const [small, large] = [writeProduct('small.onnx', 4), writeProduct('large.onnx', WIDTH)];

beforeAll(() => {
  mkdirSync(samples);
  const data = Float32Array.from({ length: WIDTH }, (_, i) => Math.cos(i));
  writeFileSync(join(samples, 'a.npz'), zipSync({ 'x.npy': encodeNpy({ dtype: 'f32', shape: [1, WIDTH], data }) }));
});

const mounted: string[] = [];
afterAll(() => {
  for (const folder of mounted) execFileSync('umount', [folder]);
});

/** A disk of a few kilobytes; undefined where this user may not mount one. */
function mountDisk(kilobytes: number): string | undefined {
  const folder = join(scratch, `disk-${mounted.length}`);
  mkdirSync(folder, { recursive: true });
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'tmpfs', folder]);
  if (status !== 0) return undefined;
  mounted.push(folder);
  return folder;
}
const NO_MOUNT = 'this user cannot mount a small disk';

describe('a full disk', () => {
  const temporary = process.env.TMPDIR;
  afterEach(() => {
    if (temporary === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = temporary;
  });

  it('is reported, and leaves nothing', async (context) => {
    const disk = mountDisk(2048);
    if (disk === undefined) return context.skip(NO_MOUNT);
    const out = join(disk, 'out');
    const { status, err } = await cli('compile', large, '-o', out, '--bits', 'f32', '--no-js');
    expect(err).toBe(`sam-qc: ${out}: cannot be written: no space is left on this disk\n`);
    expect(status).toBe(1);
    expect(readdirSync(disk)).toEqual([]);
  });

  it('leaves the package that was there', async (context) => {
    const disk = mountDisk(3072);
    if (disk === undefined) return context.skip(NO_MOUNT);
    const out = join(disk, 'out');
    const args = ['-o', out, '--bits', 'f32', '--no-js', '--name', 'product'];
    expect((await cli('compile', small, ...args)).status).toBe(0);
    const files = readdirSync(out);
    const manifest = readFileSync(join(out, 'manifest.json'), 'utf8');
    const { status, err } = await cli('compile', large, ...args);
    expect(err).toMatch(/out: cannot be written: no space is left/);
    expect(status).toBe(1);
    expect(readdirSync(disk)).toEqual(['out']);
    expect(readdirSync(out)).toEqual(files);
    expect(readFileSync(join(out, 'manifest.json'), 'utf8')).toBe(manifest);
  });

  // Weights of 4 MiB, then what the C compiler writes, then the statistics of a run.
  it.each([2048, 4352, 4608])('for temporary files, %i kB, is reported', async (kilobytes) => {
    const disk = mountDisk(kilobytes);
    if (disk === undefined) return;
    process.env.TMPDIR = disk;
    const out = join(scratch, `out-${kilobytes}`);
    const { status, err } = await cli('compile', large, '-o', out, '--bits', 'w8a8', '--calib', samples, '--no-js');
    expect(err).toMatch(/^sam-qc: .*disk-\d+\/.*: cannot be written: no space is left on this disk\n$/);
    expect(status).toBe(1);
    expect(readdirSync(disk)).toEqual([]);
    expect(existsSync(out)).toBe(false);
  });

  it('is a limit on the size of files, too', () => {
    const out = join(scratch, 'limited');
    const command = `ulimit -f 1024; exec "$0" --import tsx src/cli.ts "$@"`;
    const args = ['compile', large, '-o', out, '--bits', 'f32', '--no-js'];
    const { status, stderr } = spawnSync('bash', ['-c', command, process.execPath, ...args], { cwd: root });
    expect(stderr.toString()).toBe(`sam-qc: ${out}: cannot be written: a file would be larger than is allowed here\n`);
    expect(status).toBe(1);
    expect(readdirSync(scratch).filter((name) => name.includes('limited'))).toEqual([]);
  });
});
