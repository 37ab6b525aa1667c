import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { convF32Matrix, packConvNdF32, packConvTransposeNdF32 } from '../../src/codegen/packing/conv-f32.js';
import {
  attentionF32ScratchBytes,
  convF32ScratchBytes,
  linearF32ScratchBytes,
} from '../../src/codegen/packing/float-scratch.js';
import { linearF32PackedBytes, packLinearF32, transposeF32 } from '../../src/codegen/packing/linear-f32.js';
import * as math from '../../src/ir/float-math.js';

const here = dirname(fileURLToPath(import.meta.url));
const sources = join(here, 'float');
const kernels = join(here, '../../src/codegen/kernels');
const build = mkdtempSync(join(tmpdir(), 'sam-qc-float-'));
afterAll(() => rmSync(build, { recursive: true, force: true }));

const cpu = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '';
const has = (...features: readonly string[]) => features.every((feature) => new RegExp(`\\b${feature}\\b`).test(cpu));
const optimized = ['-O3', '-fno-math-errno', '-fno-trapping-math'];
const avx2 = has('avx2', 'fma') ? ['-mavx2', '-mfma'] : undefined;
const avx512 = has('avx512f', 'avx512bw', 'avx512dq', 'avx512vl')
  ? ['-mavx512f', '-mavx512bw', '-mavx512dq', '-mavx512vl', '-mfma']
  : undefined;
