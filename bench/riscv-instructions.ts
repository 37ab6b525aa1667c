/**
 * Instructions per multiply-accumulate of the integer kernels on RISC-V, epilogue and softmax included, counted as they are
 * executed (qemu-riscv64, vectors of 128 bits, clang-19): npx tsx bench/riscv-instructions.ts
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { C_FLAGS } from '../src/codegen/emit-build-files.js';

const folder = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const includes = ['../src/codegen/kernels', '../tests/kernels', '../tests/kernels/integer'].map(
  (path) => `-I${folder(path)}`,
);
const scratch = mkdtempSync(join(tmpdir(), 'sam-qc-riscv-'));

const WORK = [
  { what: '48 × 64, k = 512', family: 'sq_linear_u8s8', macros: [], macs: 48 * 64 * 512 },
  {
    what: '196 keys of 64 channels',
    family: 'sq_attention_u8',
    macros: ['-DATTENTION_KEYS=196'],
    macs: 2 * 32 * 196 * 64,
  },
  { what: '8 keys of 64 channels', family: 'sq_attention_u8', macros: ['-DATTENTION_KEYS=8'], macs: 2 * 32 * 8 * 64 },
] as const;
const FORMS = [
  { form: 'portable, rv64gc', suffix: '', march: 'rv64gc' },
  { form: 'portable, vectorised by clang (rv64gcv)', suffix: '', march: 'rv64gcv' },
  { form: 'rvv', suffix: '__rvv', march: 'rv64gcv' },
] as const;

/** Instructions of a whole run: qemu logs each as a block of its own, to standard error. */
async function executed(program: string, runs: number): Promise<number> {
  const cpu = ['-cpu', 'rv64,v=true,vext_spec=v1.0,vlen=128', '-singlestep', '-d', 'nochain,exec'];
  const emulator = spawn('qemu-riscv64', [...cpu, program, String(runs)], { stdio: ['ignore', 'ignore', 'pipe'] });
  let lines = 0;
  emulator.stderr.on('data', (chunk: Buffer) => {
    for (const byte of chunk) if (byte === 10) lines++;
  });
  await once(emulator, 'close');
  return lines;
}

try {
  console.log('| kernel | of what | code | instructions per MAC |\n|---|---|---|---|');
  for (const { what, family, macros, macs } of WORK) {
    for (const { form, suffix, march } of FORMS) {
      const program = join(scratch, `${family}${suffix}`);
      const kernel = [`-DKERNEL=${family}${suffix}`, `-DKERNEL_FILE="${family}${suffix}.c"`, ...macros];
      const target = ['--target=riscv64-linux-gnu', `-march=${march}`, '-mabi=lp64d', '-static'];
      const source = folder('kernels/riscv-count.c');
      execFileSync('clang-19', [...target, ...C_FLAGS, ...includes, ...kernel, source, '-o', program, '-lm']);
      const [one, twice] = [await executed(program, 1), await executed(program, 2)];
      console.log(`| ${family} | ${what} | ${form} | ${((twice - one) / macs).toFixed(3)} |`);
    }
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
