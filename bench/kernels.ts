/**
 * Compiles and runs the kernel benchmarks of bench/kernels for this machine and prints a table.
 *
 *     npx tsx bench/kernels.ts [file] [letter]
 *
 * `file` is one of bench/kernels/*.c without its extension (default: all), `letter` restricts a benchmark to one group.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const [only, letter] = process.argv.slice(2);

const AVX2 = ['avx2', 'fma'];
const AVX512 = [...AVX2, 'avx512f', 'avx512bw', 'avx512dq', 'avx512vl', 'avx512vnni'];
const VBMI = [...AVX512, 'avx512vbmi'];
/** What the compiler is told to use, narrowest first, and what /proc/cpuinfo calls that where it is another name. */
const FEATURES: readonly (readonly string[])[] = [
  AVX2,
  [...AVX2, 'avxvnni'],
  AVX512,
  VBMI,
  [...VBMI, 'amx-tile', 'amx-int8'],
];
const CPUINFO: Readonly<Record<string, string>> = {
  avxvnni: 'avx_vnni',
  avx512vnni: 'avx512_vnni',
  'amx-tile': 'amx_tile',
  'amx-int8': 'amx_int8',
};

/** Flags for each set of instructions that this machine has, widest last. */
function machineFlags(): readonly (readonly string[])[] {
  const cpu = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8').split(/\s+/) : [];
  const known = FEATURES.filter((features) => features.every((feature) => cpu.includes(CPUINFO[feature] ?? feature)));
  return known.length > 0 ? known.map((features) => features.map((feature) => `-m${feature}`)) : [[]];
}

/** What a benchmark of a peer is linked with, and the package that has it. */
const PEERS: Readonly<Record<string, { readonly link: string; readonly debian: string }>> = {
  onednn: { link: '-ldnnl', debian: 'libdnnl-dev' },
};

const build = mkdtempSync(join(tmpdir(), 'sam-qc-bench-'));
try {
  const common = ['-std=c11', '-O3', '-ffp-contract=off', '-fno-math-errno', '-fno-trapping-math'];
  const machine = machineFlags();
  const files = readdirSync(join(here, 'kernels')).filter((name) => name.endsWith('.c'));
  const runs = files.flatMap((file) =>
    (file === 'integer.c' ? machine : machine.slice(-1)).map((own) => ({ file, flags: [...common, ...own] })),
  );
  for (const { file, flags } of runs) {
    const name = file.slice(0, -2);
    if (only !== undefined && only !== name) continue;
    const binary = join(build, name);
    const source = join(here, 'kernels', file);
    const folders = ['src/codegen/kernels', 'tests/kernels', 'tests/kernels/integer'];
    const includes = folders.map((folder) => `-I${join(here, '..', folder)}`);
    const peer = PEERS[name];
    const compiler = process.env.CC ?? 'cc';
    const linked = peer === undefined ? ['-lm'] : ['-lm', peer.link];
    const { status, stderr } = spawnSync(compiler, [...flags, ...includes, source, '-o', binary, ...linked], {
      encoding: 'utf8',
    });
    if (status !== 0 && peer !== undefined) {
      console.log(`${name} is skipped: it does not compile here (Debian package ${peer.debian})`);
      continue;
    }
    if (status !== 0) throw new Error(`${compiler} ${file}: ${stderr}`);
    const out = execFileSync(binary, letter === undefined ? [] : [letter], { encoding: 'utf8' });
    console.log(`${name}: ${flags.join(' ')}`);
    console.table(
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, string | number>),
    );
  }
} finally {
  rmSync(build, { recursive: true, force: true });
}