const widest = avx512 ?? avx2 ?? [];
const sanitized = ['-O1', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all', ...widest];

interface Build {
  readonly name: string;
  readonly compiler: string;
  readonly flags: readonly string[];
}
const compilers = ['cc', 'clang-19'].filter((compiler) => spawnSync(compiler, ['--version']).status === 0);
const builds: readonly Build[] = compilers.flatMap((compiler) => [
  { name: `${compiler} base`, compiler, flags: ['-O2'] },
  ...(avx2 ? [{ name: `${compiler} avx2`, compiler, flags: [...optimized, ...avx2] }] : []),
  ...(avx512 ? [{ name: `${compiler} avx512`, compiler, flags: [...optimized, ...avx512] }] : []),
  // The sanitizers' code is slow to compile: once is enough, with the last compiler found.
  ...(compiler === compilers.at(-1) ? [{ name: `${compiler} sanitized`, compiler, flags: sanitized }] : []),
]);

function compile(source: string, b: Build): string {
  const binary = join(build, `${source}-${b.name.replace(/\W/g, '-')}`);
  const warnings = ['-std=c11', '-Wall', '-Wextra', '-Wpedantic', '-Werror', '-ffp-contract=off'];
  execFileSync(b.compiler, [
    ...warnings,
    ...b.flags,
    `-I${kernels}`,
    join(sources, `${source}.c`),
    '-o',
    binary,
    '-lm',
  ]);
  return binary;
}

describe.skipIf(compilers.length === 0)('float kernels in C', () => {
  for (const source of ['math', 'linear', 'layers', 'attention']) {
    it(`${source}: every build agrees with the definition, and with the others`, () => {
      const digests = builds.map((b) => {
        const { stdout, status } = spawnSync(compile(source, b), { encoding: 'utf8' });
        const summary = /comparisons (\d+) failures (\d+) digest (\w+)/.exec(stdout);
        expect(summary && status === 0 ? 'passed' : stdout.slice(0, 2000), b.name).toBe('passed');
        return summary?.[3];
      });
      expect(new Set(digests).size, builds.map((b, i) => `${b.name} ${digests[i]}`).join(', ')).toBe(1);
    }, 600_000);
  }

  it('names every float kernel of kernels.inc in a test', () => {
    const text = readdirSync(sources)
      .map((file) => readFileSync(join(sources, file), 'utf8'))
      .join('\n');
    const rows = readFileSync(join(kernels, 'kernels.inc'), 'utf8').matchAll(/^SQ_KERNEL\((\w+), (\w+),/gm);
    const names = [...rows]
      .filter(([, family]) => /_f32(_fast)?$/.test(family ?? '') && existsSync(join(kernels, `${family}.c`)))
      .map(([, family, isa]) => (isa === 'portable' ? `${family}` : `${family}__${isa}`));
    const ours = names.filter((name) => !text.includes(`"${name}.c"`));
    expect(
      ours.filter((name) =>
        /linear_f32|conv|attention_f32|layer_norm_f32|gelu_f32|softmax_f32|matmul_f32|resize_/.test(name),
      ),
    ).toEqual([]);
  });

  it('gives the bits of float-math.ts', () => {
    const functions = [
      math.expF32,
      math.expSoftmaxF32,
      math.exp2F32,
      math.logF32,
      math.log2F32,
      math.erfF32,
      math.sinF32,
      math.cosF32,
      math.tanhF32,
      math.sigmoidF32,
      math.geluErfF32,
      math.geluTanhF32,
      math.geluNearF32,
      math.rneF32,
      math.floorF32,
      math.ceilF32,
      math.sqrtF32,
    ];
    const count = 100_000;
    const inputs = new Float32Array(count);
    const inputBits = new Uint32Array(inputs.buffer);
    let state = 12345;
    const next = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state;
    };
    for (let i = 0; i < count; i++) {
      // A third each: any bits, the range that matters, and near the limits of exp.
      if (i % 3 === 0) inputBits[i] = next() ^ (next() >>> 16);
      else inputs[i] = (next() / 2 ** 32 - 0.5) * (i % 3 === 1 ? 20 : 300);
    }
    const file = join(build, 'inputs.bin');
    writeFileSync(file, new Uint8Array(inputs.buffer));
    const b = { name: 'bits', compiler: compilers[0] ?? 'cc', flags: [...optimized, ...widest] };
    const out = execFileSync(compile('math', b), [file], { maxBuffer: 1 << 26 });
    const actual = new Uint32Array(out.buffer.slice(out.byteOffset, out.byteOffset + out.byteLength));
    expect(actual.length).toBe(functions.length * count);
    const y = new Float32Array(1);
    const yBits = new Uint32Array(y.buffer);
    for (const [t, fn] of functions.entries()) {
      let differing = 0;
      let example = '';
      for (let i = 0; i < count; i++) {
        const x = inputs[i] ?? 0;
        y[0] = fn(x);
        const expected = Number.isNaN(y[0]) ? 0x7fc00000 : yBits[0];
        if (expected !== actual[t * count + i]) {
          differing++;
          example = `${fn.name}(${x}) = ${y[0]}`;
        }
      }
      expect(differing, example).toBe(0);
    }
  }, 60_000);

  it('needs the scratch that float-scratch.ts says', () => {
    const sizes = [1, 4, 5, 33, 84, 200, 512, 768, 1024, 4096];
    const lines: string[] = [];
    const expected: number[] = [];
    for (const m of sizes) {
      for (const k of sizes) {
        lines.push(
          `linear ${m} ${k} ${k} 0 0 0`,
          `conv ${k} 0 0 0 0 0`,
          `attention ${m} ${k} 64 33 14 20`,
          `attention ${k} ${m} 16 80 0 0`,
        );
        expected.push(
          linearF32ScratchBytes(m, k, k),
          convF32ScratchBytes(k),
          attentionF32ScratchBytes({ m, n: k, c: 64, cv: 33, relKh: 14, relKw: 20 }),
          attentionF32ScratchBytes({ m: k, n: m, c: 16, cv: 80, relKh: 0, relKw: 0 }),
        );
      }
    }
    const binary = compile('scratch', { name: 'scratch', compiler: compilers[0] ?? 'cc', flags: ['-O1'] });
    const out = execFileSync(binary, { input: `${lines.join('\n')}\n`, encoding: 'utf8' });
    expect(out.trim().split('\n').map(Number)).toEqual(expected);
  });
});

describe('float packing', () => {
  it('packs a linear layer in blocks of bias and rows', () => {
    const packed = packLinearF32(Float32Array.of(1, 2, 3, 4, 5, 6), Float32Array.of(7, 8, 9), 3, 2, 2);
    expect([...new Float32Array(packed.buffer)]).toEqual([7, 8, 1, 3, 2, 4, 9, 0, 5, 0, 6, 0]);
    expect(packed.length).toBe(linearF32PackedBytes(3, 2, 2));
    expect([...transposeF32(Float32Array.of(1, 2, 3, 4, 5, 6), 2, 3)]).toEqual([1, 4, 2, 5, 3, 6]);
    expect(() => packLinearF32(new Float32Array(5), undefined, 3, 2, 2)).toThrow('5 weights, expected 3 x 2');
  });

  it('moves the channels of convolution weights last', () => {
    const w = Float32Array.from({ length: 12 }, (_, i) => i);
    expect([...convF32Matrix(w, 2, 2, 3)]).toEqual([0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11]);
    expect([...packConvNdF32(w, 2, 2, 3)]).toEqual([0, 6, 3, 9, 1, 7, 4, 10, 2, 8, 5, 11]);
    expect([...packConvTransposeNdF32(w, 2, 2, 3, 1)]).toEqual([0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]);
    expect([...packConvTransposeNdF32(w, 2, 2, 3, 2)]).toEqual([0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]);
    expect(() => packConvNdF32(w, 2, 2, 2)).toThrow('12 weights, expected 8');
  });
});
