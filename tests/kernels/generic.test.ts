import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { FLOATS, INTEGERS, NUMBERS } from '../codegen/generic-ops/cases.js';

const here = dirname(fileURLToPath(import.meta.url));
const kernels = join(here, '../../src/codegen/kernels');
const build = mkdtempSync(join(tmpdir(), 'sam-qc-generic-kernels-'));
afterAll(() => rmSync(build, { recursive: true, force: true }));

const compilers = ['cc', 'clang-19'].filter((compiler) => spawnSync(compiler, ['--version']).status === 0);
const FLAGS = ['-std=c11', '-Wall', '-Wextra', '-Wpedantic', '-Werror', '-ffp-contract=off', `-I${kernels}`];

/** The values of each parameter of each defining macro: every kernel there is. */
const BITS = ['8', '16', '32', '64'];
const INDEX = ['i32', 'i64'];
const ALL = [...NUMBERS, 'bool'];
const REDUCTIONS = ['none', 'add', 'mul', 'max', 'min'];
const FLOAT_FUNCTIONS =
  'abs neg exp log sqrt sin cos tan asin acos atan sinh cosh tanh erf sigmoid floor ceil round sign relu is_nan is_inf gelu_erf gelu_tanh';
const MACROS: Readonly<Record<string, readonly (readonly (readonly string[])[])[]>> = {
  UNARY: [
    [FLOAT_FUNCTIONS.split(' '), FLOATS],
    ['abs neg sign relu floor ceil round'.split(' '), INTEGERS],
    [['not'], ['bool']],
  ],
  BINARY: [
    ['add sub mul div mod fmod min max equal less less_equal'.split(' '), NUMBERS],
    [['and', 'or', 'xor', 'equal'], ['bool']],
  ],
  POW: [[NUMBERS, NUMBERS]],
  CAST: [[ALL, ALL]],
  SELECT: [[BITS]],
  COPY: [[BITS]],
  TRANSPOSE: [[BITS]],
  PERMUTE: [[BITS]],
  FILL: [[BITS]],
  SCALARS: [[BITS]],
  IOTA: [[NUMBERS]],
  GATHER: [[BITS, INDEX]],
  GATHER_ELEMENTS: [[BITS, INDEX]],
  GATHER_ND: [[BITS, INDEX]],
  SCATTER_ND: [
    [REDUCTIONS, NUMBERS, INDEX],
    [['none'], ['bool'], INDEX],
  ],
  SCATTER_ELEMENTS: [
    [REDUCTIONS, NUMBERS, INDEX],
    [['none'], ['bool'], INDEX],
  ],
  PAD: [[['edge', 'reflect', 'wrap'], BITS]],
  REDUCE: [
    [['sum', 'mean', 'max', 'min', 'prod'], NUMBERS],
    [['max', 'min'], ['bool']],
  ],
  ARG_REDUCE: [[['max', 'min'], NUMBERS]],
  CUMSUM: [[NUMBERS]],
  TOP_K: [[NUMBERS]],
  MAX_POOL: [[NUMBERS]],
  AVERAGE_POOL: [[FLOATS]],
  MATMUL_GENERIC: [[NUMBERS]],
  CONV_GENERIC: [[NUMBERS]],
  SOFTMAX: [[['exp', 'log'], FLOATS]],
  LAYER_NORM: [[FLOATS]],
  RESIZE: [[NUMBERS]],
  GRID_SAMPLE: [[FLOATS, FLOATS]],
};

const combinations = (lists: readonly (readonly string[])[]): string[][] =>
  lists.reduce<string[][]>((heads, list) => heads.flatMap((head) => list.map((item) => [...head, item])), [[]]);

describe.skipIf(compilers.length === 0)('dtype-generic kernels in C', () => {
  it('scalar functions agree with libm and with exhaustive search', () => {
    for (const compiler of compilers)
      for (const flags of [['-O2'], ['-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all']]) {
        const binary = join(build, 'scalars');
        execFileSync(compiler, [...FLAGS, ...flags, join(here, 'generic/scalars.c'), '-o', binary, '-lm']);
        const { stdout, stderr, status } = spawnSync(binary, { encoding: 'utf8' });
        expect(status, `${compiler} ${flags}: ${stdout.slice(0, 2000)} ${stderr.slice(0, 2000)}`).toBe(0);
      }
  }, 300_000);

  it('every kernel of every element type compiles without a warning', () => {
    const headers = Object.keys(MACROS).map((macro) => `sq_${macro.toLowerCase()}.h`);
    const lines: string[] = headers.map((header) => `#include "${header}"`);
    const names: string[] = [];
    for (const [macro, signatures] of Object.entries(MACROS))
      for (const args of signatures.flatMap(combinations)) {
        lines.push(`SQ_DEFINE_${macro}(${args.join(', ')})`);
        names.push(`sq_${macro.toLowerCase()}_${args.join('_')}`);
      }
    expect(names.length).toBeGreaterThan(900);
    lines.push('extern const sq_kernel all[];', `const sq_kernel all[] = {${names.join(', ')}};`);
    const source = join(build, 'all.c');
    writeFileSync(source, `${lines.join('\n')}\n`);
    for (const compiler of compilers) {
      const { status, stderr } = spawnSync(compiler, [...FLAGS, '-fsyntax-only', source], { encoding: 'utf8' });
      expect(status, `${compiler}: ${stderr.slice(0, 3000)}`).toBe(0);
    }
  }, 120_000);

  it('names every macro that defines kernels', () => {
    const defined = readdirSync(kernels)
      .filter((file) => file.endsWith('.h'))
      .flatMap((file) => [...readFileSync(join(kernels, file), 'utf8').matchAll(/#define SQ_DEFINE_(\w+)\(/g)])
      .map((match) => match[1]!);
    expect(new Set(defined)).toEqual(new Set(Object.keys(MACROS)));
  });
});
