import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { fuzz } from './fuzz.js';
import { random } from './random.js';
import { openTarget, TARGET_NAMES } from './targets.js';

/**
 * A short run of `npm run fuzz:import`, without its guidance by coverage. The seed is of the day's choosing where
 * SAM_QC_FUZZ_SEED is set.
 */

const ONNX_TESTS = fileURLToPath(new URL('../../../shared/onnx-node', import.meta.url));
const SEED = Number(process.env.SAM_QC_FUZZ_SEED ?? 1);
const scratch = mkdtempSync(join(tmpdir(), 'sam-qc-fuzz-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe('hostile input is accepted or refused with a diagnostic', () => {
  it.each(TARGET_NAMES)('%s', async (name) => {
    const target = await openTarget(name, mkdtempSync(join(scratch, 'inputs-')), ONNX_TESTS);
    const result = await fuzz(target, { inputs: name === 'models' ? 4000 : 300, random: random(SEED) });
    expect([...result.defects.values()].map(({ message }) => message)).toEqual([]);
    expect(result.accepted).toBeGreaterThan(0);
    expect(result.refused).toBeGreaterThan(0);
  });
});
