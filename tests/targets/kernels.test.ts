import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { type KernelRow, openKernelLibrary, selectVariant } from '../../src/codegen/kernel-library.js';
import { TARGETS } from '../../src/codegen/targets.js';
import { MACHINES, type Machine, runOn } from './machines.js';

/**
 * The programs of tests/kernels/integer, and the float kernels that are exact, for other processors: each ISA's kernels against
 * the portable ones, by bytes.
 */

const kernels = fileURLToPath(new URL('../../src/codegen/kernels', import.meta.url));
const tests = fileURLToPath(new URL('../kernels', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'sam-qc-target-kernels-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const STRICT = ['-std=c11', '-O3', '-ffp-contract=off', '-Wall', '-Wextra', '-Wpedantic', '-Werror'];
const library = openKernelLibrary();
const PROGRAMS = {
  layers: [],
  elementwise: [],
  product: [
    ['LINEAR', 'sq_linear_u8s8'],
    ['CONV', 'sq_conv_u8s8'],
  ],
  attention: [['ATTENTION', 'sq_attention_u8']],
} as const;

/** Macros that put a target's kernels in the place that the test compares; none where it has only the portable ones. */
function macros(program: keyof typeof PROGRAMS, { target }: Machine): readonly string[] {
  const chosen = PROGRAMS[program].map(([macro, family]): readonly [string, KernelRow] => {
    const row = selectVariant(library, family, TARGETS[target].isas);
    if (!row) throw new Error(`${family} has no kernel`);
    return [macro, row];
  });
  const [first] = chosen;
  if (!first || first[1].isa === 'portable') return [];
  const { nr, kr, packing } = first[1];
  return [
    ...chosen.flatMap(([macro, { name }]) => [`-D${macro}=${name}`, `-D${macro}_FILE="${name}.c"`]),
    `-DTEST_NR=${nr}`,
    `-DTEST_KR=${kr}`,
    ...(packing === 'linear_u8s8_panel' ? ['-DTEST_PANEL'] : []),
  ];
}

/** @returns what the program computed; fails where a comparison in it does */
async function digest(
  program: keyof typeof PROGRAMS,
  machine: Machine,
  compiler: readonly string[],
  targetFlags: readonly string[],
): Promise<string> {
  const [command, ...first] = compiler;
  if (command === undefined) throw new Error('no compiler');
  const binary = join(scratch, `${program}-${machine.target}-${command}-${targetFlags.length}`);
  const includes = [kernels, tests, join(tests, 'integer')].map((folder) => `-I${folder}`);
  const flags = [...STRICT, ...targetFlags, ...machine.linkFlags, ...macros(program, machine)];
  const source = join(tests, program === 'layers' ? 'float' : 'integer', `${program}.c`);
  execFileSync(command, [...first, ...flags, ...includes, source, '-o', binary, '-lm']);
  const digests = new Set<string>();
  for (const emulator of [machine.emulator, ...machine.variants]) {
    const output = await runOn({ ...machine, emulator }, binary, []);
    const found = /comparisons [1-9]\d* failures 0 digest (\w+)/.exec(output);
    if (!found?.[1]) throw new Error(`${emulator.join(' ')} ${binary}: ${output.slice(0, 2000)}`);
    digests.add(found[1]);
  }
  return [...digests].join(' and ');
}

const able = MACHINES.filter(({ missing }) => missing === undefined);
for (const { target, missing } of MACHINES)
  if (missing !== undefined) console.log(`kernels for ${target} are skipped: ${missing}`);

describe.skipIf(able.length === 0)('kernels on every target', () => {
  for (const program of Object.keys(PROGRAMS) as (keyof typeof PROGRAMS)[]) {
    it(`${program}: the portable kernel's bytes, the same digest everywhere`, async () => {
      const digests = new Map<string, string>();
      for (const machine of able) {
        const cross = machine.target !== 'c99' && !machine.target.startsWith('x86');
        for (const compiler of cross ? machine.compilers : machine.compilers.slice(0, 1))
          for (const flags of PROGRAMS[program].length === 0 ? machine.builds.slice(0, 1) : machine.builds)
            digests.set(
              `${machine.target} ${compiler[0]} ${flags.join(' ')}`,
              await digest(program, machine, compiler, flags),
            );
      }
      const [expected] = digests.values();
      expect([...digests].filter(([, found]) => found !== expected)).toEqual([]);
    }, 600_000);
  }
});
