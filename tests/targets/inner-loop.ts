import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TARGETS, type TargetName } from '../../src/codegen/targets.js';

const kernels = fileURLToPath(new URL('../../src/codegen/kernels', import.meta.url));

/** The innermost loop of a kernel as compiled: all its instructions, and those of them that multiply. */
export interface InnerLoop {
  readonly instructions: number;
  readonly multiplying: number;
}

/** Families whose inner loop does the integer products of a model. */
export const FAMILIES = ['sq_linear_u8s8', 'sq_attention_u8'] as const;
export type Family = (typeof FAMILIES)[number];

/** The instruction that does the products of each target's kernels, and how many products it does. */
export const PRODUCTS = {
  'aarch64-neon': { mnemonic: /^smull2?$/, macs: 8 },
  'aarch64-dotprod': { mnemonic: /^sdot$/, macs: 16 },
  'aarch64-i8mm': { mnemonic: /^usmmla$/, macs: 32 },
} as const satisfies Partial<Record<TargetName, { mnemonic: RegExp; macs: number }>>;
export type ArmTarget = keyof typeof PRODUCTS;

/** `address: mnemonic operands` lines of a disassembly. */
function parse(text: string): { readonly address: number; readonly mnemonic: string; readonly operands: string }[] {
  return [...text.matchAll(/^\s*([0-9a-f]+):\s+(\S+)[ \t]*(.*)$/gm)].map(([, address, mnemonic, operands]) => ({
    address: Number.parseInt(address ?? '', 16),
    mnemonic: mnemonic ?? '',
    operands: operands ?? '',
  }));
}

/**
 * Compiles a target's kernel and reads the disassembly of the loop that does most of its products: what lies between a branch
 * backwards and where it goes. (Attention's two products run through the same loop.)
 *
 * @throws where the object has no such loop
 */
export function innerLoop(family: Family, target: ArmTarget, compiler: readonly string[]): InnerLoop {
  const folder = mkdtempSync(join(tmpdir(), 'sam-qc-loop-'));
  try {
    const name = `${family}__${target.slice('aarch64-'.length)}`;
    const [command, ...first] = compiler;
    if (command === undefined) throw new Error('no compiler');
    const [source, object] = [join(folder, 'kernel.c'), join(folder, 'kernel.o')];
    writeFileSync(
      source,
      `#include "${name}.c"\nextern sq_kernel kernel_in_use;\nsq_kernel kernel_in_use = ${name};\n`,
    );
    const flags = ['-std=c11', '-O3', '-ffp-contract=off', ...TARGETS[target].flags, `-I${kernels}`];
    execFileSync(command, [...first, ...flags, '-c', source, '-o', object]);
    const dump = execFileSync('aarch64-linux-gnu-objdump', ['-d', '--no-show-raw-insn', object], { encoding: 'utf8' });
    const code = parse(dump);
    const { mnemonic } = PRODUCTS[target];
    const loops = code.flatMap(({ address, operands }, end): InnerLoop[] => {
      const to = Number.parseInt(/\b([0-9a-f]+) </.exec(operands)?.[1] ?? '', 16);
      const start = code.findIndex((instruction) => instruction.address === to);
      if (start < 0 || to >= address) return [];
      const body = code.slice(start, end + 1);
      if (body.some((instruction) => /^(bl|blr|ret)$/.test(instruction.mnemonic))) return [];
      return [{ instructions: body.length, multiplying: body.filter((i) => mnemonic.test(i.mnemonic)).length }];
    });
    const best = loops.reduce((a, b) => (b.multiplying > a.multiplying ? b : a), { instructions: 0, multiplying: 0 });
    if (best.multiplying === 0) throw new Error(`${name}: no loop with ${mnemonic} in the disassembly`);
    return best;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Instructions of all kinds for each instruction that multiplies: 1 is what cannot be beaten. */
export const overhead = ({ instructions, multiplying }: InnerLoop): number => instructions / multiplying;
