import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { emitPackage } from '../../src/codegen/emit-package.js';
import { hostTarget, type TargetName } from '../../src/codegen/targets.js';
import { buildPackage, openPackage, runModel } from '../../src/compiled-package.js';
import { evaluateGraph } from '../../src/ir/evaluate.js';
import { tensorToBytes } from '../../src/ir/tensor-bytes.js';
import type { Tensor } from '../../src/ir/types.js';
import { quantizeByEvaluation } from '../quantize-by-evaluation.js';
import { codings, smallSam } from '../small-sam.js';

const scratch = mkdtempSync(join(tmpdir(), 'sam-qc-bytes-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const base64Of = (outputs: ReadonlyMap<string, Tensor>): Map<string, string> =>
  new Map([...outputs].map(([name, tensor]) => [name, Buffer.from(tensorToBytes(tensor)).toString('base64')]));

/** The host's own, the portable one, and the other one of x86-64. */
const targets: readonly TargetName[] = [
  ...new Set<TargetName>(['c99', hostTarget(), ...(process.arch === 'x64' ? (['x86-64-avx2'] as const) : [])]),
];

describe.each([
  [8, 'w8a8'],
  [6, 'w6a6'],
  [4, 'w4a4'],
  ['mixed', 'mixed'],
] as const)('the small SAM at %s bits', (bits, build) => {
  it('gives the same bytes in C as in the evaluator, on every target of this machine, with 1 and 2 threads, twice', async () => {
    const models = (await smallSam()).map(({ name, graph, inputs }) => ({
      name,
      inputs,
      sourceSha256: '',
      graph: quantizeByEvaluation(graph, inputs, bits, codings(bits)),
    }));
    const expected = new Map(
      models.map(({ name, graph, inputs }) => [name, base64Of(evaluateGraph(graph, inputs))] as const),
    );
    for (const target of targets) {
      const folder = join(scratch, `${target}-${bits}`);
      await emitPackage(models, { target, bits: build, outDir: folder });
      const compiled = await openPackage(folder);
      await buildPackage(compiled);
      for (const { name, inputs } of models)
        for (const threads of [1, 2, 2]) {
          const { outputs } = await runModel(compiled, name, inputs, join(scratch, 'run'), { threads });
          expect(base64Of(outputs), `${name} for ${target}`).toEqual(expected.get(name));
        }
    }
  }, 600_000);
});
