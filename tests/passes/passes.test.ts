import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { evaluateGraph } from '../../src/ir/evaluate.js';
import type { Graph } from '../../src/ir/graph.js';
import { evaluateScalar } from '../../src/ir/scalar.js';
import { parse, randomTensor } from '../../src/ir/text/parse.js';
import { print } from '../../src/ir/text/print.js';
import type { Tensor } from '../../src/ir/types.js';
import { runPipeline } from '../../src/passes/pass.js';
import { PASSES } from '../../src/passes/pipeline.js';
import { fileCheck } from './file-check.js';

const folder = fileURLToPath(new URL('.', import.meta.url));
const files = readdirSync(folder).filter((name) => name.endsWith('.sqir'));

/** Inputs for the symbols at their lower or upper bounds. */
function inputsOf(graph: Graph, end: 'min' | 'max'): Map<string, Tensor> {
  const env = {
    symbol: (name: string) => graph.bounds[name]![end],
    element: (): number => {
      throw new Error('a shape of an input is made of symbols');
    },
  };
  return new Map(
    graph.inputs.map((id, i) => {
      const { name, type } = graph.values.get(id)!;
      return [
        name,
        randomTensor(
          type.dtype,
          type.shape.map((dim) => evaluateScalar(dim, env)),
          i + 1,
        ),
      ];
    }),
  );
}

/** Largest difference, relative to the largest magnitude; infinite where one is NaN and the other is not. */
function difference(a: Tensor, b: Tensor): number {
  expect(b.shape).toEqual(a.shape);
  expect(b.dtype).toBe(a.dtype);
  const [x, y] = [Array.from(a.data, Number), Array.from(b.data, Number)];
  const largest = x.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  return x.reduce((max, value, i) => {
    if (Object.is(value, y[i])) return max;
    const gap = Math.abs(value - y[i]!) / (largest || 1);
    return Number.isNaN(gap) ? Number.POSITIVE_INFINITY : Math.max(max, gap);
  }, 0);
}

for (const file of files) {
  const name = basename(file, '.sqir');
  describe(name, () => {
    const pass = PASSES.find((candidate) => candidate.name === name);
    it('is a pass', () => expect(pass).toBeDefined());
    if (pass === undefined) return;
    for (const source of readFileSync(join(folder, file), 'utf8').split(/^\/\/ -----$/m)) {
      const before = parse(source);
      const tolerance = Number(/\/\/ TOLERANCE: (\S+)/.exec(source)?.[1] ?? 0);
      it(`${before.name}: prints what its CHECK lines say`, () => {
        const output = print(runPipeline(before, [pass]));
        const problem = fileCheck(source, output);
        expect(problem === undefined ? undefined : `${problem}\n${output}`).toBeUndefined();
      });
      it(`${before.name}: gives the same results${tolerance > 0 ? ` to ${tolerance}` : ''}`, () => {
        const after = pass.run(before);
        for (const end of ['min', 'max'] as const) {
          const inputs = inputsOf(before, end);
          const [x, y] = [evaluateGraph(before, inputs), evaluateGraph(after, inputs)];
          for (const { name: output } of before.outputs)
            expect(difference(x.get(output)!, y.get(output)!)).toBeLessThanOrEqual(tolerance);
        }
      });
    }
  });
}

it('every pass of the pipeline has a test of its name', () => {
  for (const { name } of PASSES) expect(files).toContain(`${name}.sqir`);
});
