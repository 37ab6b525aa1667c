import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { evaluateGraph } from '../src/ir/evaluate.js';
import { importForVerify } from '../src/ir/onnx/import-for-verify.js';
import { ModelError } from '../src/ir/onnx/model-error.js';
import { isFloat, type Tensor } from '../src/ir/types.js';

/**
 * The operator tests of the ONNX project, through the importer and the evaluator. The data lies beside the checkout:
 * ../shared/onnx-node/<test>/{model.onnx, test_data_set_0/*.pb}.
 */
const folder = fileURLToPath(new URL('../../shared/onnx-node', import.meta.url));
const tests = existsSync(folder) ? readdirSync(folder).sort() : [];
if (tests.length === 0) console.warn(`onnx-node: skipped, ${folder} is absent`);

/** Tests that must be refused, with what the message says. */
const REFUSED: ReadonlyMap<string, RegExp> = new Map([
  ['test_cast_FLOAT_to_STRING', /string/],
  ['test_cast_STRING_to_FLOAT', /string/],
  ['test_castlike_FLOAT_to_STRING_expanded', /string/],
  ['test_castlike_STRING_to_FLOAT_expanded', /string/],
]);

const RELATIVE = 1e-4;
const ABSOLUTE = 1e-6;
/** Tests whose published results are rounded to four digits. */
const FOUR_DIGITS: ReadonlySet<string> = new Set(['test_gridsample_bicubic']);
/** Steps of the types that are rounded to fewer bits than float32. */
const ROUNDING: Readonly<Record<string, number>> = { f16: 2 ** -10, bf16: 2 ** -7 };

function firstDifference(found: Tensor, expected: Tensor, tolerance: number): string | undefined {
  if (found.dtype !== expected.dtype || String(found.shape) !== String(expected.shape))
    return `${found.dtype}[${found.shape}], expected ${expected.dtype}[${expected.shape}]`;
  const relative = ROUNDING[expected.dtype] ?? tolerance;
  for (const [i, reference] of expected.data.entries()) {
    const value = found.data[i];
    const [x, y] = [Number(value), Number(reference)];
    const same = isFloat(expected.dtype)
      ? Object.is(x, y) || x === y || Math.abs(x - y) <= ABSOLUTE + relative * Math.abs(y)
      : value === reference;
    if (!same) return `element ${i}: ${value}, expected ${reference}`;
  }
  return undefined;
}

describe.skipIf(tests.length === 0)('operator tests of the ONNX project', () => {
  it.each(tests)('%s', (test) => {
    const load = () => importForVerify(join(folder, test, 'model.onnx'), join(folder, test, 'test_data_set_0'));
    const refusal = REFUSED.get(test);
    if (refusal) {
      expect(load).toThrow(ModelError);
      expect(load).toThrow(refusal);
      return;
    }
    const { graph, inputs, outputs } = load();
    const results = evaluateGraph(graph, inputs);
    const tolerance = FOUR_DIGITS.has(test) ? 5e-4 : RELATIVE;
    expect(outputs.size).toBeGreaterThan(0);
    for (const [name, expected] of outputs) {
      const found = results.get(name);
      expect(found && firstDifference(found, expected, tolerance), name).toBeUndefined();
      expect(found).toBeDefined();
    }
  });
});
