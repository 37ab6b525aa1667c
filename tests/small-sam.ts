import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rowLog2 } from '../src/calibrate/precision.js';
import type { PackageModel } from '../src/codegen/emit-package.js';
import { loadImage } from '../src/image.js';
import { evaluateGraph } from '../src/ir/evaluate.js';
import type { Graph } from '../src/ir/graph.js';
import type { SoftmaxQuantizer } from '../src/ir/integer/attention-parameters.js';
import { importModel } from '../src/ir/onnx/import-model.js';
import type { Tensor } from '../src/ir/types.js';
import { runPipeline } from '../src/passes/pass.js';
import { PASSES } from '../src/passes/pipeline.js';
import { quantizeByEvaluation, type Width } from './quantize-by-evaluation.js';

const examples = fileURLToPath(new URL('../examples/', import.meta.url));

const f32 = (shape: readonly number[], data: ArrayLike<number>): Tensor => ({
  dtype: 'f32',
  shape,
  data: Float32Array.from(data),
});

/** Every coding of the probabilities takes its turn. */
export function codings(width: Width): SoftmaxQuantizer[] {
  const bits = width === 'mixed' ? 8 : width;
  return [
    rowLog2(bits, 4, 0),
    { quantizer: 'row_uniform', bits, tau: 1, offset: 0, reference: 1 },
    { quantizer: 'agq', bits, tau: 2, offset: 0, reference: Math.fround(0.7) },
    rowLog2(bits, 2, 1),
  ];
}

/** A model of the small SAM after the canonical pipeline, with inputs that use all of it. */
export interface SmallModel {
  readonly name: 'encoder' | 'decoder';
  readonly graph: Graph;
  readonly inputs: ReadonlyMap<string, Tensor>;
}

/** Encoder and decoder of the small SAM on a picture, with points, a previous mask and a size that is not the model's. */
export async function smallSam(): Promise<readonly [SmallModel, SmallModel]> {
  const program = (name: string): Graph => runPipeline(importModel(join(examples, 'tiny-sam', `${name}.onnx`)), PASSES);
  const { tensor, side } = await loadImage(join(examples, 'scenes', 'evaluation', '000.png'), 256);
  const image = new Map([['image', f32([1, 3, side, side], tensor)]]);
  const encoder = program('encoder');
  const prompt = new Map([
    ['image_embeddings', evaluateGraph(encoder, image).get('image_embeddings')!],
    ['point_coords', f32([1, 3, 2], [80, 175, 30, 40, 0, 0])],
    ['point_labels', f32([1, 3], [1, 0, -1])],
    [
      'mask_input',
      f32(
        [1, 1, 64, 64],
        Array.from({ length: 64 * 64 }, (_, i) => Math.sin(i)),
      ),
    ],
    ['has_mask_input', f32([1], [1])],
    ['orig_im_size', f32([2], [171, 256])],
  ]);
  return [
    { name: 'encoder', graph: encoder, inputs: image },
    { name: 'decoder', graph: program('decoder'), inputs: prompt },
  ];
}

export interface SmallSam {
  readonly models: readonly PackageModel[];
  /** By model and by the names of its inputs. */
  readonly inputs: ReadonlyMap<string, ReadonlyMap<string, Tensor>>;
}

/** The small SAM quantized to each of `widths`, from one evaluation: models `encoder_<bits>` and `decoder_<bits>`. */
export async function quantizedSmallSam(widths: readonly Width[]): Promise<SmallSam> {
  const float = await smallSam();
  const named = widths.flatMap((bits) => float.map((model) => ({ ...model, bits, name: `${model.name}_${bits}` })));
  return {
    models: named.map(({ name, graph, inputs, bits }) => ({
      name,
      graph: quantizeByEvaluation(graph, inputs, bits, codings(bits)),
      sourceSha256: '',
    })),
    inputs: new Map(named.map(({ name, inputs }) => [name, inputs])),
  };
}
