import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { evaluateGraph } from '../../src/ir/evaluate.js';
import { importForVerify, type VerifyCase } from '../../src/ir/onnx/import-for-verify.js';
import { ModelError } from '../../src/ir/onnx/model-error.js';
import { parse } from '../../src/ir/text/parse.js';
import { print } from '../../src/ir/text/print.js';
import type { Tensor } from '../../src/ir/types.js';
import { runPipeline } from '../../src/passes/pass.js';
import { PASSES } from '../../src/passes/pipeline.js';

/** ONNX's operator tests, ../shared/onnx-node beside the checkout: the pipeline must not change what a program means. */
const folder = fileURLToPath(new URL('../../../shared/onnx-node', import.meta.url));
const tests = existsSync(folder) ? readdirSync(folder).sort() : [];
if (tests.length === 0) console.warn(`onnx-node: skipped, ${folder} is absent`);

const RELATIVE = 1e-5;
const ABSOLUTE = 1e-6;

function expectSame(before: Tensor, after: Tensor): void {
  expect([after.dtype, after.shape]).toEqual([before.dtype, before.shape]);
  for (const [i, value] of before.data.entries()) {
    const [x, y] = [Number(value), Number(after.data[i])];
    const same = Object.is(x, y) || x === y || Math.abs(x - y) <= ABSOLUTE + RELATIVE * Math.abs(x);
    expect(same ? 'same' : `element ${i}: ${y}, was ${x}`).toBe('same');
  }
}

describe.skipIf(tests.length === 0)('the pipeline on operator tests of the ONNX project', () => {
  it('keeps the results, and every program has a text form', () => {
    let programs = 0;
    for (const test of tests) {
      let testCase: VerifyCase;
      try {
        testCase = importForVerify(join(folder, test, 'model.onnx'), join(folder, test, 'test_data_set_0'));
      } catch (error) {
        expect(error).toBeInstanceOf(ModelError);
        continue;
      }
      programs++;
      const after = runPipeline(testCase.graph, PASSES);
      const text = print(after);
      expect(print(parse(text)), test).toBe(text);
      const results = evaluateGraph(after, testCase.inputs);
      for (const [name, before] of evaluateGraph(testCase.graph, testCase.inputs))
        expectSame(before, results.get(name)!);
    }
    expect(programs).toBeGreaterThan(tests.length / 2);
  });
});
