import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { type NodeTest, verifyNodeTest } from '../../bench/onnx-node.js';

/**
 * The ONNX project's operator tests through `verify`: compiled, built, run. A few of them; all with SAM_QC_FULL=1
 * (`npm run test:full`).
 */
const folder = fileURLToPath(new URL('../../../shared/onnx-node', import.meta.url));
const all = existsSync(folder) ? readdirSync(folder).sort() : [];
if (all.length === 0) console.warn(`verify of operator tests: skipped, ${folder} is absent`);

const REPRESENTATIVES = [
  'test_cast_FLOAT_to_STRING',
  'test_castlike_FLOAT_to_BFLOAT16_expanded',
  'test_convtranspose',
  'test_einsum_batch_matmul',
  'test_gather_elements_1',
  'test_gridsample_bilinear',
  'test_layer_normalization_4d_axis2',
  'test_maxpool_2d_default',
  'test_qlinearconv',
  'test_reduce_sum_default_axes_keepdims_random',
  'test_reshape_negative_extended_dims',
  'test_resize_downsample_scales_linear_align_corners',
  'test_scatternd',
  'test_top_k_smallest',
  'test_where_long_example',
];
const names = process.env.SAM_QC_FULL ? all : REPRESENTATIVES;

describe.skipIf(all.length === 0)('verify', () => {
  const tests: NodeTest[] = [];
  it.each(names)('%s', async (name) => {
    const test = await verifyNodeTest(folder, name);
    tests.push(test);
    expect(test.status, test.reason).not.toBe('fail');
    expect(test.status, test.reason).not.toBe('error');
    if (test.status === 'refused') expect(test.reason).toMatch(/not supported/);
  });
  it.skipIf(names.length < all.length)('passes at least 360 of them', () => {
    expect(tests.filter(({ status }) => status === 'pass').length).toBeGreaterThanOrEqual(360);
  });
  it('refuses strings and nothing else', () => {
    const refused = tests.filter(({ status }) => status === 'refused').map(({ name }) => name);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.filter((name) => !name.includes('STRING'))).toEqual([]);
  });
  afterAll(() => {
    if (names.length < all.length)
      console.log(`verify: ${names.length} of ${all.length} operator tests; npm run test:full for all`);
  });
});
