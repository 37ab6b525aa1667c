import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emitPackage } from '../../src/codegen/emit-package.js';
import type { TargetName } from '../../src/codegen/targets.js';
import { findProgram } from '../../src/host-tools.js';
import { quantizedSmallSam, type SmallSam } from '../small-sam.js';

/** The examples in C, in C++ and on bare metal, built against a package and run: all print the same hashes. */

const examples = fileURLToPath(new URL('../../examples/', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'sam-qc-consumers-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

let sam: SmallSam;
beforeAll(async () => {
  const { models, inputs } = await quantizedSmallSam([8]);
  sam = { models: models.map((model) => ({ ...model, name: model.name.replace(/_8$/, '') })), inputs };
}, 300_000);

async function emit(target: TargetName, name: string): Promise<string> {
  const outDir = join(scratch, name);
  await emitPackage(sam.models, { target, bits: 'w8a8', outDir });
  return outDir;
}

const OUTPUTS = ['image_embeddings', 'masks', 'iou_predictions', 'low_res_masks'];
/** Hashes by output; fails where one is missing. */
function hashesOf(printed: string): readonly string[] {
  return OUTPUTS.map((name) => {
    const hash = new RegExp(`^${name} ([0-9a-f]{16})\\r?$`, 'm').exec(printed)?.[1];
    if (hash === undefined) throw new Error(`no hash of ${name} in: ${printed}`);
    return hash;
  });
}
/** From the first that runs. */
let expected: readonly string[] | undefined;
function expectSame(printed: string): void {
  const found = hashesOf(printed);
  expected ??= found;
  expect(found).toEqual(expected);
}

const STRICT = '-Wall -Wextra -Wpedantic -Werror';
const CROSS = [
  '-DCMAKE_SYSTEM_NAME=Linux',
  '-DCMAKE_FIND_ROOT_PATH_MODE_PACKAGE=BOTH',
  '-DCMAKE_EXE_LINKER_FLAGS=-static',
];
const PLATFORMS = [
  { target: 'c99', cc: 'cc', cxx: 'c++', options: [], emulator: [] },
  {
    target: 'aarch64-i8mm',
    cc: 'aarch64-linux-gnu-gcc',
    cxx: 'aarch64-linux-gnu-g++',
    options: CROSS,
    emulator: ['qemu-aarch64', '-cpu', 'max'],
  },
] as const;

async function cmake(source: string, build: string, options: readonly string[]): Promise<void> {
  await execa('cmake', ['-S', source, '-B', build, ...options]);
  await execa('cmake', ['--build', build, '-j2']);
}

describe('consumers of a package', () => {
  for (const { target, cc, cxx, options, emulator } of PLATFORMS) {
    const missing = ['cmake', cc, cxx, ...emulator.slice(0, 1)].filter((tool) => findProgram(tool) === undefined);
    if (missing.length > 0) console.log(`examples in C and C++ for ${target} are skipped: not in PATH: ${missing}`);
    it.skipIf(missing.length > 0)(
      `link it through CMake, for ${target}`,
      async () => {
        const folder = await emit(target, target);
        const installed = join(scratch, `${target}-installed`);
        const flags = [`-DCMAKE_C_FLAGS=${STRICT}`, `-DCMAKE_CXX_FLAGS=${STRICT}`, ...options];
        const c = [`-DCMAKE_C_COMPILER=${cc}`, ...flags.filter((flag) => !flag.includes('CXX'))];
        const cpp = [`-DCMAKE_CXX_COMPILER=${cxx}`, ...flags.filter((flag) => !flag.includes('C_FLAGS'))];
        await cmake(folder, join(folder, 'cmake'), [...c, `-DCMAKE_INSTALL_PREFIX=${installed}`]);
        await execa('cmake', ['--install', join(folder, 'cmake')]);
        // One finds it where it was built, the other where it was installed.
        await cmake(join(examples, 'c'), join(scratch, `${target}-c`), [...c, `-Dsam_qc_models_DIR=${folder}/cmake`]);
        await cmake(join(examples, 'cpp'), join(scratch, `${target}-cpp`), [
          ...cpp,
          `-DCMAKE_PREFIX_PATH=${installed}`,
        ]);
        for (const [build, weights] of [
          ['c', folder],
          ['cpp', join(installed, 'share', 'sam_qc_models')],
        ] as const) {
          const [program, ...args] = [...emulator, join(scratch, `${target}-${build}`, 'segment'), weights];
          expectSame((await execa(program, args)).stdout);
        }
      },
      600_000,
    );
  }

  const tools = ['make', 'arm-none-eabi-gcc', 'qemu-system-arm'].filter((tool) => findProgram(tool) === undefined);
  if (tools.length > 0) console.log(`the example on bare metal is skipped: not in PATH: ${tools.join(', ')}`);
  it.skipIf(tools.length > 0)(
    'run on a Cortex-M55 without an operating system',
    async () => {
      const folder = await emit('c99', 'bare-metal');
      const args = [
        '-s',
        '-C',
        join(examples, 'bare-metal'),
        'run',
        `PACKAGE=${folder}`,
        `BUILD=${join(folder, 'build')}`,
      ];
      expectSame((await execa('make', args, { timeout: 300_000, stdin: 'ignore' })).stdout);
    },
    600_000,
  );
});
