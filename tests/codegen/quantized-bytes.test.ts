import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rowLog2 } from '../../src/calibrate/precision.js';
import { emitPackage } from '../../src/codegen/emit-package.js';
import { hostTarget, type TargetName } from '../../src/codegen/targets.js';
import { buildPackage, openPackage, runModel } from '../../src/compiled-package.js';
import { loadImage } from '../../src/image.js';
import { evaluateGraph } from '../../src/ir/evaluate.js';
import type { Graph } from '../../src/ir/graph.js';
import type { SoftmaxQuantizer } from '../../src/ir/integer/attention-parameters.js';
import { importModel } from '../../src/ir/onnx/import-model.js';
import { tensorToBytes } from '../../src/ir/tensor-bytes.js';
import type { Tensor } from '../../src/ir/types.js';
import { runPipeline } from '../../src/passes/pass.js';
import { PASSES } from '../../src/passes/pipeline.js';
import { quantizeByEvaluation } from '../quantize-by-evaluation.js';

const examples = fileURLToPath(new URL('../../examples/', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'sam-qc-bytes-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const f32 = (shape: readonly number[], data: ArrayLike<number>): Tensor => ({
  dtype: 'f32',
  shape,
  data: Float32Array.from(data),
});
const program = (name: string): Graph => runPipeline(importModel(join(examples, 'tiny-sam', `${name}.onnx`)), PASSES);

/** Every coding of the probabilities takes its turn. */
const codings = (bits: number): SoftmaxQuantizer[] => [
  rowLog2(bits, 4, 0),
  { quantizer: 'row_uniform', bits, tau: 1, offset: 0, reference: 1 },
  { quantizer: 'agq', bits, tau: 2, offset: 0, reference: Math.fround(0.7) },
  rowLog2(bits, 2, 1),
];

const encoder = program('encoder');
const decoder = program('decoder');
let image: ReadonlyMap<string, Tensor>;
let prompt: ReadonlyMap<string, Tensor>;

beforeAll(async () => {
  const { tensor, side } = await loadImage(join(examples, 'scenes', 'evaluation', '000.png'), 256);
  image = new Map([['image', f32([1, 3, side, side], tensor)]]);
  prompt = new Map([
    ['image_embeddings', evaluateGraph(encoder, image).get('image_embeddings')!],
    ['point_coords', f32([1, 3, 2], [80, 175, 30, 40, 0, 0])],
    ['point_labels', f32([1, 3], [1, 0, -1])],
    [
      'mask_input',
      f32(
        [1, 1, 64, 64],
        new Float32Array(64 * 64).map((_, i) => Math.sin(i)),
      ),
    ],
    ['has_mask_input', f32([1], [1])],
    ['orig_im_size', f32([2], [171, 256])],
  ]);
});

/** The outputs of the generated C, as bytes by name. */
async function bytesOf(
  folder: string,
  name: string,
  inputs: ReadonlyMap<string, Tensor>,
  threads: number,
): Promise<Map<string, string>> {
  const { outputs } = await runModel(await openPackage(folder), name, inputs, join(scratch, 'run'), { threads });
  return hexOf(outputs);
}
const hexOf = (outputs: ReadonlyMap<string, Tensor>): Map<string, string> =>
  new Map([...outputs].map(([name, tensor]) => [name, Buffer.from(tensorToBytes(tensor)).toString('base64')]));

describe.each([
  [8, 'w8a8'],
  [6, 'w6a6'],
  [4, 'w4a4'],
] as const)('the small SAM at %i bits', (bits, build) => {
  it('gives the same bytes in C as in the evaluator, on every target of this machine, with 1 and 2 threads, twice', async () => {
    const models = [
      { name: 'encoder', graph: quantizeByEvaluation(encoder, image, bits, codings(bits)), inputs: image },
      { name: 'decoder', graph: quantizeByEvaluation(decoder, prompt, bits, codings(bits)), inputs: prompt },
    ];
    const expected = new Map(models.map(({ name, graph, inputs }) => [name, hexOf(evaluateGraph(graph, inputs))]));
    const targets = new Set<TargetName>([
      'c99',
      hostTarget(),
      ...(process.arch === 'x64' ? (['x86-64-avx2'] as const) : []),
    ]);
    for (const target of targets) {
      const folder = join(scratch, `${target}-${bits}`);
      const sources = models.map(({ name, graph }) => ({ name, graph, sourceSha256: '' }));
      await emitPackage(sources, { target, bits: build, outDir: folder });
      await buildPackage(await openPackage(folder));
      for (const { name, inputs } of models)
        for (const threads of [1, 2, 2])
          expect(await bytesOf(folder, name, inputs, threads), `${name} for ${target}`).toEqual(expected.get(name));
    }
  }, 600_000);
});
