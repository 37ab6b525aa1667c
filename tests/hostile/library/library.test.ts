import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { buildFuzzer, fuzzerMissing, runFuzzer } from './packages.js';

/** A short run of `npm run fuzz:library`. */

const missing = fuzzerMissing();
if (missing !== undefined) console.warn(`fuzzing of the library: skipped, ${missing}`);
const scratch = mkdtempSync(join(tmpdir(), 'sam-qc-library-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe.skipIf(missing !== undefined)('the library answers any call with a status and a defined result', () => {
  it.each(['f32', 'w8a8'] as const)(
    '%s',
    async (bits) => {
      const folder = join(scratch, bits);
      const program = await buildFuzzer({ model: 'mini', bits, target: 'c99', executions: 1 }, folder);
      const { executions, failed, output } = runFuzzer(program, folder, 2000, 1, scratch);
      expect(failed, output).toBe(false);
      expect(executions).toBeGreaterThanOrEqual(2000);
    },
    600_000,
  );
});
