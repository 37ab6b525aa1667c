import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Picture, prepareImage } from './image.js';
import { type Prompt, toDecoderPrompt } from './prompts.js';
import { type Segmentation, segmentationOf } from './sam-package.js';
import { messageOf, UserError } from './user-error.js';

type Runtime = typeof import('onnxruntime-node');

/** SAM's pair of models run by onnxruntime. */
export interface Reference {
  /** Runs the encoder; what it gives runs the decoder for prompts over that picture. */
  readonly encode: (
    picture: Picture,
  ) => Promise<(prompt: Pick<Prompt, 'points' | 'labels'>) => Promise<Omit<Segmentation, 'ms'>>>;
}

/** onnxruntime-node, installed beside sam-qc or in the folder that the user works in. */
async function loadRuntime(): Promise<Runtime> {
  try {
    return await import('onnxruntime-node');
  } catch {
    try {
      const path = createRequire(join(process.cwd(), 'package.json')).resolve('onnxruntime-node');
      const module = (await import(pathToFileURL(path).href)) as Runtime & { readonly default?: Runtime };
      return module.default ?? module;
    } catch {
      throw new UserError('--reference needs onnxruntime-node, which is not installed: npm install onnxruntime-node');
    }
  }
}

/** @throws UserError where onnxruntime-node is missing or cannot load a model */
export async function openReference(
  files: { readonly encoder: string; readonly decoder: string },
  side: number,
): Promise<Reference> {
  const { InferenceSession, Tensor } = await loadRuntime();
  const open = async (file: string) => {
    try {
      return await InferenceSession.create(file);
    } catch (cause) {
      throw new UserError(`${file}: onnxruntime cannot load it: ${messageOf(cause)}`, { cause });
    }
  };
  const encoder = await open(files.encoder);
  const decoder = await open(files.decoder);
  const input = encoder.inputNames[0] ?? '';
  const f32 = (data: Float32Array, shape: readonly number[]) => new Tensor('float32', data, [...shape]);

  const zeros = (count: number) =>
    decoder.inputMetadata.map((meta) => {
      if (!meta.isTensor) throw new UserError(`${files.decoder}: input '${meta.name}' is not a tensor`);
      const shape = meta.shape.map((dim) => (typeof dim === 'number' ? dim : count));
      return [meta.name, f32(new Float32Array(shape.reduce((a, b) => a * b, 1)), shape)] as const;
    });

  return {
    encode: async (picture) => {
      const { tensor } = prepareImage(picture, side);
      const encoded = await encoder.run({ [input]: f32(tensor, [1, 3, side, side]) });
      const embeddings = encoded[encoder.outputNames[0] ?? ''];
      if (embeddings === undefined) throw new UserError(`${files.encoder}: has no output`);
      return async (prompt) => {
        const { point_coords, point_labels, orig_im_size, count } = toDecoderPrompt(prompt, picture, side);
        const outputs = await decoder.run({
          ...Object.fromEntries(zeros(count)),
          image_embeddings: embeddings,
          point_coords: f32(point_coords, [1, count, 2]),
          point_labels: f32(point_labels, [1, count]),
          orig_im_size: f32(orig_im_size, [2]),
        });
        const tensors = Object.entries(outputs).map(
          ([name, { data, dims }]) => [name, { data: data as Float32Array, shape: dims }] as const,
        );
        return segmentationOf(new Map(tensors), picture, files.decoder);
      };
    },
  };
}
