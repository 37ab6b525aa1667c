import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { C_FLAGS } from '../../src/codegen/emit-build-files.js';
import { emitPackage, type ManifestModel } from '../../src/codegen/emit-package.js';
import { TARGETS } from '../../src/codegen/targets.js';
import { runnerArray } from '../../src/compiled-package.js';
import { findProgram } from '../../src/host-tools.js';
import { writeNpy } from '../../src/npy.js';
import type { Width } from '../quantize-by-evaluation.js';
import { quantizedSmallSam, type SmallSam } from '../small-sam.js';
import { MACHINES, type Machine, runOn, twoAtATime } from './machines.js';

/**
 * The small SAM, encoder and decoder at 8, 6, 4 and mixed bits, compiled for every target and run with 1 and 2 threads (one on
 * the emulated machine that has one processor): the bytes of every output are the same.
 */

const scratch = mkdtempSync(join(tmpdir(), 'sam-qc-targets-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const WIDTHS: readonly Width[] = [8, 6, 4, 'mixed'];

const STRICT = ['-Wall', '-Wextra', '-Wpedantic', '-Werror'];
let sam: SmallSam;
/** What every target must give: SHA-256 of each output's file, by model and output; from the first target that runs. */
const expected = new Map<string, string>();

beforeAll(async () => {
  sam = await quantizedSmallSam(WIDTHS);
  for (const [model, inputs] of sam.inputs) {
    await mkdir(join(scratch, model));
    for (const [name, tensor] of inputs) await writeNpy(join(scratch, model, `${name}.npy`), runnerArray(tensor));
  }
}, 600_000);

async function build(machine: Machine, folder: string): Promise<readonly ManifestModel[]> {
  const { manifest } = await emitPackage(sam.models, { target: machine.target, bits: 'w8a8', outDir: folder });
  const [compiler] = machine.compilers;
  await execa('make', [
    '-C',
    folder,
    '-j2',
    'build/run',
    `CC=${compiler?.join(' ')}`,
    `CFLAGS=${[...C_FLAGS, ...STRICT].join(' ')}`,
    `TARGET_FLAGS=${machine.builds[0].join(' ')}`,
    `LDFLAGS=${machine.linkFlags.join(' ')}`,
  ]);
  return manifest.models;
}

async function hashes(
  machine: Machine,
  folder: string,
  model: ManifestModel,
  threads: number,
  emulator: readonly string[],
): Promise<Map<string, string>> {
  const out = join(folder, `${model.name}-${threads}-${machine.variants.indexOf(emulator)}`);
  const inputs = model.inputs.flatMap(({ name, field }) => [
    '--in',
    `${field}=${join(scratch, model.name, `${name}.npy`)}`,
  ]);
  const args = [model.name, '--out', out, '--threads', String(threads), ...inputs];
  await runOn({ ...machine, emulator }, join(folder, 'build', 'run'), args);
  const digest = (file: string): string =>
    createHash('sha256')
      .update(readFileSync(join(out, file)))
      .digest('hex');
  return new Map(model.outputs.map(({ name, file }) => [`${model.name} ${name}`, digest(file)]));
}

describe('the small SAM at 8, 6, 4 and mixed bits', () => {
  for (const machine of MACHINES) {
    const { target, missing } = machine;
    if (missing !== undefined) console.log(`${target} is skipped: ${missing}`);
    it.skipIf(missing !== undefined)(
      `gives the same bytes on ${target}`,
      async () => {
        const folder = join(scratch, target);
        const models = await build(machine, folder);
        expect(models.length).toBe(2 * WIDTHS.length);
        const found: [string, string][] = [];
        const runs = models.flatMap((model) => [
          ...machine.threads.map((threads) => ({ model, threads, emulator: machine.emulator })),
          ...machine.variants.map((emulator) => ({ model, threads: 1, emulator })),
        ]);
        await twoAtATime(runs, async ({ model, threads, emulator }) => {
          for (const [output, hash] of await hashes(machine, folder, model, threads, emulator)) {
            if (!expected.has(output)) expected.set(output, hash);
            found.push([`${output}, ${threads} threads`, hash === expected.get(output) ? 'the same' : hash]);
          }
        });
        expect(found.filter(([, result]) => result !== 'the same')).toEqual([]);
        expect(found.length).toBe(
          (machine.threads.length + machine.variants.length) * models.flatMap(({ outputs }) => outputs).length,
        );
      },
      900_000,
    );
  }

  it('compiles without a warning by the compilers that it was not built with', async () => {
    const others = MACHINES.filter(({ missing }) => missing === undefined).flatMap(
      ({ target, compilers, builds: [flags] }) => compilers.slice(1).map((compiler) => ({ target, compiler, flags })),
    );
    const { triple, flags } = TARGETS['wasm32-simd128'];
    if (findProgram('clang-19') !== undefined)
      others.push({ target: 'wasm32-simd128', compiler: ['clang-19', `--target=${triple}`], flags });
    await twoAtATime(others, async ({ target, compiler: [program, ...first], flags }) => {
      const folder = join(scratch, `${target}-warnings`);
      await emitPackage(sam.models.slice(0, 2), { target, bits: 'w8a8', outDir: folder });
      const sources = sam.models.slice(0, 2).map(({ name }) => `src/${name}.c`);
      const args = [...first, ...C_FLAGS, ...STRICT, ...flags, '-c', ...sources];
      await execa(program ?? '', args, { cwd: folder, stdin: 'ignore' });
    });
    expect(others.length).toBeGreaterThan(0);
  }, 600_000);
});
