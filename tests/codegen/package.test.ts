import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emitPackage, type WrittenPackage } from '../../src/codegen/emit-package.js';
import { hostTarget, TARGETS } from '../../src/codegen/targets.js';
import { evaluateGraph } from '../../src/ir/evaluate.js';
import type { Tensor } from '../../src/ir/types.js';
import { readNpy, writeNpy } from '../../src/npy.js';
import { npyOf, tensorOf } from '../../src/npy-tensor.js';
import { exampleGraph, exampleInputs } from './example-graph.js';

const STRICT = ['-std=c11', '-Wall', '-Wextra', '-Wpedantic', '-Werror', '-ffp-contract=off'];
const SANITIZE = ['-O1', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
const compilers = ['cc', 'clang-19'].filter((cc) => spawnSync(cc, ['--version']).status === 0);
const scratch = mkdtempSync(join(tmpdir(), 'sam-qc-package-'));
const models = [{ name: 'example', graph: exampleGraph(), sourceSha256: 'f'.repeat(64) }];

const filesUnder = (folder: string): Map<string, string> =>
  new Map(
    (readdirSync(folder, { recursive: true }) as string[])
      .filter((path) => statSync(join(folder, path)).isFile())
      .sort()
      .map((path) => [path, readFileSync(join(folder, path), 'latin1')]),
  );

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe('a package', () => {
  const folder = join(scratch, 'package');
  let written: WrittenPackage;
  beforeAll(async () => {
    written = await emitPackage(models, { target: hostTarget(), bits: 'f32', outDir: folder });
  });
  const manifest = (): WrittenPackage['manifest']['models'][number] => written.manifest.models[0]!;

  async function runModel(
    program: string,
    inputs: ReadonlyMap<string, Tensor>,
    ...flags: string[]
  ): Promise<Map<string, Tensor>> {
    const out = mkdtempSync(join(scratch, 'out-'));
    const args: string[] = [];
    for (const { name, file } of manifest().inputs) {
      const path = join(out, `in-${file}`);
      await writeNpy(path, npyOf(inputs.get(name)!));
      args.push('--in', `${name}=${path}`);
    }
    execFileSync(program, ['example', ...args, '--out', out, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
    const outputs = new Map<string, Tensor>();
    for (const { file } of manifest().outputs) outputs.set(file, tensorOf(await readNpy(join(out, file))));
    return outputs;
  }

  it('describes its tensors by safe names', () => {
    expect(manifest().inputs.map(({ field }) => field)).toEqual(['x_1_', 'double_', 'size']);
    expect(manifest().outputs.map(({ file }) => file)).toEqual([
      'tokens.npy',
      'tokens_2.npy',
      '__picture.npy',
      'the_same.npy',
      'constant.npy',
    ]);
    expect(manifest().arena_bytes).toBeGreaterThan(manifest().arena_lower_bound_bytes);
    expect(JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'))).toEqual(written.manifest);
  });

  it.each(compilers)(
    'compiles without a warning and answers as the evaluator does, under %s with sanitizers',
    async (cc) => {
      const program = join(folder, `run-${cc}`);
      const sources = [join(folder, 'src', 'example.c'), join(folder, 'runner.c')];
      execFileSync(cc, [
        ...STRICT,
        ...SANITIZE,
        ...TARGETS[hostTarget()].flags,
        ...sources,
        '-lpthread',
        '-lm',
        '-o',
        program,
      ]);
      for (const [tokens, size] of [
        [9, [12, 7]],
        [1, [1, 12]],
        [0, [3, 3]],
      ] as const) {
        const inputs = exampleInputs(tokens, size);
        const expected = [...evaluateGraph(models[0]!.graph, inputs)];
        const found = await runModel(program, inputs, '--weights', join(folder, 'example.weights'));
        manifest().outputs.forEach(({ name, file }) => {
          const want = expected.find(([output]) => output === name)?.[1];
          const got = found.get(file)!;
          if (want === undefined || name === 'tokens') return;
          expect(got.shape).toEqual(want.shape);
          want.data.forEach((value, i) => {
            expect(Math.abs(Number(got.data[i]) - Number(value))).toBeLessThan(1e-4);
          });
        });
        expect(found.get('tokens_2.npy')!.data).toEqual(found.get('tokens.npy')!.data);
      }
    },
  );

  it('is built by its Makefile, and gives the same bytes with any number of threads', async () => {
    execFileSync('make', ['-C', folder, `CFLAGS=${STRICT.join(' ')} -O3`], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    expect(readdirSync(join(folder, 'build'))).toEqual(expect.arrayContaining(['run', 'libexample.a']));
    const inputs = exampleInputs(7, [11, 12]);
    const program = join(folder, 'build', 'run');
    const one = await runModel(program, inputs);
    for (const threads of ['2', '5'])
      expect(await runModel(program, inputs, '--threads', threads, '--repeat', '3')).toEqual(one);
  });

  it('finds every error that the interface names', () => {
    const program = join(folder, 'errors');
    const here = new URL('./errors.c', import.meta.url).pathname;
    execFileSync('cc', [
      ...STRICT,
      ...SANITIZE,
      '-I',
      folder,
      here,
      join(folder, 'src', 'example.c'),
      '-lm',
      '-o',
      program,
    ]);
    expect(execFileSync(program, [join(folder, 'example.weights')], { encoding: 'utf8' })).toBe('ok\n');
  });

  it('has a header that C++ takes', () => {
    const path = join(scratch, 'header.cpp');
    writeFileSync(
      path,
      `#include "${folder}/include/example.h"\nint main() { example_outputs out = {}; (void)out; }\n`,
    );
    execFileSync('c++', ['-Wall', '-Wextra', '-Wpedantic', '-Werror', '-fsyntax-only', path]);
  });

  it('is the same, byte for byte, when it is written again over the old one', async () => {
    const before = filesUnder(folder);
    await emitPackage(models, { target: hostTarget(), bits: 'f32', outDir: folder });
    expect(filesUnder(folder)).toEqual(before);
    expect(readdirSync(scratch).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});

describe('a failure', () => {
  it('leaves nothing behind, and names the node', async () => {
    const folder = join(scratch, 'failed');
    const graph = exampleGraph();
    const broken = { ...graph, constants: new Map([...graph.constants].map(([id]) => [id, { load: fail }])) };
    await expect(
      emitPackage([{ ...models[0]!, graph: broken }], { target: 'c99', bits: 'f32', outDir: folder }),
    ).rejects.toThrow('not to be loaded');
    expect(readdirSync(scratch).filter((name) => name.includes('failed'))).toEqual([]);
  });
});

function fail(): never {
  throw new Error('not to be loaded');
}
