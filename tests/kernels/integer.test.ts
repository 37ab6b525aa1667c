import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { parseKernelTable } from '../../src/codegen/kernel-library.js';

/** Every integer kernel this machine can run against the portable one, by bytes; and digests over all builds. */

const here = dirname(fileURLToPath(import.meta.url));
const kernels = join(here, '../../src/codegen/kernels');
const sources = join(here, 'integer');
const build = mkdtempSync(join(tmpdir(), 'sam-qc-integer-'));
afterAll(() => rmSync(build, { recursive: true, force: true }));

const cpu = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '';
const AVX512 = ['avx512f', 'avx512bw', 'avx512dq', 'avx512vl'];
const VBMI = [...AVX512, 'avx512vbmi'];
const has = (features: readonly string[]) => features.every((feature) => new RegExp(`\\b${feature}\\b`).test(cpu));
/** Compiler flags of the variants that have integer kernels, by isa; `portable` runs against itself. */
const VARIANTS = [
  { isa: 'portable', features: [], flags: [] },
  { isa: 'avx2', features: ['avx2', 'fma'], flags: ['-mavx2', '-mfma'] },
  {
    isa: 'avxvnni',
    features: ['avx2', 'fma'],
    flags: ['-mavx2', '-mfma', '-include', join(sources, 'avxvnni_emulated.h')],
  },
  { isa: 'avxvnni', features: ['avx2', 'fma', 'avx_vnni'], flags: ['-mavx2', '-mfma', '-mavxvnni'] },
  {
    isa: 'avx512vnni',
    features: [...AVX512, 'avx512_vnni'],
    flags: [...AVX512.map((feature) => `-m${feature}`), '-mavx512vnni', '-mfma', '-mprefer-vector-width=512'],
  },
  {
    isa: 'avx512vbmi',
    features: [...VBMI, 'avx512_vnni'],
    flags: [...VBMI.map((feature) => `-m${feature}`), '-mavx512vnni', '-mfma', '-mprefer-vector-width=512'],
  },
  {
    isa: 'amx',
    features: [...VBMI, 'avx512_vnni', 'amx_int8'],
    flags: [...VBMI.map((feature) => `-m${feature}`), '-mavx512vnni', '-mfma', '-mprefer-vector-width=512'],
  },
].filter(({ features }) => has(features));

const SANITIZED = ['-O1', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
const compilers = ['cc', 'clang-19'].filter((compiler) => spawnSync(compiler, ['--version']).status === 0);
const rows = parseKernelTable(readFileSync(join(kernels, 'kernels.inc'), 'utf8'));

/** Macros that put a variant's kernels in the place that the test compares. */
function variantMacros(isa: string): readonly string[] {
  if (isa === 'portable') return [];
  // What has no kernels for VBMI of its own has those for VNNI.
  const own = (family: string) =>
    [isa, 'avx512vnni']
      .slice(0, isa === 'avx512vbmi' ? 2 : 1)
      .flatMap((candidate) => rows.filter((row) => row.family === family && row.isa === candidate))[0];
  const families = [
    ['LINEAR', 'sq_linear_u8s8'] as const,
    ['CONV', 'sq_conv_u8s8'] as const,
    ['ATTENTION', 'sq_attention_u8'] as const,
  ];
  return [
    ...families.flatMap(([macro, family]) => {
      const row = own(family);
      return row === undefined ? [] : [`-D${macro}=${row.name}`, `-D${macro}_FILE="${row.name}.c"`];
    }),
    `-DTEST_NR=${own('sq_linear_u8s8')?.nr}`,
    '-DTEST_KR=4',
  ];
}

function digestOf(source: string, compiler: string, flags: readonly string[], isa: string): string {
  const binary = join(build, [source, compiler, isa, flags[0]].join('-'));
  const strict = ['-std=c11', '-Wall', '-Wextra', '-Wpedantic', '-Werror', '-ffp-contract=off'];
  const includes = [kernels, here, sources].map((folder) => `-I${folder}`);
  execFileSync(compiler, [
    ...strict,
    ...flags,
    ...variantMacros(isa),
    ...includes,
    join(sources, `${source}.c`),
    '-o',
    binary,
    '-lm',
  ]);
  const { stdout, status } = spawnSync(binary, { encoding: 'utf8' });
  const summary = /comparisons (\d+) failures 0 digest (\w+)/.exec(stdout);
  expect(
    summary !== null && status === 0 ? 'passed' : stdout.slice(0, 2000),
    `${source} ${compiler} ${isa} ${flags}`,
  ).toBe('passed');
  return summary?.[2] ?? '';
}

describe.skipIf(compilers.length === 0)('integer kernels in C', () => {
  for (const source of ['elementwise', 'product', 'attention']) {
    it(`${source}: every variant gives the portable kernel's bytes, every build the same digest`, () => {
      const digests = compilers.flatMap((compiler) =>
        VARIANTS.flatMap(({ isa, flags }) => [
          digestOf(source, compiler, ['-O3', ...flags], isa),
          ...(compiler === compilers[0] ? [digestOf(source, compiler, [...SANITIZED, ...flags], isa)] : []),
        ]),
      );
      expect(new Set(digests).size).toBe(1);
    }, 600_000);
  }

  it('compares every variant that kernels.inc names', () => {
    const isas = rows.filter(({ family }) => /_u8(s8)?$/.test(family)).map(({ isa }) => isa);
    const elsewhere = ['amx', 'simd128', 'neon', 'dotprod', 'i8mm', 'rvv']; // wasm.test.ts, targets/kernels.test.ts
    expect([...new Set(isas)].sort()).toEqual(
      ['avx2', 'avx512', 'avx512vbmi', 'avx512vnni', 'avxvnni', 'portable', ...elsewhere].sort(),
    );
  });
});
