/** Instructions per multiply-accumulate of the AArch64 kernels' inner loops: npx tsx bench/arm-instructions.ts */
import { findProgram } from '../src/host-tools.js';
import { type ArmTarget, FAMILIES, innerLoop, PRODUCTS } from '../tests/targets/inner-loop.js';

const compilers = [['aarch64-linux-gnu-gcc'], ['clang-19', '--target=aarch64-linux-gnu']] as const;
console.log(
  '| family | target | compiler | instructions in the loop | products | instructions per MAC | best possible |',
);
console.log('|---|---|---|---|---|---|---|');
for (const family of FAMILIES) {
  for (const target of Object.keys(PRODUCTS) as ArmTarget[]) {
    for (const compiler of compilers) {
      if (findProgram(compiler[0]) === undefined) continue;
      const { instructions, multiplying } = innerLoop(family, target, compiler);
      const { macs } = PRODUCTS[target];
      const perMac = (instructions / (multiplying * macs)).toFixed(4);
      console.log(
        `| ${family} | ${target} | ${compiler[0]} | ${instructions} | ${multiplying} × ${macs} | ${perMac} | ${(1 / macs).toFixed(4)} |`,
      );
    }
  }
}
