import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { readCorpus } from './corpus.js';
import { fuzz } from './fuzz.js';
import { random } from './random.js';
import { openTarget, TARGET_NAMES } from './targets.js';

/**
 * A short run of `npm run fuzz:import`, without its guidance by coverage: of a fixed time, and of so many inputs however slow the
 * machine is. The seed is of the day's choosing where SAM_QC_FUZZ_SEED is set, the seconds where SAM_QC_FUZZ_SECONDS is.
 */

const ONNX_TESTS = fileURLToPath(new URL('../../../shared/onnx-node', import.meta.url));
const SEED = Number(process.env.SAM_QC_FUZZ_SEED ?? 1);
const SECONDS = Number(process.env.SAM_QC_FUZZ_SECONDS ?? 10);
/** Readers of anything but models have next to no code to reach. */
const SHARE_OF_OTHERS = 0.1;
const scratch = mkdtempSync(join(tmpdir(), 'sam-qc-fuzz-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

it('has a corpus that earlier runs left', () => {
  expect(readCorpus().length).toBeGreaterThan(100);
});

describe('hostile input is accepted or refused with a diagnostic', () => {
  it.each(TARGET_NAMES)('%s', { timeout: 60_000 + 10_000 * SECONDS }, async (name) => {
    const target = await openTarget(name, mkdtempSync(join(scratch, 'inputs-')), ONNX_TESTS);
    const [least, seconds] = name === 'models' ? [4000, SECONDS] : [300, SHARE_OF_OTHERS * SECONDS];
    const end = performance.now() + 1000 * seconds;
    const onBatch = (done: number): boolean => done < least || performance.now() < end;
    const result = await fuzz(target, { inputs: Number.POSITIVE_INFINITY, random: random(SEED), onBatch });
    expect([...result.defects.values()].map(({ message }) => message)).toEqual([]);
    expect(result.inputs).toBeGreaterThanOrEqual(least);
    expect(result.accepted).toBeGreaterThan(0);
    expect(result.refused).toBeGreaterThan(0);
  });
});
