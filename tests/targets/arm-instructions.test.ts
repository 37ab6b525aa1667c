import { describe, expect, it } from 'vitest';
import { findProgram } from '../../src/host-tools.js';
import { FAMILIES, innerLoop, overhead } from './inner-loop.js';

const compilers = [['aarch64-linux-gnu-gcc'], ['clang-19', '--target=aarch64-linux-gnu']] as const;
const able = compilers.filter(([program]) => findProgram(program) !== undefined);
const objdump = findProgram('aarch64-linux-gnu-objdump') !== undefined;
if (!objdump || able.length === 0)
  console.log('AArch64 inner loops are skipped: no aarch64-linux-gnu-objdump or compiler');

describe.skipIf(!objdump || able.length === 0)('the inner loop of the AArch64 kernels', () => {
  it.each(able.map((compiler) => [compiler[0], compiler] as const))(
    'has at most 15 %% beside products, by %s',
    (_, compiler) => {
      for (const family of FAMILIES)
        for (const target of ['aarch64-dotprod', 'aarch64-i8mm'] as const)
          expect(overhead(innerLoop(family, target, compiler)), `${family}, ${target}`).toBeLessThanOrEqual(1.15);
    },
  );
});
