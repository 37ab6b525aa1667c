import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('npm pack', () => {
  it('takes along the program, every kernel, the runner and the examples', () => {
    const output = execFileSync('npm', ['pack', '--dry-run', '--json', '--foreground-scripts=false'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const listed = JSON.parse(output.slice(output.indexOf('[')));
    const files = new Set<string>((listed[0] as { files: { path: string }[] }).files.map(({ path }) => path));
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
    expect([...kernels, ...runtime, ...rest].filter((path) => !files.has(path))).toEqual([]);
    expect(files.has('examples/scenes/calibration/prompts.json')).toBe(true);
    expect([...files].filter((path) => path.startsWith('tests/') || path.startsWith('src/'))).toEqual([]);
  });
});
