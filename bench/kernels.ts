/**
 * Compiles and runs the kernel benchmarks of bench/kernels for this machine and prints a table.
 *
 *     npx tsx bench/kernels.ts [file] [letter]
 *
 * `file` is one of bench/kernels/*.c without its extension (default: all), `letter` restricts a benchmark to one group.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const [only, letter] = process.argv.slice(2);

/** Flags for the widest instruction set that this machine has. */
function machineFlags(): readonly string[] {
  let cpu = '';
  try {
    cpu = readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    return [];
  }
  const avx512 = ['avx512f', 'avx512bw', 'avx512dq', 'avx512vl', 'avx512vbmi'];
  const flags = avx512.every((f) => cpu.includes(f)) ? avx512.map((f) => `-m${f}`) : [];
  if (cpu.includes('avx512_vnni') && flags.length > 0) flags.push('-mavx512vnni');
  return cpu.includes('avx2') && cpu.includes('fma') ? [...flags, '-mavx2', '-mfma'] : [];
}

/** What a benchmark of a peer is linked with, and the package that has it. */
const PEERS: Readonly<Record<string, { readonly link: string; readonly debian: string }>> = {
  onednn: { link: '-ldnnl', debian: 'libdnnl-dev' },
};

const build = mkdtempSync(join(tmpdir(), 'sam-qc-bench-'));
try {
  const flags = ['-std=c11', '-O3', '-ffp-contract=off', '-fno-math-errno', '-fno-trapping-math', ...machineFlags()];
  for (const file of readdirSync(join(here, 'kernels')).filter((name) => name.endsWith('.c'))) {
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
