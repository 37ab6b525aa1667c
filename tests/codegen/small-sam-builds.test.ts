import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emitPackage, type PackageOptions } from '../../src/codegen/emit-package.js';
import { hostTarget } from '../../src/codegen/targets.js';
import { openPackage, runModel } from '../../src/compiled-package.js';
import { evaluateGraph } from '../../src/ir/evaluate.js';
import type { Graph } from '../../src/ir/graph.js';
import { quantizeByEvaluation } from '../quantize-by-evaluation.js';
import { codings, type SmallModel, smallSam } from '../small-sam.js';

const STRICT = '-std=c11 -Wall -Wextra -Wpedantic -Werror -ffp-contract=off';
const SANITIZERS = `${STRICT} -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all`;
const compilers = ['gcc', 'clang-19'];
const scratch = mkdtempSync(join(tmpdir(), 'sam-qc-small-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe.each([
  ['f32', (graph: Graph) => graph],
  ['w4a4', (graph: Graph, { inputs }: SmallModel) => quantizeByEvaluation(graph, inputs, 4, codings(4))],
] as const)('the C of the small SAM, %s', (bits, convert) => {
  const folder = join(scratch, bits);
  let models: readonly SmallModel[];
  let programs: readonly Graph[];
  beforeAll(async () => {
    models = await smallSam();
    programs = models.map((model) => convert(model.graph, model));
    const options: PackageOptions = { target: hostTarget(), bits, outDir: folder };
    await emitPackage(
      models.map(({ name }, i) => ({ name, graph: programs[i]!, sourceSha256: '' })),
      options,
    );
  });
  const make = (cc: string, flags: string, goal: string) =>
    execa('make', ['-B', '-C', folder, goal, `CC=${cc}`, `CFLAGS=${flags}`, `LDFLAGS=${flags}`], {
      reject: false,
      all: true,
    });

  it.each(compilers)(
    'has no warning in %s',
    async (cc) => {
      if (spawnSync(cc, ['--version']).status !== 0) return console.log(`skip: there is no ${cc} on this machine`);
      const { exitCode, all } = await make(cc, `${STRICT} -O2`, 'build/run');
      expect(exitCode, all).toBe(0);
    },
    600_000,
  );
  it('is clean under the address and undefined-behaviour sanitizers, and right', async () => {
    const { exitCode, all } = await make('gcc', SANITIZERS, 'build/run');
    expect(exitCode, all).toBe(0);
    const compiled = await openPackage(folder);
    for (const [i, { name, inputs }] of models.entries()) {
      const { outputs } = await runModel(compiled, name, inputs, join(scratch, 'run'), { threads: 2 });
      for (const [output, expected] of evaluateGraph(programs[i]!, inputs)) {
        const [a, b] = [expected.data as Float32Array, outputs.get(output)!.data as Float32Array];
        const largest = a.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
        const worst = a.reduce((max, value, at) => Math.max(max, Math.abs(value - b[at]!)), 0);
        expect(worst, `${name}: ${output}`).toBeLessThanOrEqual(1e-4 * largest);
      }
    }
  }, 600_000);
});
