import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const models = ['encoder', 'decoder'].map((name) => join(root, 'examples', 'tiny-sam', `${name}.onnx`));
const [, decoder = ''] = models;

/** A project that has the packed tool installed, and nothing else. */
const project = mkdtempSync(join(tmpdir(), 'sam-qc-packed-'));
afterAll(() => rmSync(project, { recursive: true, force: true }));
const packed = new Set<string>();

beforeAll(() => {
  // Packing builds `dist` anew.
  const output = execFileSync('npm', ['pack', '--json', '--foreground-scripts=false', '--pack-destination', project], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [{ filename, files }] = JSON.parse(output.slice(output.indexOf('['))) as [
    { filename: string; files: { path: string }[] },
  ];
  for (const { path } of files) packed.add(path);
  // As `npm install` lays it out. Only what it depends on at run time is there: all else that it imports would be missing.
  const modules = join(project, 'node_modules');
  mkdirSync(join(modules, '.bin'), { recursive: true });
  execFileSync('tar', ['-xzf', join(project, filename), '-C', modules]);
  execFileSync('mv', [join(modules, 'package'), join(modules, 'sam-qc')]);
  const { bin, dependencies } = JSON.parse(readFileSync(join(modules, 'sam-qc', 'package.json'), 'utf8')) as {
    bin: Record<string, string>;
    dependencies: Record<string, string>;
  };
  for (const name of Object.keys(dependencies)) symlinkSync(join(root, 'node_modules', name), join(modules, name));
  for (const [name, file] of Object.entries(bin)) symlinkSync(join('..', 'sam-qc', file), join(modules, '.bin', name));
}, 300_000);

/** Runs the installed command with nothing in PATH, so that no compiler is found: what it writes is the point. */
function samQc(...args: readonly string[]): {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
} {
  const env = { PATH: join(project, 'nothing') };
  const command = join(project, 'node_modules', '.bin', 'sam-qc');
  const { status, stdout, stderr } = spawnSync(process.execPath, [command, ...args], {
    cwd: project,
    env,
    encoding: 'utf8',
  });
  return { status, out: stdout, err: stderr };
}

describe('npm pack', () => {
  it('takes along the program, every kernel, the runner and the examples', () => {
    const kernels = readdirSync(`${root}/src/codegen/kernels`).map((name) => `dist/codegen/kernels/${name}`);
    const runtime = readdirSync(`${root}/src/codegen/runtime`).map((name) => `dist/codegen/runtime/${name}`);
    const rest = [
      'dist/cli.js',
      'dist/index.js',
      'dist/index.d.ts',
      'README.md',
      'LICENSE',
      'examples/tiny-sam/encoder.onnx',
    ];
    expect(kernels.length).toBeGreaterThan(50);
    expect([...kernels, ...runtime, ...rest].filter((path) => !packed.has(path))).toEqual([]);
    expect(packed.has('examples/scenes/calibration/prompts.json')).toBe(true);
    expect([...packed].filter((path) => path.startsWith('tests/') || path.startsWith('src/'))).toEqual([]);
  });
});

describe('the packed tool, installed', () => {
  it('says how it is used', () => {
    const { status, out } = samQc('--help');
    expect(status).toBe(0);
    expect(out).toContain('compile');
  });

  it('compiles a model', () => {
    const { status, err } = samQc('compile', decoder, '-o', 'decoder', '--bits', 'f32', '--target', 'c99', '--no-js');
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(readFileSync(join(project, 'decoder', 'src', 'decoder.c'), 'utf8')).toContain('decoder_run');
  });

  it('compiles an encoder and a decoder, with bindings that load and a page', () => {
    const { status, err } = samQc('compile', ...models, '-o', 'sam', '--bits', 'f32', '--target', 'c99');
    expect({ status, err }).toEqual({
      status: 0,
      err: expect.stringMatching(/^js: WebAssembly is not built: .*clang.*\n$/),
    });
    const js = join(project, 'sam', 'js');
    expect(readdirSync(join(js, 'demo')).length).toBeGreaterThan(3);
    const program = `import(${JSON.stringify(join(js, 'index.js'))}).then((module) => console.log(Object.keys(module).join(' ')))`;
    const exported = execFileSync(process.execPath, ['-e', program], { encoding: 'utf8' }).trim().split(' ');
    expect(exported).toEqual(expect.arrayContaining(['Sam', 'SamArgumentError', 'loadDecoder', 'loadEncoder']));
  });

  it('is imported as a package', () => {
    const program = `import('sam-qc').then((module) => console.log(Object.keys(module).join(' ')))`;
    const exported = execFileSync(process.execPath, ['-e', program], { cwd: project, encoding: 'utf8' })
      .trim()
      .split(' ');
    const named = ['compile', 'detectBimodality', 'evaluate', 'inspect', 'searchSoftmaxGranularity', 'verify'];
    expect(exported).toEqual(expect.arrayContaining(named));
  });
});
