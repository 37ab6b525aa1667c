/**
 * libFuzzer on generated C, under AddressSanitizer and UndefinedBehaviorSanitizer.
 *
 *   npm run fuzz:library -- [executions] [seed] [folder for findings]
 *
 * Nearly all executions are of a model with everything that SAM has and next to no weights, the others of the small SAM: an
 * execution of that takes a thousand times as long.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hostTarget } from '../src/codegen/targets.js';
import { buildFuzzer, type FuzzedPackage, fuzzerMissing, runFuzzer } from '../tests/hostile/library/packages.js';

/** Shares of the executions; those of the small SAM come on top. */
const host = hostTarget();
const PACKAGES: readonly FuzzedPackage[] = [
  { model: 'mini', bits: 'f32', target: host, executions: 0.3 },
  { model: 'mini', bits: 'w8a8', target: host, executions: 0.3 },
  { model: 'mini', bits: 'w8a8', target: 'c99', executions: 0.2 },
  { model: 'mini', bits: 'w4a4', target: host, executions: 0.2 },
  { model: 'small', bits: 'f32', target: host, executions: 0.001 },
  { model: 'small', bits: 'w8a8', target: host, executions: 0.002 },
];

const [wanted = '1000000', seed = '1', findings = 'out/fuzz-findings'] = process.argv.slice(2);
const missing = fuzzerMissing();
if (missing !== undefined) throw new Error(missing);
mkdirSync(findings, { recursive: true });
const scratch = mkdtempSync(join(tmpdir(), 'sam-qc-fuzz-'));
let total = 0;
try {
  console.log(`seed ${seed}`);
  for (const [index, fuzzed] of PACKAGES.entries()) {
    const folder = join(scratch, String(index));
    const program = await buildFuzzer(fuzzed, folder);
    const result = runFuzzer(program, folder, Math.round(Number(wanted) * fuzzed.executions), Number(seed), findings);
    total += result.executions;
    console.log(
      `${fuzzed.model} SAM, ${fuzzed.bits}, ${fuzzed.target}: ${result.executions} executions, ${result.coverage} edges, ${result.failed ? 'FAILED' : 'nothing found'}`,
    );
    if (result.failed) {
      console.log(result.output);
      process.exitCode = 1;
    }
  }
  console.log(`${total} executions, seed ${seed}`);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
