import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { detectTarget, hostTarget, TARGETS, type TargetName } from '../../src/codegen/targets.js';
import { findProgram } from '../../src/host-tools.js';

/** How code for a target is compiled and run here: by this machine, or under an emulator. */
export interface Machine {
  readonly target: TargetName;
  /** gcc first; each makes programs that `emulator` runs. */
  readonly compilers: readonly (readonly string[])[];
  /** Before the program and its arguments; empty for this machine's own processor. */
  readonly emulator: readonly string[];
  readonly linkFlags: readonly string[];
  /**
   * Flags of the target for each build of the kernels' tests; whole models are built with the first. There are several where
   * code can stand in for units that the processor, or the emulator, does not have.
   */
  readonly builds: readonly [readonly string[], ...(readonly string[])[]];
  /** Numbers of threads that programs may be run with. */
  readonly threads: readonly number[];
  /** The same machine with other registers: the same programs run there too. */
  readonly variants: readonly (readonly string[])[];
  /** Why it cannot be run here. */
  readonly missing: string | undefined;
}

const run = promisify(execFile);

function machine(
  target: TargetName,
  compilers: readonly (readonly string[])[],
  emulator: readonly string[],
  cannotRun: string | undefined,
  variants: Machine['variants'] = [],
): Machine {
  const found = compilers.filter(([program]) => findProgram(program ?? '') !== undefined);
  const [gcc] = compilers[0] ?? [];
  const absent = [gcc, emulator[0]].filter((program) => program !== undefined && findProgram(program) === undefined);
  const missing = absent.length > 0 ? `not in PATH: ${absent.join(', ')} (scripts/install-test-tools.sh)` : cannotRun;
  const linkFlags = emulator.length > 0 ? ['-static'] : [];
  return {
    target,
    compilers: found,
    emulator,
    linkFlags,
    builds: [TARGETS[target].flags],
    threads: [1, 2],
    variants,
    missing,
  };
}

const clang = (triple: string): readonly string[] => ['clang-19', `--target=${triple}`];
const native = (target: TargetName, cannotRun?: string): Machine =>
  machine(target, [['cc'], ['clang-19']], [], cannotRun);
const arm = (target: TargetName): Machine =>
  machine(target, [['aarch64-linux-gnu-gcc'], clang('aarch64-linux-gnu')], ['qemu-aarch64', '-cpu', 'max'], undefined);

/** x86-64 variants that this processor is too old for, or of another architecture. */
function x86(target: TargetName): Machine {
  const order: readonly TargetName[] = [
    'c99',
    'x86-64-avx2',
    'x86-64-avxvnni',
    'x86-64-cascadelake',
    'x86-64-avx512vnni',
  ];
  const able = process.arch === 'x64' && order.indexOf(target) <= order.indexOf(hostTarget());
  return native(target, able ? undefined : 'this processor does not have it');
}

/** It brings headers of the system before runner.c can say what it wants of them: the same words. */
const standIn = (file: string): readonly string[] => [
  '-D_DEFAULT_SOURCE=',
  '-D_POSIX_C_SOURCE=200809L',
  '-include',
  fileURLToPath(new URL(`../kernels/integer/${file}`, import.meta.url)),
];

/** On this processor; where it has AVX2 alone, that in place of vpdpbusd. */
function avxvnni(): Machine {
  const hasIt = existsSync('/proc/cpuinfo') && /\bavx_vnni\b/.test(readFileSync('/proc/cpuinfo', 'utf8'));
  const avx2 = x86('x86-64-avx2');
  const builds = [[...TARGETS['x86-64-avx2'].flags, ...standIn('avxvnni_emulated.h')]] as const;
  return hasIt ? native('x86-64-avxvnni') : { ...avx2, target: 'x86-64-avxvnni', builds };
}

/** On this processor where it has AVX-512, else in a machine of one processor that Bochs emulates. */
function avx512(target: TargetName, standIns: readonly string[]): Machine {
  const own = x86(target);
  if (own.missing === undefined || process.arch !== 'x64') return own;
  if (findProgram('bochs') === undefined)
    return { ...own, missing: `${own.missing}, nor is bochs there to emulate it` };
  const emulator = [process.execPath, '--import', 'tsx', fileURLToPath(new URL('bochs/run.ts', import.meta.url))];
  const [flags] = own.builds;
  const builds = [flags, ...standIns.map((file) => [...flags, ...standIn(file)])] as const;
  return { ...own, emulator, linkFlags: ['-static'], builds, threads: [1], missing: undefined };
}

/** Vectors of 128 bits, the least there are, and of 256. clang's intrinsics; the C library is the cross compiler's. */
function riscvVectors(): Machine {
  const emulator = (bits: number): readonly string[] => [
    'qemu-riscv64',
    '-cpu',
    `rv64,v=true,vext_spec=v1.0,vlen=${bits}`,
  ];
  const library = 'riscv64-linux-gnu-gcc';
  const cannotRun = findProgram(library) === undefined ? `not in PATH: ${library}` : undefined;
  return machine('riscv64-rvv', [clang('riscv64-linux-gnu')], emulator(128), cannotRun, [emulator(256)]);
}

/** One for every target that has a C library to link with; WebAssembly is tested through its bindings. */
export const MACHINES: readonly Machine[] = [
  native('c99'),
  x86('x86-64-avx2'),
  avxvnni(),
  avx512('x86-64-cascadelake', []),
  // Bochs has no AMX.
  avx512('x86-64-avx512vnni', ['amx_emulated.h']),
  arm('aarch64-neon'),
  arm('aarch64-dotprod'),
  arm('aarch64-i8mm'),
  machine(
    'riscv64',
    [['riscv64-linux-gnu-gcc'], clang('riscv64-linux-gnu')],
    ['qemu-riscv64'],
    detectTarget(process.arch, '') === 'riscv64' ? 'this machine is one' : undefined,
  ),
  riscvVectors(),
];

/** @returns what the program printed */
export async function runOn({ emulator }: Machine, program: string, args: readonly string[]): Promise<string> {
  const [command, ...before] = [...emulator, program];
  if (command === undefined) throw new Error('no program');
  return (await run(command, [...before, ...args], { maxBuffer: 1 << 24 })).stdout;
}

/** `work` on every item, as many at a time as there are cores in the smallest machine that CI has. */
export async function twoAtATime<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all([worker(), worker()]);
}
