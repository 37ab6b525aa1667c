import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { canonicalize } from './canonical-graph.js';
import { emitPackage } from './codegen/emit-package.js';
import { resolveTarget, type TargetName } from './codegen/targets.js';
import { type Comparison, compareTensors, ONNX_TOLERANCE, type Tolerance } from './compare-tensors.js';
import { buildPackage, runModel } from './compiled-package.js';
import { importForVerify, type VerifyCase } from './ir/onnx/import-for-verify.js';
import { ModelError } from './ir/onnx/model-error.js';
import type { Bounds } from './ir/scalar.js';
import { withTemporaryFolder } from './temporary-folder.js';
import { UserError } from './user-error.js';

export interface VerifyOptions {
  readonly target?: TargetName | 'host';
  readonly tolerance?: Tolerance;
  /** C compiler flags in place of the package's own. */
  readonly flags?: string;
  readonly dims?: Readonly<Record<string, Bounds>>;
}

export interface VerifiedOutput extends Comparison {
  readonly name: string;
}

/** `refused`: the model uses what cannot be compiled, and no C was made. */
export type Verification =
  | { readonly status: 'refused'; readonly reason: string }
  | {
      readonly status: 'pass' | 'fail';
      readonly outputs: readonly VerifiedOutput[];
      /** Inputs that became constants because shapes depend on them. */
      readonly frozen: readonly string[];
    };

/**
 * Compiles a model as float, builds it with the host's compiler, runs it on ONNX test data and compares the results.
 *
 * @param data a folder with `input_0.pb`, …, `output_0.pb`, …, or one with several such folders `test_data_set_<n>`
 * @throws UserError where the folder has no test data, or the C of the model does not build or run
 */
export async function verify(file: string, data: string, options: VerifyOptions = {}): Promise<Verification> {
  const outputs: VerifiedOutput[] = [];
  const frozen = new Set<string>();
  for (const folder of dataSets(data)) {
    let test: VerifyCase;
    try {
      test = importForVerify(file, folder, options.dims);
    } catch (error) {
      if (error instanceof ModelError) return { status: 'refused', reason: error.message };
      throw error;
    }
    outputs.push(...(await runCase(file, test, options)));
    for (const input of test.frozen) frozen.add(input);
  }
  const failed = outputs.some(({ problem }) => problem !== undefined);
  return { status: failed ? 'fail' : 'pass', outputs, frozen: [...frozen] };
}

function dataSets(data: string): readonly string[] {
  if (!existsSync(data)) throw new UserError(`${data}: no such folder of test data`);
  const names = readdirSync(data).sort();
  if (names.some((name) => /^(input|output)_\d+\.pb$/.test(name))) return [data];
  const sets = names.filter((name) => /^test_data_set_\d+$/.test(name));
  if (sets.length === 0) throw new UserError(`${data}: holds neither input_0.pb, output_0.pb, … nor test_data_set_0`);
  return sets.map((name) => join(data, name));
}

async function runCase(file: string, test: VerifyCase, options: VerifyOptions): Promise<readonly VerifiedOutput[]> {
  const graph = canonicalize(basename(file), test.graph);
  return withTemporaryFolder(join(tmpdir(), 'sam-qc-verify-'), async (scratch) => {
    const folder = join(scratch, 'package');
    const { manifest } = await emitPackage([{ name: 'model', graph, sourceSha256: '' }], {
      target: resolveTarget(options.target ?? 'host'),
      bits: 'f32',
      outDir: folder,
    });
    await buildPackage({ folder, manifest }, options.flags);
    const { outputs } = await runModel({ folder, manifest }, 'model', test.inputs, scratch);
    return [...test.outputs].map(([name, expected]) => {
      const found = outputs.get(name);
      if (found === undefined) throw new UserError(`${basename(file)}: output '${name}' was not computed`);
      return { name, ...compareTensors(expected, found, options.tolerance ?? ONNX_TOLERANCE) };
    });
  });
}
