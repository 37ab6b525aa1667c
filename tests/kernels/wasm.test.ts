import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

/** The kernels for WebAssembly in Node.js: the C tests of the other targets, built for WASI. */

const here = dirname(fileURLToPath(import.meta.url));
const kernels = join(here, '../../src/codegen/kernels');
const build = mkdtempSync(join(tmpdir(), 'sam-qc-wasm-kernels-'));
afterAll(() => rmSync(build, { recursive: true, force: true }));

const SYSROOT = '/usr';
const missing =
  spawnSync('clang-19', ['--version']).status !== 0
    ? 'clang-19'
    : existsSync(`${SYSROOT}/include/wasm32-wasi/stdio.h`)
      ? undefined
      : 'wasi-libc and libclang-rt-19-dev-wasm32';
if (missing !== undefined) console.log(`tests/kernels/wasm.test.ts: skipped without ${missing}`);

const VARIANT = [
  ...(
    [
      ['LINEAR', 'sq_linear_u8s8'],
      ['CONV', 'sq_conv_u8s8'],
      ['ATTENTION', 'sq_attention_u8'],
    ] as const
  ).flatMap(([macro, family]) => [`-D${macro}=${family}__simd128`, `-D${macro}_FILE="${family}__simd128.c"`]),
  '-DTEST_NR=16',
  '-DTEST_KR=4',
];
const WASM = [
  '--target=wasm32-wasi',
  `--sysroot=${SYSROOT}`,
  '-msimd128',
  '-mbulk-memory',
  '-Wl,-z,stack-size=1048576',
];

/** Runs a module as a command; Node's own WASI is all it needs. */
const RUN = `
import { readFileSync } from 'node:fs';
import { WASI } from 'node:wasi';
const wasi = new WASI({ version: 'preview1', args: ['test'], returnOnExit: true });
const { instance } = await WebAssembly.instantiate(readFileSync(process.argv[1]), wasi.getImportObject());
process.exitCode = wasi.start(instance);
`;

function digestOf(
  source: `${'integer' | 'float'}/${string}`,
  label: string,
  flags: readonly string[],
  run: (binary: string) => readonly string[],
): string {
  const binary = join(build, `${source.replace('/', '-')}-${label}`);
  const strict = ['-std=c11', '-O2', '-Wall', '-Wextra', '-Wpedantic', '-Werror', '-ffp-contract=off'];
  const includes = [kernels, here, join(here, 'integer')].map((folder) => `-I${folder}`);
  execFileSync('clang-19', [...strict, ...flags, ...includes, join(here, `${source}.c`), '-o', binary, '-lm']);
  const [command = '', ...args] = run(binary);
  const { stdout, stderr, status } = spawnSync(command, args, { encoding: 'utf8' });
  const summary = /comparisons [1-9]\d* failures 0 digest (\w+)/.exec(stdout);
  expect(summary !== null && status === 0 ? 'passed' : `${stdout.slice(0, 1000)}${stderr.slice(0, 1000)}`).toBe(
    'passed',
  );
  return summary?.[1] ?? '';
}

describe.skipIf(missing !== undefined)('kernels in WebAssembly', () => {
  const node = (binary: string): readonly string[] => [
    process.execPath,
    '--no-warnings',
    '--input-type=module',
    '--eval',
    RUN,
    binary,
  ];
  for (const source of [
    'integer/elementwise',
    'integer/product',
    'integer/attention',
    'float/linear',
    'float/layers',
  ] as const)
    it(`${source}: simd128 gives the portable kernel's bytes, and the digest of this machine`, () => {
      const native = digestOf(source, 'native', [], (binary) => [binary]);
      expect(digestOf(source, 'simd128', [...WASM, ...VARIANT], node)).toBe(native);
    });
});
