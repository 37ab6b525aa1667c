import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { zipSync } from 'fflate';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeNpy } from '../../src/npy.js';
import { encodeModel, f32 } from '../ir/onnx/build-model.js';
import { cli, temporaryFolder } from './run.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const scratch = temporaryFolder();
const model = join(scratch, 'model.onnx');
const samples = join(scratch, 'samples');

/** y = x·w, with samples that calibrate it. */
beforeAll(() => {
  const weights = Array.from({ length: 64 }, (_, i) => Math.sin(i));
  const info = { dtype: 'f32', shape: [1, 8] } as const;
  writeFileSync(
    model,
    encodeModel({
      inputs: { x: info },
      outputs: { y: info },
      initializers: { w: f32([8, 8], weights) },
      nodes: [{ op: 'MatMul', in: ['x', 'w'], out: ['y'], name: 'product' }],
    }),
  );
  mkdirSync(samples);
  const x = encodeNpy({ dtype: 'f32', shape: [1, 8], data: Float32Array.from(weights.slice(0, 8)) });
  writeFileSync(join(samples, 'a.npz'), zipSync({ 'x.npy': x }));
});

const compile = (out: string, bits: string): readonly string[] => [
  'compile',
  model,
  '-o',
  out,
  '--bits',
  bits,
  ...(bits === 'f32' ? [] : ['--calib', samples]),
];

/** Where a compilation that is interrupted works: everything that it leaves lies here. */
interface Place {
  readonly out: string;
  readonly temporary: string;
  readonly left: () => readonly string[];
}

function openPlace(name: string): Place {
  const folder = join(scratch, name);
  const temporary = join(folder, 'tmp');
  mkdirSync(temporary, { recursive: true });
  const ours = (path: string): boolean => /^sam-qc-|^\.out-/.test(path);
  return {
    out: join(folder, 'out'),
    temporary,
    left: () => [...readdirSync(folder), ...readdirSync(temporary)].filter(ours),
  };
}

/** Paths below a folder that others make and remove folders in: a moment at which one goes away counts as nothing seen. */
function pathsBelow(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' });
  } catch {
    return [];
  }
}

/** Starts a compilation, and ends it as soon as a file or folder whose path matches `moment` appears. */
async function interrupt(place: Place, bits: string, moment: RegExp, signal: NodeJS.Signals): Promise<void> {
  const args = ['--import', 'tsx', join(root, 'src/cli.ts'), ...compile(place.out, bits)];
  const child = spawn(process.execPath, args, {
    cwd: root,
    stdio: 'ignore',
    env: { ...process.env, TMPDIR: place.temporary },
  });
  // fs.watch of whole trees throws where nobody can catch it when a folder goes away at once.
  const looking = setInterval(() => {
    if (child.killed || !pathsBelow(join(place.out, '..')).some((path) => moment.test(path))) return;
    child.kill(signal);
  }, 2);
  const [, ended] = await once(child, 'exit');
  clearInterval(looking);
  expect(ended, `${signal} at ${moment}`).toBe(signal);
}

describe('an interrupted compilation', () => {
  it.each([
    ['SIGINT', 'calibrates', 'w8a8', /sam-qc-calibrate-/],
    ['SIGTERM', 'builds a trial program', 'w8a8', /step\d+\/(Makefile|src\/trial\.o)|kernels\/\w+\.o/],
    ['SIGTERM', 'writes', 'f32', /^\.out-/],
  ] as const)('leaves nothing: %s while it %s', async (signal, what, bits, moment) => {
    const place = openPlace(`${signal} ${what}`);
    await interrupt(place, bits, moment, signal);
    expect(place.left()).toEqual([]);
    expect(existsSync(place.out)).toBe(false);
  });

  it.each([
    ['calibrates', 'w8a8', /sam-qc-calibrate-/],
    ['writes', 'f32', /^\.out-/],
  ] as const)('and killed while it %s, does not disturb the next', async (what, bits, moment) => {
    const place = openPlace(`killed ${what}`);
    await interrupt(place, bits, moment, 'SIGKILL');
    expect(existsSync(join(place.out, 'manifest.json'))).toBe(false);
    expect(await cli(...compile(place.out, bits), '--no-js', '--json')).toMatchObject({ status: 0, err: '' });
    expect(existsSync(join(place.out, 'manifest.json'))).toBe(true);
  });

  it('is done again where the package was half moved to its place', async () => {
    const { out } = openPlace('half moved');
    expect((await cli(...compile(out, 'f32'), '--no-js', '--name', 'first')).status).toBe(0);
    const complete = readdirSync(out).sort();
    // As a process leaves it that is killed behind the first step.
    renameSync(join(out, 'manifest.json'), join(out, '.previous-manifest.json'));
    expect((await cli('run', out, 'first', '--out', scratch)).err).toMatch(/not a compiled package/);
    expect((await cli(...compile(out, 'f32'), '--no-js', '--name', 'second')).status).toBe(0);
    expect(readdirSync(out).sort()).toEqual(complete.map((name) => name.replace('first', 'second')).sort());
    expect(JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8')).models[0].name).toBe('second');
  });
});
