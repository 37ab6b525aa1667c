import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Picture, prepareImage } from './image.js';
import type { Prompt } from './prompts.js';
import { type DecoderFace, type EncoderFace, promptInputs } from './sam-interface.js';
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
  faces: { readonly encoder: EncoderFace; readonly decoder: DecoderFace },
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
  const { image, side, framing } = faces.encoder;
  const types = { f32: 'float32', i32: 'int32', i64: 'int64' } as const;

  return {
    encode: async (picture) => {
      const { tensor } = prepareImage(picture, side, framing);
      const encoded = await encoder.run({ [image]: new Tensor('float32', tensor, [1, 3, side, side]) });
      const features = faces.decoder.features.map((name) => {
        const feature = encoded[name];
        if (feature === undefined) throw new UserError(`${files.encoder}: has no output '${name}'`);
        return [name, feature] as const;
      });
      return async (prompt) => {
        const given = [...promptInputs(faces.decoder, prompt, picture)].map(
          ([name, { dtype, shape, data }]) =>
            [name, new Tensor(types[dtype], data as Float32Array, [...shape])] as const,
        );
        const outputs = await decoder.run(Object.fromEntries([...features, ...given]));
        const tensors = Object.entries(outputs).map(
          ([name, { data, dims }]) => [name, { data: data as Float32Array, shape: dims }] as const,
        );
        return segmentationOf(faces.decoder, new Map(tensors), picture, files.decoder);
      };
    },
  };
}
