import { readFileSync } from 'node:fs';

/** Instruction sets that kernels are written for. */
export const ISAS = [
  'portable',
  'avx2',
  'avxvnni',
  'avx512',
  'avx512vnni',
  'avx512vbmi',
  'amx',
  'neon',
  'dotprod',
  'i8mm',
  'rvv',
  'simd128',
] as const;
export type Isa = (typeof ISAS)[number];

export interface Target {
  /** Kernels to choose from, best first; ends in `portable`. */
  readonly isas: readonly Isa[];
  /** Compiler flags for the code of the target; those of the language and the optimiser are in the Makefile. */
  readonly flags: readonly string[];
  /** What the flags switch on, as `__attribute__((target(…)))` spells it, for a file that is compiled without them. */
  readonly features: readonly string[];
  /** For cross compilers: `clang --target=…`, `…-gcc`. Undefined: the compiler's own. */
  readonly triple: string | undefined;
}

const AVX2 = ['avx2', 'fma', 'f16c', 'bmi2'];
const AVX512 = [...AVX2, 'avx512f', 'avx512bw', 'avx512dq', 'avx512vl', 'avx512vnni'];
const flagsOf = (features: readonly string[]): readonly string[] => features.map((feature) => `-m${feature}`);

const TABLE = {
  c99: { isas: ['portable'], flags: [], features: [], triple: undefined },
  'x86-64-avx2': { isas: ['avx2', 'portable'], flags: flagsOf(AVX2), features: AVX2, triple: 'x86_64-linux-gnu' },
  'x86-64-avxvnni': {
    isas: ['avxvnni', 'avx2', 'portable'],
    flags: flagsOf([...AVX2, 'avxvnni']),
    features: [...AVX2, 'avxvnni'],
    triple: 'x86_64-linux-gnu',
  },
  // Processors that have VNNI and cannot permute bytes.
  'x86-64-cascadelake': {
    isas: ['avx512vnni', 'avx512', 'avx2', 'portable'],
    flags: [...flagsOf(AVX512), '-mprefer-vector-width=512'],
    features: AVX512,
    triple: 'x86_64-linux-gnu',
  },
  'x86-64-avx512vnni': {
    // AMX's tiles are asked for as the program runs, and done without where they are refused.
    isas: ['amx', 'avx512vbmi', 'avx512vnni', 'avx512', 'avx2', 'portable'],
    flags: [...flagsOf([...AVX512, 'avx512vbmi']), '-mprefer-vector-width=512'],
    features: [...AVX512, 'avx512vbmi'],
    triple: 'x86_64-linux-gnu',
  },
  'aarch64-neon': { isas: ['neon', 'portable'], flags: ['-march=armv8-a'], features: [], triple: 'aarch64-linux-gnu' },
  'aarch64-dotprod': {
    isas: ['dotprod', 'neon', 'portable'],
    flags: ['-march=armv8.2-a+dotprod'],
    features: [],
    triple: 'aarch64-linux-gnu',
  },
  'aarch64-i8mm': {
    isas: ['i8mm', 'dotprod', 'neon', 'portable'],
    flags: ['-march=armv8.2-a+dotprod+i8mm'],
    features: [],
    triple: 'aarch64-linux-gnu',
  },
  riscv64: { isas: ['portable'], flags: ['-march=rv64gc', '-mabi=lp64d'], features: [], triple: 'riscv64-linux-gnu' },
  'riscv64-rvv': {
    isas: ['rvv', 'portable'],
    flags: ['-march=rv64gcv', '-mabi=lp64d'],
    features: [],
    triple: 'riscv64-linux-gnu',
  },
  'wasm32-simd128': {
    isas: ['simd128', 'portable'],
    flags: ['-msimd128'],
    features: [],
    triple: 'wasm32-unknown-unknown',
  },
} as const satisfies Record<string, Target>;

export type TargetName = keyof typeof TABLE;
export const TARGETS: Readonly<Record<TargetName, Target>> = TABLE;
export const TARGET_NAMES = Object.keys(TABLE) as readonly TargetName[];

/** CPU flags that each target needs, as /proc/cpuinfo spells them; first match wins. */
const HOST_NEEDS: readonly { arch: string; target: TargetName; flags: readonly string[] }[] = [
  {
    arch: 'x64',
    target: 'x86-64-avx512vnni',
    flags: ['avx512f', 'avx512bw', 'avx512dq', 'avx512vl', 'avx512vbmi', 'avx512_vnni', 'fma', 'f16c', 'bmi2'],
  },
  {
    arch: 'x64',
    target: 'x86-64-cascadelake',
    flags: ['avx512f', 'avx512bw', 'avx512dq', 'avx512vl', 'avx512_vnni', 'fma', 'f16c', 'bmi2'],
  },
  { arch: 'x64', target: 'x86-64-avxvnni', flags: ['avx_vnni', 'avx2', 'fma', 'f16c', 'bmi2'] },
  { arch: 'x64', target: 'x86-64-avx2', flags: ['avx2', 'fma', 'f16c', 'bmi2'] },
  { arch: 'arm64', target: 'aarch64-i8mm', flags: ['asimddp', 'i8mm'] },
  { arch: 'arm64', target: 'aarch64-dotprod', flags: ['asimddp'] },
  { arch: 'arm64', target: 'aarch64-neon', flags: [] },
  // Not riscv64-rvv: many a compiler on such a machine (GCC before 14) does not know its vectors.
  { arch: 'riscv64', target: 'riscv64', flags: [] },
];

/** The best target for a CPU: `arch` as in `process.arch`, `cpuinfo` the text of /proc/cpuinfo. */
export function detectTarget(arch: string, cpuinfo: string): TargetName {
  const flags = new Set((/^(?:flags|Features)\s*:(.*)$/m.exec(cpuinfo)?.[1] ?? '').trim().split(/\s+/));
  return HOST_NEEDS.find((row) => row.arch === arch && row.flags.every((flag) => flags.has(flag)))?.target ?? 'c99';
}

/** The best target for this machine. Without /proc/cpuinfo (macOS), what every Apple Arm core has. */
export function hostTarget(): TargetName {
  try {
    return detectTarget(process.arch, readFileSync('/proc/cpuinfo', 'utf8'));
  } catch {
    return process.platform === 'darwin' && process.arch === 'arm64' ? 'aarch64-dotprod' : 'c99';
  }
}

/** `host` is the machine that compiles. */
export const resolveTarget = (name: TargetName | 'host'): TargetName => (name === 'host' ? hostTarget() : name);
